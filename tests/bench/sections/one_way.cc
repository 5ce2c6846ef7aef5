// One way: a packet now and then, so that everybody sleeps in between, beside two FUSE operations
// that do nothing. Target 3.
//
// Beside the network that is measured the daemon carries nothing; many idle networks; or these and
// a busy one. The null operations have the same company.
#include <fmt/core.h>

#include "measure/idle_nodes.h"
#include "measure/latency.h"
#include "measure/traffic.h"
#include "sections/lineup.h"
#include "sections/sections.h"
#include "transports/file_network.h"

namespace bench {

namespace {

// A network of the daemon, joined through `port`.
FileNetwork make_port(IpnfsMount& mount, const std::string& name, const NetworkSetup& setup) {
    return {mount.make_network(name, network_options(setup)) + "/port", setup.buffer_bytes};
}

class OneWay {
  public:
    OneWay(Suite& suite, Placement placement, const IpnfsPlace& place)
        : suite_(suite),
          placement_(placement),
          name_(ipnfs_name(IpnfsKind::port, place)),
          cores_(placement),
          latency_{.samples = suite.quick() ? 300u : 1000u},
          hub_(suite.setup().naive_hub),
          hub_port_(hub_.port(), 2048),
          mount_(place),
          lan_(make_port(mount_, "lan", {.members = one_to_many(1), .packet_bytes = 64})) {}

    void run();

  private:
    void measure(const std::string& company);

    Suite& suite_;
    Placement placement_;
    std::string name_;
    Cores cores_;
    LatencySetup latency_;
    NaiveHubMount hub_;
    FileNetwork hub_port_;
    IpnfsMount mount_;
    FileNetwork lan_;
};

void OneWay::run() {
    measure("alone");
    const unsigned networks = suite_.quick() ? 100 : 1000;
    constexpr unsigned nodes_each = 10;
    const Process idle_nodes =
        start_idle_nodes(make_networks(mount_, "idle", networks, {}), nodes_each);
    measure("beside idle networks");
    const TrafficSetup busy{.network = {.members = one_to_many(4), .packet_bytes = 1500},
                            .pause = Nanoseconds{500'000}};
    FileNetwork busy_network = make_port(mount_, "busy", busy.network);
    const Traffic traffic(busy_network, std::nullopt, busy);
    measure("beside idle and busy networks");
}

void OneWay::measure(const std::string& company) {
    constexpr double target = 1.3;
    const std::string null_name = "two null operations";
    Figure& figure = suite_.results().add_figure(
        {.title = fmt::format("one way, {} B, {}", latency_.packet_bytes, name_),
         .placement = placement_,
         .row = company,
         .unit = "us, p50",
         .better = Better::lower});
    suite_.measure_rounds(
        figure,
        {{null_name, [&] { return measure_two_null_operations(hub_.null(), latency_).p50_us; }},
         {naive_hub_name, [&] { return measure_one_way(hub_port_, latency_).p50_us; }},
         {name_, [&] { return measure_one_way(lan_, latency_).p50_us; }}});
    suite_.results().compare(figure, name_, null_name, target);
}

}  // namespace

void one_way(Suite& suite) {
    for (const Placement placement : suite.placements()) {
        for (const IpnfsPlace& place : suite.setup().ipnfs) OneWay(suite, placement, place).run();
    }
}

}  // namespace bench
