// TextFile: an open file that shows a text as it was when it was opened.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "fs/lane.h"

namespace ipn::fs {

class TextFile : public OpenFile {
  public:
    explicit TextFile(std::string text) : text_(std::move(text)) {}

    void read(ReadRequest read) override {
        const auto start = std::min<std::uint64_t>(read.offset, text_.size());
        std::span<std::byte> space = read.request.gather_space();
        const std::size_t length =
            std::min({text_.size() - start, std::size_t{read.size}, space.size()});
        std::memcpy(space.data(), text_.data() + start, length);
        read.request.read_gathered(length);
    }
    void write(WriteRequest write) override { write.request.error(EBADF); }
    void poll(PollRequest poll) override { poll.request.polled(POLLIN | POLLRDNORM); }

  protected:
    std::size_t length() const { return text_.size(); }

  private:
    const std::string text_;
};

}  // namespace ipn::fs
