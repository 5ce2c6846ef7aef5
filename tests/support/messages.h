// Packets of the connector, as tests write and expect them.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "message.h"

namespace ipn::test {

inline connector::Bytes bytes_of(std::string_view text) {
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

// `length`: what the header says, if not the truth.
inline std::string message(connector::Id id, std::string_view payload, std::uint32_t seq = 0,
                           std::uint32_t ack = 0, std::size_t length = SIZE_MAX) {
    if (length == SIZE_MAX) length = payload.size();
    std::string bytes(connector::kHeader, '\0');
    connector::write_header(reinterpret_cast<unsigned char*>(bytes.data()),
                            {id, seq, ack, 0, static_cast<std::uint32_t>(length)});
    return bytes.append(payload);
}

// What is behind one of them in a packet begins at a multiple of four bytes.
inline std::string padded(std::string message) {
    message.resize((message.size() + 3) / 4 * 4);
    return message;
}

// In the machine's byte order.
inline std::string numbers(const std::vector<std::uint32_t>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::uint32_t)};
}

}  // namespace ipn::test
