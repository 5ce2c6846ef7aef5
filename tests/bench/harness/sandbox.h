// Sandbox: the machine as the benchmark sees it, so that a run leaves nothing behind however it
// ends.
//
// The measurements run as process 1 of a PID namespace, in a mount namespace and a network
// namespace of their own, with a tmpfs on a fresh directory. When they end, fail, hang or are
// interrupted, the kernel kills every daemon and client they started and takes the mounts with it;
// only the empty directory is left to remove. The network namespace lets unix datagram sockets
// queue as many messages as systemd lets them on a Debian machine (a bare kernel: 10, where
// vde_switch would drop its clients' packets).
//
// Needs CAP_SYS_ADMIN. Not done: limits on memory or processors; the machine should be quiet.
#pragma once

#include <functional>
#include <string>

#include "harness/clock.h"

namespace bench {

// Runs `body` with the path of the private directory, and returns what it returns, or 1 after
// `timeout`.
int run_in_sandbox(std::chrono::seconds timeout,
                   const std::function<int(const std::string&)>& body);

}  // namespace bench
