// MessageBatch: messages that cross a socket together, by sendmmsg(2) and recvmmsg(2).
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

namespace bench {

class MessageBatch {
  public:
    struct Setting {
        unsigned messages;
        std::size_t bytes_each;
    };

    explicit MessageBatch(const Setting& setting);
    MessageBatch(const MessageBatch&) = delete;
    MessageBatch& operator=(const MessageBatch&) = delete;

    // Returns true once the batch is full.
    bool add(std::span<const std::byte> message);
    void send_all(int socket);
    void clear() { count_ = 0; }

    // The next message; when all of the batch are taken, waits for one and takes what is there.
    std::span<const std::byte> receive(int socket);

  private:
    std::span<std::byte> slot(std::size_t index) {
        return std::span(bytes_).subspan(index * setting_.bytes_each, setting_.bytes_each);
    }

    Setting setting_;
    std::vector<std::byte> bytes_;
    std::vector<iovec> segments_;
    std::vector<mmsghdr> headers_;
    unsigned count_ = 0;  // messages there
    unsigned taken_ = 0;
};

}  // namespace bench
