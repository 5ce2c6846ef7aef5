// ByteWriter, ByteReader: packets of one known size as bytes of a stream: many in one write, and
// cut out of what each read brings.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "harness/buffer.h"

namespace bench {

class ByteWriter {
  public:
    explicit ByteWriter(unsigned packets_a_write) : packets_a_write_(packets_a_write) {}

    // Hands all bytes to `write` once there are as many packets as a write has.
    template <typename Write>
    void send(std::span<const std::byte> packet, Write write) {
        batch_.insert(batch_.end(), packet.begin(), packet.end());
        if (++batched_ < packets_a_write_) return;
        write(std::span<const std::byte>(batch_));
        batch_.clear();
        batched_ = 0;
    }

  private:
    unsigned packets_a_write_;
    std::vector<std::byte> batch_;
    unsigned batched_ = 0;
};

class ByteReader {
  public:
    explicit ByteReader(std::size_t buffer_bytes, Pages pages = Pages::huge)
        : buffer_(buffer_bytes, pages) {}

    // The next so many bytes from the file; valid until the next call.
    std::span<const std::byte> take(int file, std::size_t bytes);
    // The same, still to be taken.
    std::span<const std::byte> peek(int file, std::size_t bytes);

  private:
    std::size_t available() const { return end_ - taken_; }
    void read_more(int file);

    // What was read: taken up to taken_, there up to end_.
    Buffer buffer_;
    std::size_t taken_ = 0;
    std::size_t end_ = 0;
};

void write_all(int file, std::span<const std::byte> bytes);

}  // namespace bench
