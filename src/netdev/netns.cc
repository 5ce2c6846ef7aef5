#include "netdev/netns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>

namespace ipn::netdev {

using core::fail;
using core::Result;

namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

Result<Namespace> open_namespace(const std::string& path, int flags = 0) {
    Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
    if (!fd.valid()) return system_failure(path);
    return Namespace(std::move(fd));
}

// What a user names may be any file.
bool is_network_namespace(const Namespace& candidate) {
    return ioctl(candidate.fd(), NS_GET_NSTYPE) == CLONE_NEWNET;
}

bool is_number(std::string_view text) {
    constexpr std::size_t kDigitsMax = 9;
    return !text.empty() && text.size() <= kDigitsMax &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Runs `function` on a thread of its own, and waits for it.
Result<void> run_on_thread(const std::function<Result<void>()>& function) try {
    Result<void> result;
    std::thread([&] {
        try {
            result = function();
        } catch (const std::bad_alloc&) {
            result = fail(ENOMEM, words_of(ENOMEM));
        }
    }).join();
    return result;
} catch (const std::system_error&) {
    return fail(EAGAIN, "there is no thread left to enter a network namespace");
}

}  // namespace

Result<Namespace> Namespace::of_process(std::uint32_t pid) {
    auto found = open_namespace("/proc/" + std::to_string(pid) + "/ns/net");
    if (!found) return fail(ESRCH, "there is no process " + std::to_string(pid) + " here");
    return found;
}

Result<Namespace> Namespace::own() {
    return open_namespace(kOwnNamespace);
}

Result<Namespace> Namespace::named(const std::string& name) {
    if (!is_namespace_name(name)) return fail(EINVAL, "a network namespace is a name or a pid");
    auto found = open_namespace("/run/netns/" + name, O_NOFOLLOW | O_NONBLOCK);
    if (!found && is_number(name)) found = of_process(static_cast<std::uint32_t>(std::stoul(name)));
    if (!found || !is_network_namespace(*found)) {
        return fail(EINVAL, "there is no network namespace " + name +
                                ": neither a name in /run/netns nor a pid");
    }
    return found;
}

Result<Namespace> Namespace::make() {
    Result<Namespace> made = fail(EIO, "it was not made");
    const auto ran = run_on_thread([&]() -> Result<void> {
        if (unshare(CLONE_NEWNET) != 0) return system_failure("a network namespace of its own");
        made = own();
        return {};
    });
    if (!ran) return tl::unexpected(ran.error());
    return made;
}

std::string Namespace::text() const {
    struct stat facts {};
    fstat(fd(), &facts);
    return "net:[" + std::to_string(facts.st_ino) + "]";
}

bool Namespace::same_as(const Namespace& other) const {
    struct stat one {};
    struct stat two {};
    return fstat(fd(), &one) == 0 && fstat(other.fd(), &two) == 0 && one.st_ino == two.st_ino &&
           one.st_dev == two.st_dev;
}

bool is_namespace_name(std::string_view name) {
    constexpr std::size_t kLengthMax = 255;
    return !name.empty() && name.size() <= kLengthMax && name != "." && name != ".." &&
           name.find('/') == name.npos && name.find('\0') == name.npos;
}

Result<void> run_on_thread_in(const Namespace& where,
                              const std::function<Result<void>()>& function) {
    return run_on_thread([&]() -> Result<void> {
        const auto here = Namespace::own();
        // Where it is already, it may be without any privilege.
        if (here && here->same_as(where)) return function();
        if (setns(where.fd(), CLONE_NEWNET) != 0)
            return system_failure("the daemon cannot enter the network namespace");
        return function();
    });
}

}  // namespace ipn::netdev
