#include "footprint.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <fstream>
#include <stdexcept>

#include "errors.h"
#include "fanout.h"
#include "fd.h"
#include "idle_nodes.h"
#include "samples.h"

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

double join_and_leave_us(const IpnfsPlace& place, unsigned nodes) {
    constexpr unsigned samples_wanted = 2000;
    IpnfsMount mount(place);
    const auto networks =
        make_networks(mount, "crowd", 1, {{"numnodes", std::to_string(nodes + 1)}});
    const Process others = start_idle_nodes(networks, nodes);
    const std::string port = networks.front() + "/port";
    Samples samples;
    for (unsigned sample = 0; sample < samples_wanted; ++sample) {
        const std::uint64_t start = now_ns();
        { const Fd node(check(::open(port.c_str(), O_RDONLY | O_CLOEXEC), port)); }
        samples.add(now_ns() - start);
    }
    return samples.percentiles().p50_us;
}

double allocations_per_packet(Transport& transport, const AllocationCounter& allocations,
                              unsigned readers) {
    constexpr Milliseconds warm_up{500};
    constexpr Milliseconds counted{500};
    const FanoutSetup setup{.readers = readers, .packet_bytes = 1500, .buffer_bytes = 2048};
    const auto network = transport.open({.readers = readers, .packet_bytes = setup.packet_bytes});
    Fanout fanout(*network, transport.window(), setup);
    sleep_for(warm_up);
    const std::uint64_t before = allocations.count();
    const FanoutResult result = fanout.measure(counted);
    return static_cast<double>(allocations.count() - before) / result.packets;
}

}  // namespace bench
