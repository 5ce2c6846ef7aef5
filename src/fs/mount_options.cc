#include "fs/mount_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <limits>

#include "core/text.h"

namespace ipn::fs {

using core::fail;
using core::Result;

namespace {

struct Row {
    std::string_view name;
    std::string_view value;  // how it is written; empty: the option takes none
    std::string_view help;
    Result<void> (*parse)(MountOptions& options, std::string_view value);
};

// A number in `base`; in decimal perhaps with one of the suffixes K, M, G.
Result<std::uint64_t> parse_number(std::string_view text, int base, std::uint64_t min,
                                   std::uint64_t max) {
    std::string_view digits = text;
    unsigned shift = 0;
    if (base == 10 && !digits.empty()) {
        constexpr std::string_view kSuffixes = "KMG";
        if (const auto at = kSuffixes.find(digits.back()); at != kSuffixes.npos) {
            shift = 10 * (static_cast<unsigned>(at) + 1);
            digits.remove_suffix(1);
        }
    }
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
    if (!whole || value > (std::numeric_limits<std::uint64_t>::max() >> shift) ||
        (value << shift) < min || (value << shift) > max) {
        return fail(EINVAL, base == 8 ? fmt::format("{} is not an octal number from {:o} to {:o}",
                                                    core::quoted(text), min, max)
                                      : fmt::format("{} is not a number from {} to {}",
                                                    core::quoted(text), min, max));
    }
    return value << shift;
}

template <auto Assign, std::uint64_t Min, std::uint64_t Max, int Base = 10>
Result<void> number(MountOptions& options, std::string_view text) {
    const auto value = parse_number(text, Base, Min, Max);
    if (!value) return tl::unexpected(value.error());
    Assign(options, *value);
    return {};
}

constexpr std::uint64_t kUint32Max = std::numeric_limits<std::uint32_t>::max();
constexpr std::array<std::string_view, 4> kLevels{"error", "warning", "info", "debug"};

Result<void> parse_policy_directory(MountOptions& options, std::string_view text) {
    if (text.empty()) return fail(EINVAL, "the name of a directory is missing");
    options.policy_directory = text;
    return {};
}

Result<void> parse_level(MountOptions& options, std::string_view text) {
    const auto found = std::find(kLevels.begin(), kLevels.end(), text);
    if (found == kLevels.end())
        return fail(EINVAL,
                    fmt::format("{} is none of {}", core::quoted(text), fmt::join(kLevels, ", ")));
    options.log = static_cast<LogLevel>(found - kLevels.begin());
    return {};
}

template <bool Wanted>
Result<void> set_uring(MountOptions& options, std::string_view) {
    options.uring = Wanted;
    return {};
}

using M = MountOptions;
constexpr std::array kRows{
    Row{"max_networks", "N", "networks at most (1024)",
        number<[](M& o, std::uint64_t v) { o.limits.networks = static_cast<std::uint32_t>(v); }, 1,
               1u << 20>},
    Row{"max_hops", "N", "how often a policy may pass a packet on anew (8)",
        number<[](M& o, std::uint64_t v) { o.limits.hops = static_cast<std::uint32_t>(v); }, 0,
               255>},
    Row{"max_memory", "BYTES", "for all packets that wait, K M G understood (256M)",
        number<[](M& o, std::uint64_t v) { o.limits.memory = v; }, 4096, std::uint64_t{1} << 40>},
    Row{"mode", "OCTAL", "permissions of the root (1777 for root, else 0700)",
        number<[](M& o, std::uint64_t v) { o.mode = static_cast<std::uint32_t>(v); }, 0, 07777, 8>},
    Row{"uid", "N", "owner of the root (who mounts)",
        number<[](M& o, std::uint64_t v) { o.uid = static_cast<std::uint32_t>(v); }, 0,
               kUint32Max - 1>},
    Row{"gid", "N", "group of the root (who mounts)",
        number<[](M& o, std::uint64_t v) { o.gid = static_cast<std::uint32_t>(v); }, 0,
               kUint32Max - 1>},
    Row{"flush_packets", "N", "deliveries gathered at most while input goes on (64)",
        number<[](M& o, std::uint64_t v) {
            o.limits.gather.packets = static_cast<std::uint32_t>(v);
        },
               1, 65535>},
    Row{"flush_bytes", "BYTES", "the same in bytes (256K)",
        number<[](M& o, std::uint64_t v) { o.limits.gather.bytes = v; }, 1, 1u << 30>},
    Row{"flush_us", "N", "the same in microseconds (200)",
        number<[](M& o, std::uint64_t v) { o.limits.gather.time = std::chrono::microseconds(v); },
               0, 1'000'000>},
    Row{"policydir", "DIR", "modules registered as policies (" IPNFS_POLICYDIR ")",
        parse_policy_directory},
    Row{"tap_by_mode", "", "whoever may write to tap/ may make TAPs, without CAP_NET_ADMIN",
        [](M& o, std::string_view) -> Result<void> {
            o.tap_by_mode = true;
            return {};
        }},
    Row{"log", "LEVEL", "error, warning, info or debug (info)", parse_level},
    Row{"uring", "", "FUSE over io_uring where the kernel offers it", set_uring<true>},
    Row{"no_uring", "", "requests by /dev/fuse only (the default)", set_uring<false>},
};

// `words`: separated and enclosed by blanks.
bool is_one_of(std::string_view word, std::string_view words) {
    return words.find(fmt::format(" {} ", word)) != words.npos;
}

bool begins_with_one_of(std::string_view option,
                        std::initializer_list<std::string_view> beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view beginning) { return option.starts_with(beginning); });
}

// What mount(8), fstab(5) and systemd.mount(5) use themselves, and what every ipnfs mount is
// anyway.
bool means_nothing_here(std::string_view option) {
    constexpr std::string_view kWords =
        " rw suid nosuid dev nodev exec noexec defaults default_permissions auto noauto nofail "
        "_netdev "
        "user users nouser owner group async atime relatime norelatime strictatime nostrictatime "
        "diratime nodiratime lazytime nolazytime mand nomand iversion noiversion silent loud "
        "symfollow nosymfollow ";
    return option.empty() || is_one_of(option, kWords) ||
           begins_with_one_of(option, {"x-", "X-", "comment=", "user="});
}

bool is_for_fuse(std::string_view option) {
    constexpr std::string_view kWords = " ro sync dirsync noatime allow_other auto_unmount ";
    return is_one_of(option, kWords) ||
           begins_with_one_of(option,
                              {"fsname=", "context=", "fscontext=", "defcontext=", "rootcontext="});
}

Result<void> parse_one(MountOptions& options, std::string_view option) {
    const std::string_view name = option.substr(0, option.find('='));
    for (const Row& row : kRows) {
        if (row.name != name) continue;
        const bool takes_value = !row.value.empty();
        const bool has_value = name.size() < option.size();
        if (has_value && !takes_value)
            return fail(EINVAL, fmt::format("option {} takes no value", name));
        if (!has_value && takes_value)
            return fail(EINVAL,
                        fmt::format("option {} needs a value: {}={}", name, name, row.value));
        auto parsed = row.parse(options, has_value ? option.substr(name.size() + 1) : "");
        if (!parsed) return fail(EINVAL, fmt::format("option {}: {}", name, parsed.error().words));
        return {};
    }
    if (means_nothing_here(option)) return {};
    if (!is_for_fuse(option))
        return fail(EINVAL, fmt::format("unknown option {}", core::quoted(option)));
    options.for_fuse.emplace_back(option);
    return {};
}

}  // namespace

Result<MountOptions> parse_mount_options(const std::vector<std::string>& lists) {
    MountOptions options;
    for (const std::string_view list : lists) {
        for (std::size_t start = 0; start <= list.size();) {
            const std::size_t end = std::min(list.find(',', start), list.size());
            auto parsed = parse_one(options, list.substr(start, end - start));
            if (!parsed) return tl::unexpected(std::move(parsed.error()));
            start = end + 1;
        }
    }
    return options;
}

std::string mount_options_help() {
    std::string help = "Mount options (-o), besides those of FUSE and mount(8):\n";
    for (const Row& row : kRows)
        help += fmt::format(
            "  {:<22} {}\n",
            fmt::format("{}{}{}", row.name, row.value.empty() ? "" : "=", row.value), row.help);
    return help;
}

}  // namespace ipn::fs
