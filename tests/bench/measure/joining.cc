#include "measure/joining.h"

#include <unistd.h>

#include <atomic>
#include <vector>

#include "harness/board.h"
#include "harness/process.h"
#include "harness/samples.h"
#include "harness/shared.h"

namespace bench {

namespace {

Process start_crowd(Network& network, unsigned nodes) {
    const Shared<std::atomic<unsigned>> joined;
    Process crowd = Process::fork("crowd", [&] {
        std::vector<std::unique_ptr<Endpoint>> endpoints;
        for (unsigned node = 0; node < nodes; ++node) {
            endpoints.push_back(network.join(Role::reader, node));
        }
        joined->store(1);
        for (;;) ::pause();
    });
    wait_for_count(*joined, 1);
    return crowd;
}

}  // namespace

double join_and_leave_us(Transport& transport, unsigned nodes) {
    constexpr unsigned samples_wanted = 500;
    constexpr std::size_t packet_bytes = 64;
    // Room for all of them, since leaving takes a while to be noticed; and a small buffer, so that
    // it is not the client's memory that is measured.
    const auto network = transport.open({.members = {.readers = nodes + samples_wanted},
                                         .packet_bytes = packet_bytes,
                                         .buffer_bytes = packet_bytes});
    const Process crowd = start_crowd(*network, nodes);
    Samples samples;
    for (unsigned sample = 0; sample < samples_wanted; ++sample) {
        const std::uint64_t start = now_ns();
        network->join(Role::reader, nodes + sample);
        samples.add(now_ns() - start);
    }
    return samples.percentiles().p50_us;
}

}  // namespace bench
