#include "ethernet.h"

#include <charconv>

namespace ipn::vdeswitch {

std::optional<Mac> parse_mac(std::string_view text) {
    constexpr std::size_t kLength = 17;
    if (text.size() != kLength) return std::nullopt;
    Mac mac = 0;
    for (std::size_t at = 0; at < kLength; at += 3) {
        unsigned byte = 0;
        const char* end = text.data() + at + 2;
        const auto parsed = std::from_chars(text.data() + at, end, byte, 16);
        if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
        if (at + 2 < kLength && text[at + 2] != ':') return std::nullopt;
        mac = mac << 8 | byte;
    }
    return mac;
}

std::string to_string(Mac mac) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (int shift = 40; shift >= 0; shift -= 8) {
        text += kDigits[mac >> (shift + 4) & 0xf];
        text += kDigits[mac >> shift & 0xf];
        if (shift > 0) text += ':';
    }
    return text;
}

}  // namespace ipn::vdeswitch
