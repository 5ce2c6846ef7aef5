#include "core/options.h"

#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "core/text.h"

namespace ipn::core {
namespace {

using When = Option::When;

constexpr std::uint32_t kUnbounded = std::numeric_limits<std::uint32_t>::max();

template <std::uint32_t NetworkOptions::*Member, std::uint32_t Min, std::uint32_t Max>
Result<void> parse_number(NetworkOptions& options, std::string_view text) {
    std::uint32_t value = 0;
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    const bool canonical = digits && (text.size() == 1 || text.front() != '0');
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (!canonical || parsed.ec != std::errc() || value < Min || value > Max) {
        return fail(EINVAL, quoted(text) + " is not a number from " + std::to_string(Min) + " to " +
                                std::to_string(Max));
    }
    options.*Member = value;
    return {};
}

template <std::uint32_t NetworkOptions::*Member>
std::string show_number(const NetworkOptions& options) {
    return std::to_string(options.*Member);
}

// The names of an enumeration's values, or of false and true, in order.
template <typename T>
constexpr std::array<std::string_view, 2> kNames{"0", "1"};
template <>
constexpr std::array<std::string_view, 2> kNames<Type>{"packet", "stream"};
template <>
constexpr std::array<std::string_view, 2> kNames<EndOfFile>{"never", "last-writer"};
template <>
constexpr std::array<std::string_view, 2> kNames<ShortRead>{"keep", "truncate"};
template <>
constexpr std::array<std::string_view, 2> kNames<Linktype>{"ethernet", "user0"};

template <auto Member>
Result<void> parse_name(NetworkOptions& options, std::string_view text) {
    using T = std::remove_reference_t<decltype(options.*Member)>;
    for (std::size_t i = 0; i < kNames<T>.size(); ++i) {
        if (text != kNames<T>[i]) continue;
        options.*Member = static_cast<T>(i);
        return {};
    }
    return fail(EINVAL, quoted(text) + " is neither '" + std::string(kNames<T>[0]) + "' nor '" +
                            std::string(kNames<T>[1]) + "'");
}

template <auto Member>
std::string show_name(const NetworkOptions& options) {
    using T = std::remove_cvref_t<decltype(options.*Member)>;
    return std::string(kNames<T>[static_cast<std::size_t>(options.*Member)]);
}

Result<void> parse_policy(NetworkOptions& options, std::string_view text) {
    constexpr std::size_t kLengthMax = 63;
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (text.empty() || text.size() > kLengthMax || text.find_first_not_of(kLetters) != text.npos)
        return fail(EINVAL, quoted(text) + " is not the name of a policy");
    options.policy = text;
    return {};
}

Result<void> parse_capture_filter(NetworkOptions& options, std::string_view text) {
    constexpr std::size_t kLengthMax = 1023;
    if (text.size() > kLengthMax)
        return fail(EINVAL, "a filter has at most 1023 bytes, not " + std::to_string(text.size()));
    if (!is_text(text)) return fail(EINVAL, "a filter is text without control characters");
    options.capture_filter = text;
    return {};
}

template <std::uint32_t NetworkOptions::*Member, std::uint32_t Min, std::uint32_t Max>
constexpr Option number(std::string_view name, std::string_view values, When when) {
    return {name, values, when, parse_number<Member, Min, Max>, show_number<Member>};
}

template <auto Member>
constexpr Option choice(std::string_view name, std::string_view values, When when) {
    return {name, values, when, parse_name<Member>, show_name<Member>};
}

using O = NetworkOptions;
constexpr std::array kOptions{
    Option{"policy", "a registered policy", When::unconnected, parse_policy,
           [](const O& options) { return options.policy; }},
    number<&O::mtu, 1, 65535>("mtu", "1..65535 bytes", When::unconnected),
    choice<&O::type>("type", "packet, stream", When::unconnected),
    choice<&O::lossless>("lossless", "0, 1", When::unconnected),
    number<&O::msgpoolsize, 1, 65535>("msgpoolsize", "1..65535 packets", When::unconnected),
    number<&O::numnodes, 1, 65535>("numnodes", "1..65535 ports", When::any_time),
    choice<&O::eof>("eof", "never, last-writer", When::any_time),
    number<&O::minreaders, 0, kUnbounded>("minreaders", "0.. readers", When::any_time),
    number<&O::stall_timeout_ms, 0, kUnbounded>("stall_timeout_ms", "0.. ms, 0 none",
                                                When::any_time),
    choice<&O::overrun_error>("overrun_error", "0, 1", When::any_time),
    choice<&O::short_read>("short_read", "keep, truncate", When::any_time),
    number<&O::retain, 0, 65535>("retain", "0..65535 packets", When::any_time),
    choice<&O::linktype>("linktype", "ethernet, user0", When::any_time),
    number<&O::capture_snaplen, 1, 262144>("capture.snaplen", "1..262144 bytes", When::any_time),
    Option{kCaptureFilter, "an expression of pcap-filter(7)", When::any_time, parse_capture_filter,
           [](const O& options) { return options.capture_filter; }},
    choice<&O::ephemeral>("ephemeral", "0, 1", When::any_time),
};

}  // namespace

std::span<const Option> options() {
    return kOptions;
}

Result<void> set(NetworkOptions& options, const Option& option, std::string_view text) {
    auto parsed = option.parse(options, text);
    if (parsed) return {};
    return fail(parsed.error().code, std::string(option.name) + ": " + parsed.error().words);
}

const Option* find_option(std::string_view name) {
    for (const Option& option : kOptions)
        if (option.name == name) return &option;
    return nullptr;
}

}  // namespace ipn::core
