// IdleNodes: a process that has joined networks of ipnfs and does nothing with them, while it
// lives.
#pragma once

#include <string>
#include <vector>

#include "harness/process.h"
#include "transports/ipnfs_mount.h"

namespace bench {

// Makes the networks NAME0, NAME1 … and returns their directories.
std::vector<std::string> make_networks(IpnfsMount& mount, const std::string& name, unsigned count,
                                       const IpnfsMount::Options& options);

// Joins each of the networks that many times, for reading and writing, and returns when all have
// joined.
Process start_idle_nodes(const std::vector<std::string>& networks, unsigned nodes_per_network);

}  // namespace bench
