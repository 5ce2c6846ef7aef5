// frames: packets as the byte stream of `framed`, each behind its length.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace ipn::test {

// What precedes a packet of that length: 16 bits, big-endian.
inline std::string frame_header(std::size_t length) {
    return {static_cast<char>(length >> 8 & 0xff), static_cast<char>(length & 0xff)};
}

inline std::string frames(std::initializer_list<std::string_view> packets) {
    std::string stream;
    for (const std::string_view packet : packets) {
        stream += frame_header(packet.size());
        stream += packet;
    }
    return stream;
}

}  // namespace ipn::test
