// Text: values of options, read without tolerance, so that there is one spelling for each.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ipn::vdeswitch {

// A decimal number without sign, blank or leading zero, from `min` to `max`.
inline std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t min,
                                                 std::uint32_t max) {
    std::uint32_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || value < min || value > max)
        return std::nullopt;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    return value;
}

// Takes the next word off a list of words that are separated by blanks; none at its end.
inline std::optional<std::string_view> next_word(std::string_view& list) {
    const std::size_t begin = list.find_first_not_of(' ');
    if (begin == list.npos) return std::nullopt;
    list.remove_prefix(begin);
    const std::string_view word = list.substr(0, list.find(' '));
    list.remove_prefix(word.size());
    return word;
}

}  // namespace ipn::vdeswitch
