// Capability: whether whoever asks may change the interfaces of a network namespace, whatever the
// daemon may.
//
// It is the caller's CAP_NET_ADMIN in the user namespace that owns the network namespace, as
// capabilities(7) and user_namespaces(7) have it: effective in that user namespace or in one above
// it, or by being the owner of one of those below his own. What cannot be established counts as no:
// no pid (another pid namespace), a process whose user is not the one who asked, a namespace that
// the daemon cannot see.
// The caller's request has to be outstanding: it is blocked, so that its pid means nobody else.
// Threads: any, but never the loop's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/node.h"
#include "netdev/netns.h"

namespace ipn::netdev {

// What /proc/PID/status says.
struct ProcessStatus {
    std::uint32_t effective_uid = 0;
    std::uint32_t filesystem_uid = 0;
    std::uint64_t effective_capabilities = 0;
};
std::optional<ProcessStatus> parse_status(std::string_view text);

// EPERM.
core::Result<void> check_net_admin(const core::Credentials& caller, const Namespace& where);

}  // namespace ipn::netdev
