// Text as packets and packets as text: what tests send is easier to read as words.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "core/node.h"
#include "frames.h"

namespace ipn::test {

inline std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string text(const std::byte* data, std::size_t length) {
    return {reinterpret_cast<const char*>(data), length};
}

// The bytes that a receive() of outcome `packet` got. `framed`: of a node that reads each packet
// behind its length.
inline std::string text(const core::Node::Received& received, bool framed = false) {
    const std::string packet = text(received.packet->data(), received.packet->length());
    return (framed ? frames({packet}) : packet).substr(received.offset, received.length);
}

}  // namespace ipn::test
