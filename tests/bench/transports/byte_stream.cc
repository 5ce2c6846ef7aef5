#include "transports/byte_stream.h"

#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "harness/errors.h"

namespace bench {

std::span<const std::byte> ByteReader::take(int file, std::size_t bytes) {
    const auto taken = peek(file, bytes);
    taken_ += bytes;
    return taken;
}

std::span<const std::byte> ByteReader::peek(int file, std::size_t bytes) {
    while (available() < bytes) read_more(file);
    return buffer_.all().subspan(taken_, bytes);
}

void ByteReader::read_more(int file) {
    const std::span<std::byte> all = buffer_.all();
    std::memmove(all.data(), all.data() + taken_, available());
    end_ -= taken_;
    taken_ = 0;
    const ssize_t bytes = check(::read(file, all.data() + end_, all.size() - end_), "read");
    if (bytes == 0) throw std::runtime_error("end of file");
    end_ += static_cast<std::size_t>(bytes);
}

void write_all(int file, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = check(::write(file, bytes.data(), bytes.size()), "write");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

}  // namespace bench
