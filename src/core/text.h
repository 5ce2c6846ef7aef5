// Text that comes from outside: what may be kept as such, and how it is shown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ipn::core {

// Whether bytes may be shown to people and put into JSON: UTF-8 (RFC 3629) without control
// characters.
inline bool is_text(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
        const auto first = static_cast<unsigned char>(bytes[i]);
        if (first < 0x20 || first == 0x7f) return false;
        const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (length == 1) {
            ++i;
            continue;
        }
        if (first < 0xc2 || first > 0xf4 || i + length > bytes.size()) return false;
        std::uint32_t point = first & (0x7fu >> length);
        for (std::size_t k = 1; k < length; ++k) {
            const auto next = static_cast<unsigned char>(bytes[i + k]);
            if ((next & 0xc0) != 0x80) return false;
            point = point << 6 | (next & 0x3fu);
        }
        constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
        const bool surrogate = point >= 0xd800 && point <= 0xdfff;
        const bool c1_control = point >= 0x80 && point <= 0x9f;
        if (point < kSmallest[length] || point > 0x10ffff || surrogate || c1_control) return false;
        i += length;
    }
    return true;
}

// Text from outside as error messages show it: in quotes, the beginning only, `?` for what a
// terminal might not take well.
inline std::string quoted(std::string_view text) {
    constexpr std::size_t kShown = 40;
    std::string shown = "'";
    for (const char c : text.substr(0, kShown)) shown += (c >= ' ' && c <= '~') ? c : '?';
    shown += text.size() > kShown ? "…'" : "'";
    return shown;
}

}  // namespace ipn::core
