// Suite: what every section of the benchmark works with: how it is to be measured, where the
// results go, and how subjects are measured in turns.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "report/results.h"
#include "transports/ipnfs_mount.h"
#include "transports/naive_hub_mount.h"

namespace bench {

struct SuiteSetup {
    std::string directory;
    // The daemon, by the ways in which it is mounted; none: the peers are measured alone.
    std::vector<IpnfsPlace> ipnfs;
    NaiveHubPlace naive_hub;
    std::string unobserved;          // path of ipnfs-unobserved
    std::string allocation_counter;  // path of count_allocations.so
    std::string policies;            // directory of the modules
    unsigned rounds = 5;
    bool quick = false;                   // the short form: one core, and less of everything
    std::vector<unsigned> readers{};      // of fan-outs; empty: those of the targets
    std::vector<std::size_t> packets{};   // their sizes; empty: those of the targets
    std::vector<std::string> subjects{};  // by name; empty: all
};

struct Subject {
    std::string name;
    std::function<double()> measure;
};

class Suite {
  public:
    Suite(SuiteSetup setup, Results& results) : setup_(std::move(setup)), results_(results) {}

    const SuiteSetup& setup() const { return setup_; }
    bool quick() const { return setup_.quick; }
    Results& results() { return results_; }
    // One core alone in the short form, whose ratios have to be steady.
    std::vector<Placement> placements() const;

    // Measures every subject that is wanted once a round; who comes first moves by one each round.
    // One that fails is not tried again.
    void measure_rounds(Figure& figure, std::vector<Subject> subjects);
    // The daemon as it is mounted otherwise beside itself mounted plainly, by their subjects'
    // names.
    void compare_mounts(const Figure& figure,
                        const std::function<std::string(const IpnfsPlace&)>& name);

  private:
    bool wanted(const Subject& subject) const;

    SuiteSetup setup_;
    Results& results_;
};

}  // namespace bench
