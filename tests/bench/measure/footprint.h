// Footprint: what an ipnfs daemon costs when it does little or nothing: memory, processor time, the
// heap.
#pragma once

#include <string>

#include "harness/allocation_counter.h"
#include "transports/ipnfs_mount.h"
#include "transports/transport.h"

namespace bench {

// Of a daemon that has just been mounted (VmRSS of /proc/PID/status).
double resident_mib_when_idle(const IpnfsPlace& place);

struct IdleNetworks {
    double bytes_per_network;  // of the daemon's private memory, for a network without nodes
    double bytes_per_node;     // and for each node that joins it
    double cpu_percent;        // of one core, while all are connected and nothing happens
};

struct IdleSetup {
    unsigned networks = 1000;
    unsigned nodes_per_network = 10;
    Milliseconds watched{2000};
};

IdleNetworks measure_idle_networks(const IpnfsPlace& place, const IdleSetup& setup);

// Of the server of a transport that runs under the counter, at full speed, once warm.
double allocations_per_packet(Transport& transport, const AllocationCounter& allocations,
                              unsigned readers);

}  // namespace bench
