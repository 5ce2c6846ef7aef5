// IpnfsMount: an ipnfs daemon and its mount, driven as a user drives it: run, mkdir, setfattr,
// open.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "transports/fuse_mount.h"

namespace bench {

struct IpnfsPlace {
    std::string program;
    std::string directory;                   // in which it is mounted
    std::string mount_options{};             // as for -o
    std::string build{};                     // what is other about the program; empty: nothing
    std::vector<std::string> environment{};  // of the daemon, "NAME=value"
};

class IpnfsMount {
  public:
    using Options = std::map<std::string, std::string>;  // of a network, without "user.ipn."

    explicit IpnfsMount(const IpnfsPlace& place);

    // Makes a network and returns its directory.
    std::string make_network(const std::string& name, const Options& options);
    // `module`: its absolute path.
    void register_policy(const std::string& name, const std::string& module);
    Process& server() { return mount_.server(); }
    const Process& server() const { return mount_.server(); }

  private:
    FuseMount mount_;
};

// An option or a fact of a network, by the network's directory.
std::string get_option(const std::string& network, const std::string& name);

// Waits until that many readers are connected.
void wait_for_network_readers(const std::string& network, unsigned readers);

}  // namespace bench
