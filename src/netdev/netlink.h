// Netlink: asking for and changing interfaces (rtnetlink), in the namespace of the thread that
// opened it.
//
// Threads: any, but never the loop's: the kernel's answers wait for its lock of all interfaces.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/if_ether.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "netdev/fd.h"

namespace ipn::netdev {

using MacAddress = std::array<std::uint8_t, ETH_ALEN>;

// Six bytes in hexadecimal with colons between them.
std::optional<MacAddress> parse_mac(std::string_view text);
std::string to_text(const MacAddress& mac);

struct Link {
    std::uint32_t index = 0;
    std::string name;
    std::string kind;         // "tun", "veth", …; empty: a device
    std::uint16_t type = 0;   // ARPHRD_*
    std::uint32_t flags = 0;  // IFF_*
    MacAddress mac{};
    std::uint32_t mtu = 0;
    std::uint32_t master = 0;  // the bridge or bond that it belongs to
};

struct LinkChange {
    std::optional<MacAddress> mac{};
    std::optional<std::uint32_t> mtu{};
    std::optional<bool> up{};
    std::optional<int> netns{};  // an open namespace
    std::string name{};          // there; perhaps with %d; empty: as it is
};

class Netlink {
  public:
    static core::Result<Netlink> open();

    // Nothing: there is none of that name, or with that index.
    core::Result<std::optional<Link>> find(const std::string& name);
    core::Result<std::optional<Link>> find(std::uint32_t index);
    core::Result<void> change(std::uint32_t index, const LinkChange& change);

  private:
    struct Close {
        void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
    };
    explicit Netlink(mnl_socket* socket) : socket_(socket) {}

    core::Result<std::optional<Link>> find_by(std::uint32_t index, const char* name);
    // Sends the request, and hands every message of the answer to `callback`.
    core::Result<void> talk(nlmsghdr* request, mnl_cb_t callback, void* data);

    std::unique_ptr<mnl_socket, Close> socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace ipn::netdev
