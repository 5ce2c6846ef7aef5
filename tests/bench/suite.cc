#include "suite.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <cmath>
#include <cstdio>
#include <fstream>

#include "file_network.h"
#include "footprint.h"
#include "idle_nodes.h"
#include "latency.h"
#include "seqpacket.h"
#include "stream.h"
#include "temporary_directory.h"
#include "vde.h"
#include "zeromq.h"

namespace bench {

namespace {

const std::string vde_name = "vde_switch";
const std::string vde_halves_name = "vde_switch, resumed at half";
const std::string naive_hub_name = "naive hub";
const std::string ipnfs_name = "ipnfs";
const std::string ipnfs_lossy_name = "ipnfs lossy";
const std::string null_name = "two null operations";
const std::string tee_name = "tee";

constexpr std::size_t kib = 1024;
constexpr double loss_worth_a_note = 0.001;
constexpr std::size_t small_packet_max = 2 * kib;

// What a client offers that knows how large packets are.
std::size_t fitting_buffer(std::size_t packet_bytes) {
    return packet_bytes <= small_packet_max ? small_packet_max : 64 * kib;
}

// Target 3: a packet a call, on all cores.
std::optional<double> fanout_target(Placement placement, unsigned readers,
                                    const std::string& reference) {
    if (placement == Placement::one_core) return std::nullopt;
    if (reference == naive_hub_name) return 1.0;
    if (reference == vde_name && readers == 16) return 1.0;
    if (reference == vde_name && readers == 64) return 1.3;
    return std::nullopt;
}

}  // namespace

std::vector<std::unique_ptr<Transport>> Suite::transports() const {
    std::vector<std::unique_ptr<Transport>> all;
    all.push_back(make_vde(vde_name, setup_.directory, {.packets = 32, .resume_below = 32}));
    if (!setup_.quick) {
        all.push_back(
            make_vde(vde_halves_name, setup_.directory, {.packets = 32, .resume_below = 16}));
    }
    all.push_back(make_seqpacket());
    all.push_back(make_zeromq(setup_.directory));
    all.push_back(make_naive_hub(setup_.naive_hub));
    if (setup_.ipnfs) {
        all.push_back(make_ipnfs(*setup_.ipnfs, LossMode::lossless));
        all.push_back(make_ipnfs(*setup_.ipnfs, LossMode::lossy));
    }
    return all;
}

void Suite::measure_rounds(Figure& figure, const std::vector<Subject>& subjects) {
    fmt::print(stderr, "{}, {}\n", figure.group(), figure.row());
    std::vector<bool> failed(subjects.size(), false);
    for (unsigned round = 0; round < setup_.rounds; ++round) {
        for (std::size_t turn = 0; turn < subjects.size(); ++turn) {
            const std::size_t index = (turn + round) % subjects.size();
            const Subject& subject = subjects[index];
            double value = std::nan("");
            try {
                if (!failed[index]) value = subject.measure();
            } catch (const std::exception& error) {
                failed[index] = true;
                results_.add_failure(fmt::format("{}, {}, {}: {}", figure.group(), figure.row(),
                                                 subject.name, error.what()));
            }
            figure.add(subject.name, value);
        }
    }
}

std::vector<Suite::FanoutCase> Suite::fanout_cases() const {
    auto readers = setup_.readers;
    if (readers.empty()) {
        readers =
            setup_.quick ? std::vector<unsigned>{1, 16, 64} : std::vector<unsigned>{1, 4, 16, 64};
    }
    auto packets = setup_.packets;
    if (packets.empty()) {
        packets = setup_.quick ? std::vector<std::size_t>{1500}
                               : std::vector<std::size_t>{64, 1500, 60000};
    }
    std::vector<FanoutCase> cases;
    for (const Placement placement : {Placement::all_cores, Placement::one_core}) {
        for (const std::size_t bytes : packets) {
            cases.push_back({bytes, fitting_buffer(bytes), placement, readers});
        }
    }
    // A client that does not know how large packets are pays for its buffer.
    if (!setup_.quick) cases.push_back({1500, 64 * kib, Placement::all_cores, readers});
    return cases;
}

void Suite::fan_out() {
    for (const auto& transport : transports()) {
        results_.add_note(transport->name() + ": " + transport->setting());
    }
    for (const FanoutCase& each : fanout_cases()) {
        for (const unsigned readers : each.readers) fan_out(each, readers);
    }
}

void Suite::fan_out(const FanoutCase& each, unsigned readers) {
    const Cores cores(each.placement);
    const std::string conditions = fmt::format("{} B, reads of {} KiB, {}", each.packet_bytes,
                                               each.buffer_bytes / kib, name_of(each.placement));
    const std::string row = fmt::format("N={}", readers);
    Figure& rate =
        results_.add_figure("fan-out, " + conditions, row, "deliveries/s", Better::higher);
    Figure& cpu =
        results_.add_figure("processor time, " + conditions, row, "us a delivery", Better::lower);
    const FanoutSetup setup{
        .readers = readers, .packet_bytes = each.packet_bytes, .buffer_bytes = each.buffer_bytes};
    const auto candidates = transports();
    std::vector<Subject> subjects;
    for (const auto& transport : candidates) {
        if (transport->packet_bytes_max() < each.packet_bytes) continue;
        subjects.push_back({transport->name(),
                            [&, this] { return deliveries_per_s(*transport, setup, rate, cpu); }});
    }
    measure_rounds(rate, subjects);
    for (const auto& transport : candidates) {
        const std::string peer = transport->name();
        if (peer == ipnfs_name || peer == ipnfs_lossy_name) continue;
        results_.compare(rate, ipnfs_name, peer, fanout_target(each.placement, readers, peer));
    }
    results_.compare(rate, ipnfs_lossy_name, vde_name);
    for (const std::string& peer : {vde_name, naive_hub_name}) {
        results_.compare(cpu, ipnfs_name, peer);
    }
    if (!setup_.ipnfs) results_.compare(rate, naive_hub_name, vde_name);
}

double Suite::deliveries_per_s(Transport& transport, const FanoutSetup& setup, const Figure& rate,
                               Figure& cpu) {
    const auto warm_up = setup_.quick ? Milliseconds{60} : Milliseconds{100};
    const auto measured = setup_.quick ? Milliseconds{200} : Milliseconds{300};
    const FanoutResult result = measure_fanout(transport, setup, warm_up, measured);
    cpu.add(transport.name(), result.cpu_us);
    if (result.lost > loss_worth_a_note) {
        results_.add_note(fmt::format("{}, {}, {}: {:.1f} % lost", rate.group(), rate.row(),
                                      transport.name(), 100 * result.lost));
    }
    return result.deliveries_per_s;
}

void Suite::round_trip() {
    for (const Placement placement : {Placement::all_cores, Placement::one_core}) {
        round_trip(placement);
    }
}

void Suite::round_trip(Placement placement) {
    const Cores cores(placement);
    const LatencySetup setup;
    Figure& figure = results_.add_figure(fmt::format("round trip, {} B", setup.packet_bytes),
                                         std::string(name_of(placement)), "us, p50", Better::lower);
    std::vector<Subject> subjects;
    const auto candidates = transports();
    for (const auto& transport : candidates) {
        if (transport->name() == vde_halves_name) continue;  // its window is not used here
        subjects.push_back(
            {transport->name(), [&] { return measure_round_trip(*transport, setup).p50_us; }});
    }
    measure_rounds(figure, subjects);
    for (const std::string& peer : {vde_name, naive_hub_name}) {
        results_.compare(figure, ipnfs_name, peer);
    }
}

void Suite::one_way() {
    for (const Placement placement : {Placement::all_cores, Placement::one_core}) {
        one_way(placement);
    }
}

// Beside the network that is measured the daemon carries nothing; many idle networks; or these and
// a busy one. The null operations have the same company.
void Suite::one_way(Placement placement) {
    constexpr double target = 1.3;
    const Cores cores(placement);
    const LatencySetup latency{.samples = setup_.quick ? 300u : 1000u};
    const NaiveHubMount hub(setup_.naive_hub);
    FileNetwork hub_port(hub.port());
    std::optional<IpnfsMount> ipnfs;
    std::optional<FileNetwork> lan;
    std::vector<Subject> subjects = {
        {null_name, [&] { return measure_two_null_operations(hub.null(), latency).p50_us; }},
        {naive_hub_name, [&] { return measure_one_way(hub_port, latency).p50_us; }}};
    if (setup_.ipnfs) {
        ipnfs.emplace(*setup_.ipnfs);
        const auto options = network_options({.readers = 1, .packet_bytes = latency.packet_bytes},
                                             LossMode::lossless);
        lan.emplace(ipnfs->make_network("lan", options) + "/port");
        subjects.push_back({ipnfs_name, [&] { return measure_one_way(*lan, latency).p50_us; }});
    }
    const auto measure = [&](const std::string& company) {
        Figure& figure = results_.add_figure(
            fmt::format("one way, {} B, {}", latency.packet_bytes, name_of(placement)), company,
            "us, p50", Better::lower);
        measure_rounds(figure, subjects);
        results_.compare(figure, ipnfs_name, null_name, target);
        if (!setup_.ipnfs) results_.compare(figure, naive_hub_name, null_name);
    };

    measure("alone");
    if (!setup_.ipnfs) return;
    const IdleSetup idle{.networks = setup_.quick ? 100u : 1000u};
    const Process idle_nodes =
        start_idle_nodes(make_networks(*ipnfs, "idle", idle.networks, {}), idle.nodes_per_network);
    measure("beside idle networks");
    const FanoutSetup busy{.readers = 4,
                           .packet_bytes = 1500,
                           .buffer_bytes = small_packet_max,
                           .pause = Nanoseconds{500'000}};
    FileNetwork busy_network(
        ipnfs->make_network(
            "busy", network_options({.readers = busy.readers, .packet_bytes = busy.packet_bytes},
                                    LossMode::lossless)) +
        "/port");
    const Fanout traffic(busy_network, std::nullopt, busy);
    measure("beside idle and busy networks");
}

void Suite::stream() {
    stream(65535, 1.2);
    stream(1514, 0.5);
}

void Suite::stream(std::size_t mtu, double target) {
    constexpr double mb = 1e6;
    const std::size_t bytes = (setup_.quick ? 64 : 256) * kib * kib;
    const TemporaryDirectory directory(setup_.directory);
    const StreamSetup stream{.file = directory.path() + "/big"};
    std::ofstream(stream.file) << std::string(bytes, 'x');
    const double delivered_mb = static_cast<double>(bytes) * stream.readers / mb;

    Figure& figure = results_.add_figure("stream, cat to 4 cat", fmt::format("MTU {}", mtu), "MB/s",
                                         Better::higher);
    std::vector<Subject> subjects = {
        {tee_name, [&] { return delivered_mb / seconds_of_tee(setup_.directory, stream); }}};
    std::optional<IpnfsMount> ipnfs;
    std::string network;
    if (setup_.ipnfs) {
        ipnfs.emplace(*setup_.ipnfs);
        network = ipnfs->make_network("stream", {{"type", "stream"},
                                                 {"lossless", "1"},
                                                 {"mtu", std::to_string(mtu)},
                                                 {"minreaders", std::to_string(stream.readers)},
                                                 {"eof", "last-writer"}});
        subjects.push_back(
            {ipnfs_name, [&] { return delivered_mb / seconds_of_ipnfs_stream(network, stream); }});
    }
    measure_rounds(figure, subjects);
    results_.compare(figure, ipnfs_name, tee_name, target);
}

void Suite::footprint() {
    heap();
    if (!setup_.ipnfs) return;
    resident();
    idle_networks();
    joining();
}

void Suite::heap() {
    constexpr unsigned readers = 4;
    constexpr double none = 0.001;  // room for what the daemon does once in a while
    std::vector<Subject> subjects;
    const AllocationCounter hub_counter(setup_.directory, setup_.allocation_counter);
    NaiveHubPlace hub_place = setup_.naive_hub;
    hub_place.environment = hub_counter.environment();
    const auto hub = make_naive_hub(hub_place);
    subjects.push_back(
        {naive_hub_name, [&] { return allocations_per_packet(*hub, hub_counter, readers); }});

    const AllocationCounter ipnfs_counter(setup_.directory, setup_.allocation_counter);
    std::unique_ptr<Transport> ipnfs;
    if (setup_.ipnfs) {
        IpnfsPlace ipnfs_place = *setup_.ipnfs;
        ipnfs_place.environment = ipnfs_counter.environment();
        ipnfs = make_ipnfs(ipnfs_place, LossMode::lossless);
        subjects.push_back(
            {ipnfs_name, [&] { return allocations_per_packet(*ipnfs, ipnfs_counter, readers); }});
    }
    Figure& figure = results_.add_figure("heap", fmt::format("N={}", readers),
                                         "allocations a packet", Better::lower);
    measure_rounds(figure, subjects);
    results_.judge(figure, ipnfs_name, none);
}

void Suite::resident() {
    constexpr double target_mib = 8;
    Figure& figure = results_.add_figure("idle daemon", "resident", "MiB", Better::lower);
    measure_rounds(figure, {{ipnfs_name, [&] { return resident_mib_when_idle(*setup_.ipnfs); }}});
    results_.judge(figure, ipnfs_name, target_mib);
}

void Suite::idle_networks() {
    constexpr double target_bytes = 512;
    constexpr double no_measurable_percent = 0.1;
    const IdleSetup idle;
    const std::string group =
        fmt::format("{} idle networks, {} nodes each", idle.networks, idle.nodes_per_network);
    Figure& node = results_.add_figure(group, "memory a node", "bytes", Better::lower);
    Figure& network = results_.add_figure(group + ", memory", "a network", "bytes", Better::lower);
    Figure& cpu = results_.add_figure(group + ", processor", "all", "% of a core", Better::lower);
    measure_rounds(node, {{ipnfs_name, [&] {
                               const auto measured = measure_idle_networks(*setup_.ipnfs, idle);
                               network.add(ipnfs_name, measured.bytes_per_network);
                               cpu.add(ipnfs_name, measured.cpu_percent);
                               return measured.bytes_per_node;
                           }}});
    results_.judge(node, ipnfs_name, target_bytes);
    results_.judge(cpu, ipnfs_name, no_measurable_percent);
}

void Suite::joining() {
    constexpr unsigned few = 10;
    constexpr unsigned many = 10'000;
    constexpr double flat = 1.25;
    const auto name = [](unsigned nodes) { return fmt::format("beside {} nodes", nodes); };
    Figure& figure =
        results_.add_figure("join and leave", "open and close", "us, p50", Better::lower);
    std::vector<Subject> subjects;
    for (const unsigned nodes : {few, many}) {
        subjects.push_back(
            {name(nodes), [this, nodes] { return join_and_leave_us(*setup_.ipnfs, nodes); }});
    }
    measure_rounds(figure, subjects);
    results_.compare(figure, name(many), name(few), flat);
}

}  // namespace bench
