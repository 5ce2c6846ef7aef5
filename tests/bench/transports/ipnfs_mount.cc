#include "transports/ipnfs_mount.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "harness/errors.h"

namespace bench {

namespace {

constexpr Milliseconds join_timeout{10'000};

std::string attribute(const std::string& option) {
    return "user.ipn." + option;
}

void set_option(const std::string& network, const std::string& name, const std::string& value) {
    check(::setxattr(network.c_str(), attribute(name).c_str(), value.data(), value.size(), 0),
          attribute(name) + "=" + value);
}

std::vector<std::string> mount_command(const IpnfsPlace& place, const std::string& directory) {
    std::string options = "log=warning";
    if (!place.mount_options.empty()) options += "," + place.mount_options;
    return {place.program, "bench", directory, "-f", "-o", options};
}

bool contains_word(const std::string& list, const std::string& word) {
    return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

std::string read_text(const std::string& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

IpnfsMount::IpnfsMount(const IpnfsPlace& place)
    : mount_(
          place.directory,
          [&place](const std::string& directory) { return mount_command(place, directory); },
          place.environment) {
    // The daemon does without what the kernel does not offer; a figure may not.
    if (contains_word(place.mount_options, "uring") &&
        read_text(mount_.directory() + "/.ipnfs/version").find("fuse_transport: io_uring") ==
            std::string::npos) {
        throw std::runtime_error("the kernel does not offer FUSE over io_uring");
    }
}

std::string IpnfsMount::make_network(const std::string& name, const Options& options) {
    const std::string network = mount_.directory() + "/" + name;
    check(::mkdir(network.c_str(), 0755), "mkdir " + network);
    for (const auto& [option, value] : options) set_option(network, option, value);
    return network;
}

void IpnfsMount::register_policy(const std::string& name, const std::string& module) {
    const std::string link = mount_.directory() + "/.ipnfs/policies/" + name;
    check(::symlink(module.c_str(), link.c_str()), "register " + module);
}

std::string get_option(const std::string& network, const std::string& name) {
    char value[256];
    const ssize_t bytes = ::getxattr(network.c_str(), attribute(name).c_str(), value, sizeof value);
    return {value, static_cast<std::size_t>(check(bytes, attribute(name)))};
}

void wait_for_network_readers(const std::string& network, unsigned readers) {
    const auto deadline = Clock::now() + join_timeout;
    while (std::stoul(get_option(network, "readers")) < readers) {
        if (Clock::now() > deadline) throw std::runtime_error("readers do not join " + network);
        sleep_for(Milliseconds{1});
    }
}

}  // namespace bench
