// Breakdown: where the time of a delivery goes: in whose process, in the program or in the kernel,
// and how often the processor changes hands. On one core, where all of it adds up.
#include <fmt/core.h>

#include "measure/traffic.h"
#include "sections/lineup.h"
#include "sections/sections.h"

namespace bench {

namespace {

constexpr unsigned readers = 16;
constexpr std::size_t packet_bytes = 1500;

struct Part {
    std::string name;
    double value;
};

// The kernel counts program and kernel in ticks, which is exact enough for the one server.
std::vector<Part> parts_of(const TrafficResult& result) {
    const auto us = [&result](double seconds) { return seconds * 1e6 / result.deliveries; };
    const Usage& server = result.server;
    const double ticks = server.user_s + server.system_s;
    const double program_share = ticks > 0 ? server.user_s / ticks : 0;
    return {{"sender", us(result.senders.cpu_s)},
            {"server, program", us(server.cpu_s * program_share)},
            {"server, kernel", us(server.cpu_s * (1 - program_share))},
            {"readers", us(result.receivers.cpu_s)}};
}

double switches_of(const TrafficResult& result) {
    return (result.senders.switches + result.server.switches + result.receivers.switches) /
           result.deliveries;
}

// Its figures: one for all together, one a part.
class Breakdown {
  public:
    explicit Breakdown(Suite& suite)
        : suite_(suite),
          whole_(add("all", "us a delivery")),
          switches_(add("context switches", "a delivery")) {
        for (const Part& part : parts_of({.deliveries = 1})) {
            parts_.push_back(&add(part.name, "us a delivery"));
        }
    }

    void measure(const std::vector<Transport*>& transports);

  private:
    Figure& add(const std::string& row, const std::string& unit) {
        return suite_.results().add_figure(
            {.title = fmt::format("where the time goes, N={}, {} B", readers, packet_bytes),
             .placement = Placement::one_core,
             .row = row,
             .unit = unit,
             .better = Better::lower});
    }
    double measure(Transport& transport);

    Suite& suite_;
    Figure& whole_;
    Figure& switches_;
    std::vector<Figure*> parts_;
};

double Breakdown::measure(Transport& transport) {
    constexpr Milliseconds warm_up{100};
    constexpr Milliseconds measured{1000};
    const TrafficResult result =
        measure_traffic(transport,
                        {.network = {.members = one_to_many(readers), .packet_bytes = packet_bytes},
                         .detail = UsageDetail::everything},
                        warm_up, measured);
    const auto parts = parts_of(result);
    for (std::size_t part = 0; part < parts.size(); ++part) {
        parts_[part]->add(transport.name(), parts[part].value);
    }
    switches_.add(transport.name(), switches_of(result));
    return result.cpu_us();
}

void Breakdown::measure(const std::vector<Transport*>& transports) {
    std::vector<Subject> subjects;
    for (Transport* transport : transports) {
        subjects.push_back({transport->name(), [this, transport] { return measure(*transport); }});
    }
    suite_.measure_rounds(whole_, subjects);
}

}  // namespace

void breakdown(Suite& suite) {
    if (suite.quick()) return;
    const Cores cores(Placement::one_core);
    const Lineup lineup = packet_lineup(suite.setup(), false);
    Breakdown(suite).measure(lineup.all());
}

}  // namespace bench
