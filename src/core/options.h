// Options: what can be set on a network, one table row per option.
//
// The table is the one place that knows an option's name, range, default and when it may change;
// the extended attributes, the manual's check and the fuzz target all read it. What a change brings
// about is Network::apply()'s business. Values are text, without blanks or signs: exactly one
// spelling per value.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

namespace ipn::core {

enum class Type : std::uint8_t { packet, stream };
enum class EndOfFile : std::uint8_t { never, last_writer };
enum class ShortRead : std::uint8_t { keep, truncate };
enum class Linktype : std::uint8_t { ethernet, user0 };

struct NetworkOptions {
    std::string policy = "broadcast";
    std::uint32_t mtu = 1514;
    Type type = Type::packet;
    bool lossless = false;
    std::uint32_t msgpoolsize = 128;
    std::uint32_t numnodes = 32;
    EndOfFile eof = EndOfFile::never;
    std::uint32_t minreaders = 0;
    std::uint32_t stall_timeout_ms = 0;
    bool overrun_error = false;
    ShortRead short_read = ShortRead::keep;
    std::uint32_t retain = 0;
    Linktype linktype = Linktype::user0;
    std::uint32_t capture_snaplen = 262144;
    std::string capture_filter;
    bool ephemeral = false;

    bool operator==(const NetworkOptions&) const = default;
};

struct Option {
    enum class When : std::uint8_t {
        unconnected,  // while no node is connected: else EBUSY
        any_time,
    };
    std::string_view name;    // without the prefix "user.ipn."
    std::string_view values;  // for people
    When when;
    // Refuses with EINVAL and words, changing nothing.
    Result<void> (*parse)(NetworkOptions& options, std::string_view text);
    std::string (*show)(const NetworkOptions& options);
};

// What only libpcap can judge: whoever sets it asks there first (fs/capture_filter.h).
inline constexpr std::string_view kCaptureFilter = "capture.filter";

std::span<const Option> options();
const Option* find_option(std::string_view name);
// EINVAL with words that begin with the option's name; then nothing has changed.
Result<void> set(NetworkOptions& options, const Option& option, std::string_view text);

}  // namespace ipn::core
