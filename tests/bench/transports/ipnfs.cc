#include "transports/ipnfs.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "harness/errors.h"
#include "harness/fd.h"
#include "transports/byte_stream.h"
#include "transports/file_network.h"

namespace bench {

namespace {

constexpr std::size_t packet_bytes_max = 65535;
constexpr std::size_t write_bytes_max = 1 << 20;
constexpr std::size_t mtu_default = 1514;
constexpr unsigned ports_default = 32;
constexpr unsigned framed_pool_packets = 512;
constexpr std::size_t framed_buffer_bytes = 256 * 1024;
constexpr std::size_t stream_buffer_bytes = 128 * 1024;  // cat's

// Each packet is preceded by its length, 16 bits, big-endian.
class FramedEndpoint : public Endpoint {
  public:
    FramedEndpoint(const std::string& path, Role role, unsigned packets_a_write, Pages pages)
        : file_(check(::open(path.c_str(), open_flags(role)), path)),
          writer_(packets_a_write),
          reader_(framed_buffer_bytes, pages) {}

    void send(std::span<const std::byte> packet) override {
        frame_.assign({static_cast<std::byte>(packet.size() >> 8),
                       static_cast<std::byte>(packet.size() & 0xff)});
        frame_.insert(frame_.end(), packet.begin(), packet.end());
        writer_.send(frame_, [this](auto bytes) { write_all(file_.get(), bytes); });
    }
    std::span<const std::byte> receive() override {
        const auto prefix = reader_.peek(file_.get(), prefix_bytes);
        const std::size_t length =
            std::to_integer<std::size_t>(prefix[0]) << 8 | std::to_integer<std::size_t>(prefix[1]);
        return reader_.take(file_.get(), prefix_bytes + length).subspan(prefix_bytes);
    }

  private:
    static constexpr std::size_t prefix_bytes = 2;

    Fd file_;
    std::vector<std::byte> frame_;
    ByteWriter writer_;
    ByteReader reader_;
};

class StreamEndpoint : public Endpoint {
  public:
    StreamEndpoint(const std::string& path, Role role, std::size_t packet_bytes,
                   unsigned packets_a_write)
        : file_(check(::open(path.c_str(), open_flags(role)), path)),
          packet_bytes_(packet_bytes),
          writer_(packets_a_write),
          reader_(stream_buffer_bytes) {}

    void send(std::span<const std::byte> packet) override {
        writer_.send(packet, [this](auto bytes) { write_all(file_.get(), bytes); });
    }
    std::span<const std::byte> receive() override {
        return reader_.take(file_.get(), packet_bytes_);
    }

  private:
    Fd file_;
    std::size_t packet_bytes_;
    ByteWriter writer_;
    ByteReader reader_;
};

bool is_framed(IpnfsKind kind) {
    return kind == IpnfsKind::framed || kind == IpnfsKind::framed_small_pages;
}

Pages pages_of(IpnfsKind kind) {
    return kind == IpnfsKind::framed_small_pages ? Pages::small : Pages::huge;
}

IpnfsMount::Options options_of(IpnfsKind kind, const NetworkSetup& setup) {
    auto options = network_options(setup);
    if (kind == IpnfsKind::port_lossy) options["lossless"] = "0";
    if (is_framed(kind)) options["msgpoolsize"] = std::to_string(framed_pool_packets);
    if (kind == IpnfsKind::stream) {
        options["type"] = "stream";
        options["mtu"] = std::to_string(packet_bytes_max);
    }
    return options;
}

class IpnfsNetwork : public Network {
  public:
    IpnfsNetwork(IpnfsKind kind, std::shared_ptr<IpnfsMount> mount, const std::string& name,
                 const NetworkSetup& setup, unsigned packets_a_write)
        : kind_(kind),
          setup_(setup),
          packets_a_write_(packets_a_write),
          mount_(std::move(mount)),
          directory_(mount_->make_network(name, options_of(kind, setup))) {}

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        switch (kind_) {
            case IpnfsKind::framed:
            case IpnfsKind::framed_small_pages:
                return std::make_unique<FramedEndpoint>(directory_ + "/framed", role,
                                                        packets_a_write_, pages_of(kind_));
            case IpnfsKind::stream:
                return std::make_unique<StreamEndpoint>(directory_ + "/port", role,
                                                        setup_.packet_bytes, packets_a_write_);
            case IpnfsKind::port:
            case IpnfsKind::port_lossy:
                break;
        }
        return FileNetwork(directory_ + "/port", setup_.buffer_bytes).join(role, number);
    }
    const Process* server() const override { return &mount_->server(); }

  private:
    IpnfsKind kind_;
    NetworkSetup setup_;
    unsigned packets_a_write_;
    std::shared_ptr<IpnfsMount> mount_;
    std::string directory_;
};

class Ipnfs : public Transport {
  public:
    Ipnfs(IpnfsKind kind, IpnfsPlace place, unsigned packets_a_write)
        : kind_(kind), place_(std::move(place)), packets_a_write_(packets_a_write) {}

    std::string name() const override { return ipnfs_name(kind_, place_); }
    std::string setting() const override {
        switch (kind_) {
            case IpnfsKind::port:
                return "port, lossless, pool of 128 packets";
            case IpnfsKind::port_lossy:
                return "port, lossy, pool of 128 packets a node";
            case IpnfsKind::framed:
            case IpnfsKind::framed_small_pages:
                return fmt::format(
                    "framed, lossless, pool of {} packets, {} a write, reads of 256 KiB into {}",
                    framed_pool_packets, packets_a_write_,
                    pages_of(kind_) == Pages::huge ? "a huge page" : "small pages");
            case IpnfsKind::stream:
                return fmt::format(
                    "port, type stream, lossless, pool of 128 packets, MTU 65535, {} "
                    "packets' bytes a write, reads of 128 KiB",
                    packets_a_write_);
        }
        return {};
    }
    // What comes out of a stream does not say which of several senders it is from, where it begins.
    bool carries(const NetworkSetup& setup) const override {
        return setup.packet_bytes <= packet_bytes_max &&
               (kind_ != IpnfsKind::stream || setup.members.senders() == 1);
    }
    std::optional<WindowSetting> window() const override {
        if (kind_ != IpnfsKind::port_lossy) return std::nullopt;
        return WindowSetting{};
    }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return make_ipnfs_network(kind_, std::make_shared<IpnfsMount>(place_), "bench", setup,
                                  packets_a_write_);
    }

  private:
    IpnfsKind kind_;
    IpnfsPlace place_;
    unsigned packets_a_write_;
};

std::string name_of(IpnfsKind kind) {
    switch (kind) {
        case IpnfsKind::port:
            return "ipnfs";
        case IpnfsKind::port_lossy:
            return "ipnfs lossy";
        case IpnfsKind::framed:
            return "ipnfs framed";
        case IpnfsKind::framed_small_pages:
            return "ipnfs framed, small pages";
        case IpnfsKind::stream:
            return "ipnfs stream, bytes";
    }
    return {};
}

}  // namespace

std::string ipnfs_name(IpnfsKind kind, const IpnfsPlace& place) {
    if (!place.build.empty()) return fmt::format("{} ({})", name_of(kind), place.build);
    if (place.mount_options.empty()) return name_of(kind);
    return fmt::format("{} ({})", name_of(kind), place.mount_options);
}

std::unique_ptr<Transport> make_ipnfs(IpnfsKind kind, const IpnfsPlace& place,
                                      unsigned packets_a_write) {
    return std::make_unique<Ipnfs>(kind, place, packets_a_write);
}

std::unique_ptr<Network> make_ipnfs_network(IpnfsKind kind, std::shared_ptr<IpnfsMount> mount,
                                            const std::string& name, const NetworkSetup& setup,
                                            unsigned packets_a_write) {
    const auto fitting = static_cast<unsigned>(write_bytes_max / (setup.packet_bytes + 2));
    return std::make_unique<IpnfsNetwork>(kind, std::move(mount), name, setup,
                                          std::min(packets_a_write, fitting));
}

IpnfsMount::Options network_options(const NetworkSetup& setup) {
    return {
        {"lossless", "1"},
        {"mtu", std::to_string(std::max(setup.packet_bytes, mtu_default))},
        {"numnodes", std::to_string(std::max(setup.members.all(), ports_default))},
        {"minreaders", std::to_string(setup.members.receivers())},
    };
}

}  // namespace bench
