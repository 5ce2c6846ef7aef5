#include "netdev/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <charconv>
#include <cstdio>
#include <cstring>

namespace ipn::netdev {

using core::Result;

namespace {

// As long as an answer about one interface with all its statistics may get.
constexpr std::size_t kMessageMax = 32768;

int take_kind(const nlattr* attribute, void* data) {
    if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
        static_cast<Link*>(data)->kind = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
}

int take_attribute(const nlattr* attribute, void* data) {
    Link& link = *static_cast<Link*>(data);
    switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
            link.name = mnl_attr_get_str(attribute);
            break;
        case IFLA_MTU:
            link.mtu = mnl_attr_get_u32(attribute);
            break;
        case IFLA_MASTER:
            link.master = mnl_attr_get_u32(attribute);
            break;
        case IFLA_ADDRESS:
            if (mnl_attr_get_payload_len(attribute) == link.mac.size())
                std::memcpy(link.mac.data(), mnl_attr_get_payload(attribute), link.mac.size());
            break;
        case IFLA_LINKINFO:
            mnl_attr_parse_nested(attribute, take_kind, data);
            break;
        default:
            break;
    }
    return MNL_CB_OK;
}

int take_link(const nlmsghdr* message, void* data) {
    if (message->nlmsg_type != RTM_NEWLINK) return MNL_CB_OK;
    Link& link = *static_cast<Link*>(data);
    const auto* about = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    link.index = static_cast<std::uint32_t>(about->ifi_index);
    link.type = about->ifi_type;
    link.flags = about->ifi_flags;
    mnl_attr_parse(message, sizeof *about, take_attribute, data);
    return MNL_CB_OK;
}

}  // namespace

std::optional<MacAddress> parse_mac(std::string_view text) {
    constexpr std::size_t kLength = 3 * ETH_ALEN - 1;
    MacAddress mac{};
    if (text.size() != kLength) return std::nullopt;
    for (std::size_t i = 0; i < mac.size(); ++i) {
        const char* at = text.data() + 3 * i;
        const auto parsed = std::from_chars(at, at + 2, mac[i], 16);
        if (parsed.ec != std::errc() || parsed.ptr != at + 2) return std::nullopt;
        if (i + 1 < mac.size() && at[2] != ':') return std::nullopt;
    }
    return mac;
}

std::string to_text(const MacAddress& mac) {
    std::array<char, 3 * ETH_ALEN> text{};
    std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                  mac[3], mac[4], mac[5]);
    return text.data();
}

Result<Netlink> Netlink::open() {
    Netlink netlink(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!netlink.socket_ || mnl_socket_bind(netlink.socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return system_failure("netlink");
    return netlink;
}

Result<void> Netlink::talk(nlmsghdr* request, mnl_cb_t callback, void* data) {
    const unsigned port = mnl_socket_get_portid(socket_.get());
    request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    request->nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0)
        return system_failure("netlink");
    for (;;) {
        alignas(nlmsghdr) std::array<char, kMessageMax> answer;
        const ssize_t length = mnl_socket_recvfrom(socket_.get(), answer.data(), answer.size());
        if (length < 0) return system_failure("netlink");
        const int result = mnl_cb_run(answer.data(), static_cast<std::size_t>(length), sequence_,
                                      port, callback, data);
        if (result < 0) return system_failure("netlink");
        if (result == MNL_CB_STOP) return {};  // the acknowledgement
    }
}

Result<std::optional<Link>> Netlink::find(const std::string& name) {
    return find_by(0, name.c_str());
}

Result<std::optional<Link>> Netlink::find(std::uint32_t index) {
    return find_by(index, nullptr);
}

Result<std::optional<Link>> Netlink::find_by(std::uint32_t index, const char* name) {
    alignas(nlmsghdr) std::array<char, 1024> buffer{};
    nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETLINK;
    auto* about = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
    about->ifi_index = static_cast<int>(index);
    if (name != nullptr) mnl_attr_put_strz(request, IFLA_IFNAME, name);
    Link link;
    const auto found = talk(request, take_link, &link);
    if (!found && found.error().code == ENODEV) return std::optional<Link>();
    if (!found) return tl::unexpected(found.error());
    return link;
}

Result<void> Netlink::change(std::uint32_t index, const LinkChange& change) {
    alignas(nlmsghdr) std::array<char, 1024> buffer{};
    nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_NEWLINK;
    auto* about = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
    about->ifi_index = static_cast<int>(index);
    if (change.up) {
        about->ifi_change = IFF_UP;
        about->ifi_flags = *change.up ? IFF_UP : 0;
    }
    if (change.mac) mnl_attr_put(request, IFLA_ADDRESS, change.mac->size(), change.mac->data());
    if (change.mtu) mnl_attr_put_u32(request, IFLA_MTU, *change.mtu);
    if (change.netns)
        mnl_attr_put_u32(request, IFLA_NET_NS_FD, static_cast<std::uint32_t>(*change.netns));
    if (!change.name.empty()) mnl_attr_put_strz(request, IFLA_IFNAME, change.name.c_str());
    return talk(request, nullptr, nullptr);
}

}  // namespace ipn::netdev
