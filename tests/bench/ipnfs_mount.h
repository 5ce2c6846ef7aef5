// IpnfsMount: an ipnfs daemon and its mount, driven as a user drives it: run, mkdir, setfattr,
// open. As a transport it is one network of the daemon, joined through its file `port`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fuse_mount.h"
#include "transport.h"

namespace bench {

struct IpnfsPlace {
    std::string program;
    std::string directory;                   // in which it is mounted
    std::vector<std::string> environment{};  // of the daemon, "NAME=value"
};

class IpnfsMount {
  public:
    using Options = std::map<std::string, std::string>;  // of a network, without "user.ipn."

    explicit IpnfsMount(const IpnfsPlace& place);

    // Makes a network and returns its directory.
    std::string make_network(const std::string& name, const Options& options);
    Process& server() { return mount_.server(); }
    const Process& server() const { return mount_.server(); }

  private:
    FuseMount mount_;
};

// An option or a fact of a network, by the network's directory.
std::string get_option(const std::string& network, const std::string& name);

// Waits until that many readers are connected.
void wait_for_network_readers(const std::string& network, unsigned readers);

enum class LossMode { lossless, lossy };

// The options of a network that `readers` readers of packets of that size join, and one writer: the
// writer waits until all readers are there.
IpnfsMount::Options network_options(const NetworkSetup& setup, LossMode mode);

std::unique_ptr<Transport> make_ipnfs(const IpnfsPlace& place, LossMode mode);

}  // namespace bench
