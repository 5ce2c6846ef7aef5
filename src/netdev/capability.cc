#include "netdev/capability.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

namespace ipn::netdev {

using core::fail;
using core::Result;

namespace {

// The text behind "KEY:", without the blanks that lead it.
std::optional<std::string_view> field(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (!line.starts_with(key) || line.substr(key.size(), 1) != ":") continue;
        const std::size_t start = line.find_first_not_of(" \t", key.size() + 1);
        return start == line.npos ? std::string_view() : line.substr(start);
    }
    return std::nullopt;
}

template <typename Number>
std::optional<Number> take_number(std::string_view& text, int base = 10) {
    const std::size_t start = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(start);
    Number number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (parsed.ec != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    return number;
}

std::optional<ProcessStatus> status_of(std::uint32_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return parse_status(text);
}

bool same(const Fd& one, const Fd& two) {
    struct stat facts_one {};
    struct stat facts_two {};
    return fstat(one.get(), &facts_one) == 0 && fstat(two.get(), &facts_two) == 0 &&
           facts_one.st_ino == facts_two.st_ino && facts_one.st_dev == facts_two.st_dev;
}

// From the user namespace that owns `where` upwards, as the kernel's cap_capable() goes.
bool has_net_admin(const ProcessStatus& caller, const Fd& callers_namespace,
                   const Namespace& where) {
    Fd at(ioctl(where.fd(), NS_GET_USERNS));
    while (at.valid()) {
        if (same(at, callers_namespace))
            return (caller.effective_capabilities >> CAP_NET_ADMIN & 1u) != 0;
        uid_t owner = 0;
        Fd parent(ioctl(at.get(), NS_GET_PARENT));
        if (!parent.valid() || ioctl(at.get(), NS_GET_OWNER_UID, &owner) != 0) return false;
        if (same(parent, callers_namespace) && owner == caller.effective_uid) return true;
        at = std::move(parent);
    }
    return false;
}

}  // namespace

std::optional<ProcessStatus> parse_status(std::string_view text) {
    auto uids = field(text, "Uid");  // real, effective, saved, file system's
    auto capabilities = field(text, "CapEff");
    if (!uids || !capabilities) return std::nullopt;
    const auto real = take_number<std::uint32_t>(*uids);
    const auto effective = take_number<std::uint32_t>(*uids);
    const auto saved = take_number<std::uint32_t>(*uids);
    const auto of_files = take_number<std::uint32_t>(*uids);
    const auto mask = take_number<std::uint64_t>(*capabilities, 16);
    if (!real || !effective || !saved || !of_files || !mask) return std::nullopt;
    return ProcessStatus{*effective, *of_files, *mask};
}

Result<void> check_net_admin(const core::Credentials& caller, const Namespace& where) {
    if (caller.pid == 0)
        return fail(EPERM, "what this process may cannot be seen from the daemon's pid namespace");
    const auto status = status_of(caller.pid);
    const Fd callers_namespace(
        open(("/proc/" + std::to_string(caller.pid) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
    const bool known = status && status->filesystem_uid == caller.uid && callers_namespace.valid();
    if (known && has_net_admin(*status, callers_namespace, where)) return {};
    return fail(EPERM,
                "this needs CAP_NET_ADMIN in the user namespace that owns the network namespace");
}

}  // namespace ipn::netdev
