// Suite: which figures are measured, how, against whom and with which target.
// Each section adds its figures and comparisons to the results. Without an ipnfs program the peers
// are measured alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cores.h"
#include "fanout.h"
#include "ipnfs_mount.h"
#include "naive_hub_mount.h"
#include "results.h"

namespace bench {

struct SuiteSetup {
    std::string directory;
    std::optional<IpnfsPlace> ipnfs;
    NaiveHubPlace naive_hub;
    std::string allocation_counter;  // path of count_allocations.so
    unsigned rounds = 5;
    bool quick = false;
    std::vector<unsigned> readers{};     // of fan-outs; empty: those of the targets
    std::vector<std::size_t> packets{};  // their sizes; empty: those of the targets
};

class Suite {
  public:
    Suite(SuiteSetup setup, Results& results) : setup_(std::move(setup)), results_(results) {}

    void fan_out();
    void round_trip();
    void one_way();
    void stream();
    void footprint();

  private:
    struct Subject {
        std::string name;
        std::function<double()> measure;
    };
    struct FanoutCase {
        std::size_t packet_bytes;
        std::size_t buffer_bytes;
        Placement placement;
        std::vector<unsigned> readers;
    };

    std::vector<std::unique_ptr<Transport>> transports() const;
    std::vector<FanoutCase> fanout_cases() const;
    void fan_out(const FanoutCase& each, unsigned readers);
    double deliveries_per_s(Transport& transport, const FanoutSetup& setup, const Figure& rate,
                            Figure& cpu);
    void round_trip(Placement placement);
    void one_way(Placement placement);
    void stream(std::size_t mtu, double target);
    void heap();
    void resident();
    void idle_networks();
    void joining();
    // Measures every subject once a round; who comes first moves by one each round.
    void measure_rounds(Figure& figure, const std::vector<Subject>& subjects);

    SuiteSetup setup_;
    Results& results_;
};

}  // namespace bench
