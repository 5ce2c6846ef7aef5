// Ipnfs as a transport: one network of a daemon of its own, joined through its file `port` (a
// packet a call, or a byte stream) or `framed` (many packets a call).
#pragma once

#include <memory>
#include <string>

#include "transports/ipnfs_mount.h"
#include "transports/transport.h"

namespace bench {

enum class IpnfsKind { port, port_lossy, framed, framed_small_pages, stream };

// A daemon's subjects beside those of one mounted otherwise are told apart by how they are mounted.
std::string ipnfs_name(IpnfsKind kind, const IpnfsPlace& place);

// `packets_a_write`: of framed and stream.
std::unique_ptr<Transport> make_ipnfs(IpnfsKind kind, const IpnfsPlace& place,
                                      unsigned packets_a_write = 32);

// One network of that name on a daemon that may carry others.
std::unique_ptr<Network> make_ipnfs_network(IpnfsKind kind, std::shared_ptr<IpnfsMount> mount,
                                            const std::string& name, const NetworkSetup& setup,
                                            unsigned packets_a_write = 32);

// The options of a network for these members, who join through `port`: lossless, and writers wait
// until all receivers are there.
IpnfsMount::Options network_options(const NetworkSetup& setup);

}  // namespace bench
