// Fanout: one sender and N readers, each a process, on one network, sending as fast as it goes.
// The sender starts when every reader is there. Deliveries are counted at the readers, in a steady
// state: what is measured is the difference of the counters over an interval, after a warm-up.
#pragma once

#include <optional>
#include <vector>

#include "board.h"
#include "process.h"
#include "shared.h"
#include "transport.h"

namespace bench {

struct FanoutSetup {
    unsigned readers;
    std::size_t packet_bytes;
    std::size_t buffer_bytes;  // of each reader
    Nanoseconds pause{0};      // of the sender after each packet; 0: as fast as it goes
};

struct FanoutResult {
    double deliveries_per_s = 0;
    double packets = 0;  // sent, by what the readers saw
    double cpu_us = 0;   // a delivery, of sender, readers and server
    double lost = 0;     // share of what was sent to all readers
};

class Fanout {
  public:
    Fanout(Network& network, const std::optional<WindowSetting>& window, const FanoutSetup& setup);
    ~Fanout() { end_all(processes_); }
    Fanout(const Fanout&) = delete;
    Fanout& operator=(const Fanout&) = delete;

    FanoutResult measure(Milliseconds duration);

  private:
    struct Reading {
        Clock::time_point time;
        std::uint64_t deliveries;
        std::uint64_t sequences;  // sum over the readers
        double cpu_s;             // of all processes
    };

    void run_reader(unsigned number);
    void run_sender();
    Reading read_counters() const;

    Network& network_;
    std::optional<WindowSetting> window_;
    FanoutSetup setup_;
    Shared<Board> board_;
    std::vector<Process> processes_;
};

// Opens a network of that transport, runs a fan-out on it for a while, then measures it.
FanoutResult measure_fanout(Transport& transport, const FanoutSetup& setup, Milliseconds warm_up,
                            Milliseconds duration);

}  // namespace bench
