#include "ipnfs_mount.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <stdexcept>

#include "errors.h"
#include "file_network.h"

namespace bench {

namespace {

constexpr std::size_t mtu_default = 1514;
constexpr unsigned ports_default = 32;
constexpr Milliseconds join_timeout{10'000};

std::string attribute(const std::string& option) {
    return "user.ipn." + option;
}

void set_option(const std::string& network, const std::string& name, const std::string& value) {
    check(::setxattr(network.c_str(), attribute(name).c_str(), value.data(), value.size(), 0),
          attribute(name) + "=" + value);
}

class IpnfsNetwork : public Network {
  public:
    IpnfsNetwork(const IpnfsPlace& place, const NetworkSetup& setup, LossMode mode)
        : mount_(place),
          port_(mount_.make_network("bench", network_options(setup, mode)) + "/port") {}

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        return port_.join(role, number);
    }
    const Process* server() const override { return &mount_.server(); }

  private:
    IpnfsMount mount_;
    FileNetwork port_;
};

class Ipnfs : public Transport {
  public:
    Ipnfs(IpnfsPlace place, LossMode mode) : place_(std::move(place)), mode_(mode) {}

    std::string name() const override {
        return mode_ == LossMode::lossless ? "ipnfs" : "ipnfs lossy";
    }
    std::string setting() const override {
        return mode_ == LossMode::lossless ? "port, lossless, pool of 128 packets"
                                           : "port, lossy, pool of 128 packets a node";
    }
    std::size_t packet_bytes_max() const override { return 65535; }
    std::optional<WindowSetting> window() const override {
        if (mode_ == LossMode::lossless) return std::nullopt;
        return WindowSetting{};
    }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<IpnfsNetwork>(place_, setup, mode_);
    }

  private:
    IpnfsPlace place_;
    LossMode mode_;
};

}  // namespace

IpnfsMount::IpnfsMount(const IpnfsPlace& place)
    : mount_(
          place.directory,
          [&place](const std::string& directory) {
              return std::vector<std::string>{place.program, "bench", directory, "-f"};
          },
          place.environment) {}

std::string IpnfsMount::make_network(const std::string& name, const Options& options) {
    const std::string network = mount_.directory() + "/" + name;
    check(::mkdir(network.c_str(), 0755), "mkdir " + network);
    for (const auto& [option, value] : options) set_option(network, option, value);
    return network;
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

IpnfsMount::Options network_options(const NetworkSetup& setup, LossMode mode) {
    return {
        {"lossless", mode == LossMode::lossless ? "1" : "0"},
        {"mtu", std::to_string(std::max(setup.packet_bytes, mtu_default))},
        {"numnodes", std::to_string(std::max(setup.readers + 1, ports_default))},
        {"minreaders", std::to_string(setup.readers)},
    };
}

std::unique_ptr<Transport> make_ipnfs(const IpnfsPlace& place, LossMode mode) {
    return std::make_unique<Ipnfs>(place, mode);
}

}  // namespace bench
