// Schedule: one random life of a mount, made of a seed.
//
// Which steps are likely is itself drawn from the seed, so that schedules differ in character: some
// never resize, some cut all the time, some have next to no memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "both.h"
#include "random.h"

namespace ipn::sim {

class Schedule {
  public:
    Schedule(std::uint64_t seed, bool tracing);

    // Runs so many steps and winds up. Returns the first difference between core and model, if any.
    const std::string& run(int steps);
    int steps_done() const { return steps_done_; }

  private:
    struct Step;
    static const Step kSteps[];

    void random_step();
    int any_network();
    int any_node();

    void create();
    void join();
    void write();
    void write_large();
    void read();
    void set_option();

    Random random_;
    Both both_;
    std::vector<unsigned> weights_;
    int steps_done_ = 0;
};

}  // namespace ipn::sim
