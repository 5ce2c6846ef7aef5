// Latency of single packets on an otherwise quiet transport, each measured between two processes.
#pragma once

#include <string>

#include "harness/clock.h"
#include "harness/samples.h"
#include "transports/transport.h"

namespace bench {

struct LatencySetup {
    std::size_t packet_bytes = 64;
    unsigned samples = 1000;
    Nanoseconds pause{200'000};  // of the sender between packets: the transport is asleep each time
};

// There and back, back to back: two processes that are both writer and reader.
Percentiles measure_round_trip(Transport& transport, const LatencySetup& setup);

// One way, from before the sender's call to after the reader's: the time of sending is in the
// packet.
Percentiles measure_one_way(Network& network, const LatencySetup& setup);

// Two operations that do nothing on a FUSE file, a write and a read: what the way of a packet
// through a FUSE file system costs at least. Paced as the packets of measure_one_way are.
Percentiles measure_two_null_operations(const std::string& file, const LatencySetup& setup);

}  // namespace bench
