#include "measure/footprint.h"

#include <fmt/core.h>

#include <fstream>
#include <stdexcept>

#include "measure/idle_nodes.h"
#include "measure/traffic.h"

namespace bench {

namespace {

// A field of /proc/PID/status that is given in kB.
double memory_bytes(const Process& process, const std::string& field) {
    std::ifstream status(fmt::format("/proc/{}/status", process.id()));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1)) * 1024;
    }
    throw std::runtime_error("no " + field + " in /proc/PID/status");
}

double heap_bytes(const IpnfsMount& mount) {
    return memory_bytes(mount.server(), "RssAnon");
}

}  // namespace

double resident_mib_when_idle(const IpnfsPlace& place) {
    constexpr Milliseconds settled{300};
    constexpr double mib = 1024 * 1024;
    const IpnfsMount mount(place);
    sleep_for(settled);
    return memory_bytes(mount.server(), "VmRSS") / mib;
}

IdleNetworks measure_idle_networks(const IpnfsPlace& place, const IdleSetup& setup) {
    IpnfsMount mount(place);
    const double empty = heap_bytes(mount);
    const auto networks = make_networks(mount, "idle", setup.networks, {});
    const double made = heap_bytes(mount);
    const Process nodes = start_idle_nodes(networks, setup.nodes_per_network);
    const double joined = heap_bytes(mount);

    const double cpu_before = mount.server().cpu_seconds();
    sleep_for(setup.watched);
    const double cpu_seconds = mount.server().cpu_seconds() - cpu_before;
    return {
        .bytes_per_network = (made - empty) / setup.networks,
        .bytes_per_node = (joined - made) / (setup.networks * setup.nodes_per_network),
        .cpu_percent = 100 * cpu_seconds / std::chrono::duration<double>(setup.watched).count()};
}

double allocations_per_packet(Transport& transport, const AllocationCounter& allocations,
                              unsigned readers) {
    constexpr Milliseconds warm_up{500};
    constexpr Milliseconds counted{500};
    const TrafficSetup setup{.network = {.members = one_to_many(readers), .packet_bytes = 1500}};
    const auto network = transport.open(setup.network);
    Traffic traffic(*network, transport.window(), setup);
    traffic.wait_until_flowing();
    sleep_for(warm_up);
    const std::uint64_t before = allocations.count();
    const TrafficResult result = traffic.measure(counted);
    return static_cast<double>(allocations.count() - before) / result.packets;
}

}  // namespace bench
