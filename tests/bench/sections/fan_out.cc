// Fan-out: one sender, N readers. Targets 2 and 3.
#include <fmt/core.h>

#include "sections/sections.h"
#include "sections/traffic_figures.h"

namespace bench {

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t small_packet_max = 2 * kib;

// What a client offers that knows how large packets are.
std::size_t fitting_buffer(std::size_t packet_bytes) {
    return packet_bytes <= small_packet_max ? small_packet_max : 64 * kib;
}

std::optional<double> port_target(unsigned readers, const std::string& peer) {
    if (peer == naive_hub_name) return 1.0;
    if (peer != vde_name) return std::nullopt;
    if (readers == 16) return 1.0;
    if (readers == 64) return 1.3;
    return std::nullopt;
}

std::optional<double> framed_target(std::size_t packet_bytes, unsigned readers,
                                    const std::string& peer) {
    if (peer == zeromq_name && readers >= 4) {
        if (packet_bytes == 64) return 1.0;
        if (packet_bytes == 1500) return 2.0;
    }
    if (peer != vde_name || packet_bytes != 1500) return std::nullopt;
    switch (readers) {
        case 1:
            return 2.0;
        case 4:
            return 8.0;
        case 16:
        case 64:
            return 15.0;
        default:
            return std::nullopt;
    }
}

// The targets are for all cores, and the daemon mounted plainly.
TrafficTarget target_of(const TrafficCase& each) {
    if (each.placement == Placement::one_core) {
        return [](const std::string&, const std::string&) { return std::nullopt; };
    }
    const unsigned readers = each.network.members.readers;
    const std::size_t packet_bytes = each.network.packet_bytes;
    return [=](const std::string& ours, const std::string& peer) -> std::optional<double> {
        if (ours == ipnfs_name(IpnfsKind::port, {})) return port_target(readers, peer);
        if (ours == ipnfs_name(IpnfsKind::framed, {})) {
            return framed_target(packet_bytes, readers, peer);
        }
        return std::nullopt;
    };
}

std::vector<unsigned> numbers_of_readers(const SuiteSetup& setup) {
    if (!setup.readers.empty()) return setup.readers;
    if (setup.quick) return {1, 16, 64};
    return {1, 4, 16, 64};
}

std::vector<std::size_t> packet_sizes(const SuiteSetup& setup) {
    if (!setup.packets.empty()) return setup.packets;
    if (setup.quick) return {1500};
    return {64, 1500, 60000};
}

void measure(Suite& suite, const Lineup& lineup, const TrafficCase& each) {
    measure_traffic_case(suite, lineup, each, target_of(each));
}

// A client that does not know how large packets are pays for its buffer.
void large_reads(Suite& suite) {
    constexpr std::size_t packet_bytes = 1500;
    const SuiteSetup& setup = suite.setup();
    Lineup lineup;
    lineup.peers.push_back(make_naive_hub(setup.naive_hub));
    for (const IpnfsPlace& place : setup.ipnfs) {
        lineup.ours.push_back(make_ipnfs(IpnfsKind::port, place));
        lineup.pairings.push_back({lineup.ours.back()->name(), naive_hub_name, true});
    }
    for (const unsigned readers : numbers_of_readers(setup)) {
        measure(suite, lineup,
                {.title = fmt::format("fan-out, {} B, reads of 64 KiB", packet_bytes),
                 .row = fmt::format("N={}", readers),
                 .placement = Placement::all_cores,
                 .network = {.members = one_to_many(readers),
                             .packet_bytes = packet_bytes,
                             .buffer_bytes = 64 * kib}});
    }
}

}  // namespace

void fan_out(Suite& suite) {
    const SuiteSetup& setup = suite.setup();
    const Lineup lineup = packet_lineup(setup, false);
    lineup.describe(suite.results());
    for (const Placement placement : suite.placements()) {
        for (const std::size_t bytes : packet_sizes(setup)) {
            for (const unsigned readers : numbers_of_readers(setup)) {
                measure(suite, lineup,
                        {.title = fmt::format("fan-out, {} B", bytes),
                         .row = fmt::format("N={}", readers),
                         .placement = placement,
                         .network = {.members = one_to_many(readers),
                                     .packet_bytes = bytes,
                                     .buffer_bytes = fitting_buffer(bytes)}});
            }
        }
    }
    if (!setup.quick) large_reads(suite);
}

}  // namespace bench
