// Links: looking at and changing an interface in its namespace, whatever its kind.
//
// Threads: any, but never the loop's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/interface.h"
#include "netdev/netlink.h"
#include "netdev/netns.h"

namespace ipn::netdev {

// The interface of that name, if there is one; the one with that index, else ENODEV.
core::Result<std::optional<Link>> find_link(const Namespace& where, const std::string& name);
core::Result<Link> link_at(const Namespace& where, std::uint32_t index);

// As they are shown; not the offloads.
core::Interface::Facts facts_of(const Link& link, const Namespace& where);

// EPERM: the caller has no CAP_NET_ADMIN there, or where it is to go; EINVAL: bad value.
core::Result<void> change_link(const Namespace& where, const Link& link,
                               const core::Interface::Change& change);
core::Result<void> change_link(const Namespace& where, const Link& link, const LinkChange& change);

// The namespace that somebody wants an interface of, who has CAP_NET_ADMIN there, if she needs it.
core::Result<Namespace> namespace_for(const core::InterfaceHost::Wish& wish);

}  // namespace ipn::netdev
