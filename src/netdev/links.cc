#include "netdev/links.h"

#include <net/if.h>

#include <charconv>

#include "netdev/capability.h"

namespace ipn::netdev {

using core::fail;
using core::Interface;
using core::Result;

namespace {

using Property = Interface::Property;

// Does `function(netlink)` there.
template <typename Function>
auto with_netlink(const Namespace& where, Function function) {
    using Answer = decltype(function(std::declval<Netlink&>()));
    return run_in(where, [&]() -> Answer {
        auto netlink = Netlink::open();
        if (!netlink) return tl::unexpected(netlink.error());
        return function(*netlink);
    });
}

Result<LinkChange> parse_change(const Interface::Change& change) {
    LinkChange parsed;
    if (change.property == Property::mac) {
        parsed.mac = parse_mac(change.value);
        if (!parsed.mac) return fail(EINVAL, "a MAC address is written 02:00:00:00:00:01");
    }
    if (change.property == Property::mtu) {
        const char* end = change.value.data() + change.value.size();
        std::uint32_t mtu = 0;
        const auto number = std::from_chars(change.value.data(), end, mtu);
        if (number.ec != std::errc() || number.ptr != end)
            return fail(EINVAL, "an MTU is a number of bytes");
        parsed.mtu = mtu;
    }
    return parsed;
}

}  // namespace

Result<std::optional<Link>> find_link(const Namespace& where, const std::string& name) {
    return with_netlink(where, [&](Netlink& netlink) { return netlink.find(name); });
}

Result<Link> link_at(const Namespace& where, std::uint32_t index) {
    auto link = with_netlink(where, [&](Netlink& netlink) { return netlink.find(index); });
    if (!link) return tl::unexpected(link.error());
    if (!*link) return fail(ENODEV, "the interface has gone");
    return std::move(**link);
}

Interface::Facts facts_of(const Link& link, const Namespace& where) {
    return {.name = link.name,
            .index = link.index,
            .mac = to_text(link.mac),
            .mtu = link.mtu,
            .up = (link.flags & IFF_UP) != 0,
            .netns = where.text(),
            .offloads = {}};
}

Result<void> change_link(const Namespace& where, const Link& link, const LinkChange& change) {
    return with_netlink(where,
                        [&](Netlink& netlink) { return netlink.change(link.index, change); });
}

Result<void> change_link(const Namespace& where, const Link& link,
                         const Interface::Change& change) {
    auto parsed = parse_change(change);
    if (!parsed) return tl::unexpected(parsed.error());
    if (!change.by_mode)
        if (auto may = check_net_admin(change.caller, where); !may) return may;
    std::optional<Namespace> target;
    if (change.property == Property::netns) {
        auto named = Namespace::named(change.value);
        if (!named) return tl::unexpected(named.error());
        if (!change.by_mode)
            if (auto may = check_net_admin(change.caller, *named); !may) return may;
        target = std::move(*named);
        parsed->netns = target->fd();
    }
    auto changed = change_link(where, link, *parsed);
    if (!changed && changed.error().code == ERANGE)
        return fail(EINVAL, "the kernel takes no such MTU for this interface");
    if (!changed && changed.error().code == EADDRNOTAVAIL)
        return fail(EINVAL, "an interface has no such MAC address");
    return changed;
}

Result<Namespace> namespace_for(const core::InterfaceHost::Wish& wish) {
    auto target =
        wish.netns.empty() ? Namespace::of_process(wish.caller.pid) : Namespace::named(wish.netns);
    if (!target && wish.netns.empty())
        return fail(EPERM, "in which network namespace this process is cannot be seen from here");
    if (!target || wish.by_mode) return target;
    if (auto may = check_net_admin(wish.caller, *target); !may) return tl::unexpected(may.error());
    return target;
}

}  // namespace ipn::netdev
