#include "transports/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "harness/errors.h"
#include "harness/fd.h"

namespace bench {

namespace {

constexpr int group = 1;
constexpr int receive_buffer_bytes = 8 << 20;

// Joins the group by binding to it.
Fd open_socket(Role role) {
    Fd socket(check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK), "netlink"));
    check(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes,
                       sizeof receive_buffer_bytes),
          "netlink receive buffer");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = role == Role::writer ? 0 : 1u << (group - 1);
    check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
          "netlink bind");
    return socket;
}

class NetlinkEndpoint : public Endpoint {
  public:
    NetlinkEndpoint(Role role, std::size_t buffer_bytes)
        : socket_(open_socket(role)), buffer_(buffer_bytes) {
        everybody_.nl_family = AF_NETLINK;
        everybody_.nl_groups = 1u << (group - 1);
    }

    // The group has the packet when the call says that nobody in the kernel takes it too.
    void send(std::span<const std::byte> packet) override {
        const ssize_t bytes =
            ::sendto(socket_.get(), packet.data(), packet.size(), 0,
                     reinterpret_cast<const sockaddr*>(&everybody_), sizeof everybody_);
        if (bytes < 0 && errno != ECONNREFUSED) fail("netlink send");
    }
    // That packets were lost is told before the next one; the harness sees it by the numbers.
    std::span<const std::byte> receive() override {
        for (;;) {
            const ssize_t bytes = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
            if (bytes >= 0) return std::span(buffer_).first(static_cast<std::size_t>(bytes));
            if (errno != ENOBUFS) fail("netlink recv");
        }
    }

  private:
    Fd socket_;
    sockaddr_nl everybody_{};
    std::vector<std::byte> buffer_;
};

class NetlinkNetwork : public Network {
  public:
    explicit NetlinkNetwork(std::size_t buffer_bytes) : buffer_bytes_(buffer_bytes) {}

    std::unique_ptr<Endpoint> join(Role role, unsigned /*number*/) override {
        return std::make_unique<NetlinkEndpoint>(role, buffer_bytes_);
    }

  private:
    std::size_t buffer_bytes_;
};

class Netlink : public Transport {
  public:
    std::string name() const override { return netlink_name; }
    std::string setting() const override {
        return "a multicast group of NETLINK_USERSOCK, lossy, buffers of 8 MiB, 32 packets "
               "outstanding";
    }
    bool carries(const NetworkSetup& setup) const override { return setup.packet_bytes <= 65535; }
    std::optional<WindowSetting> window() const override { return WindowSetting{}; }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<NetlinkNetwork>(setup.buffer_bytes);
    }
};

}  // namespace

std::unique_ptr<Transport> make_netlink() {
    return std::make_unique<Netlink>();
}

}  // namespace bench
