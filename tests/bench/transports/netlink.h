// Netlink multicast between processes: a group of the family NETLINK_USERSOCK. Lossy: a receiver
// that is too slow loses packets. Needs the privilege for large receive buffers.
#pragma once

#include <memory>

#include "transports/transport.h"

namespace bench {

inline constexpr const char* netlink_name = "netlink";

std::unique_ptr<Transport> make_netlink();

}  // namespace bench
