// Footprint: what an ipnfs daemon costs when it does little or nothing: memory, processor time, the
// heap, and what it costs to join a network and leave it.
#pragma once

#include <string>

#include "allocation_counter.h"
#include "ipnfs_mount.h"

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

// Median time of open and close of a port on a network that has `nodes` nodes already.
double join_and_leave_us(const IpnfsPlace& place, unsigned nodes);

// Of the server of a transport that runs under the counter, at full speed, once warm.
double allocations_per_packet(Transport& transport, const AllocationCounter& allocations,
                              unsigned readers);

}  // namespace bench
