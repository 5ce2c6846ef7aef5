// Traffic: nodes on one network, each a process, that send as fast as they go: one to many, many to
// one, all to all.
//
// The senders start when everybody has joined. Deliveries are counted at the receivers, in a steady
// state: what is measured is the difference of the counters over an interval, after a warm-up. A
// node that does both sends in one thread and receives in another.
#pragma once

#include <vector>

#include "harness/board.h"
#include "harness/process.h"
#include "transports/transport.h"

namespace bench {

struct TrafficSetup {
    NetworkSetup network;
    Nanoseconds pause{0};  // of a sender after each packet; 0: as fast as it goes
    UsageDetail detail = UsageDetail::processor_time;
};

struct TrafficResult {
    double deliveries_per_s = 0;
    double packets = 0;  // sent, by what the receivers saw
    double deliveries = 0;
    double lost = 0;  // share of what should have been delivered
    Usage server{};   // of the process that carries the packets
    Usage senders{};
    Usage receivers{};  // and those that do both

    // Processor time of all of them together for each delivery.
    double cpu_us() const;
};

class Traffic {
  public:
    Traffic(Network& network, const std::optional<WindowSetting>& window,
            const TrafficSetup& setup);
    ~Traffic();
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    // Waits until every receiver has some packets of every sender.
    void wait_until_flowing();
    TrafficResult measure(Milliseconds duration);

  private:
    struct Reading {
        Clock::time_point time{};
        std::uint64_t deliveries = 0;
        std::uint64_t sequences = 0;  // sums over all pairs of receiver and sender
        Usage server{};
        Usage senders{};
        Usage receivers{};
    };

    void run_writer(unsigned number);
    void run_reader(unsigned number);
    void run_both(unsigned number);
    void send(Endpoint& endpoint, unsigned sender);
    void receive(Endpoint& endpoint, unsigned receiver);
    std::vector<Progress*> receivers_of(unsigned sender);
    Reading read_counters() const;

    Network& network_;
    std::optional<WindowSetting> window_;
    TrafficSetup setup_;
    Board board_;
    std::vector<Process> writers_;
    std::vector<Process> receivers_;
};

// Opens a network of that transport, has traffic on it for a while once it flows, then measures it.
TrafficResult measure_traffic(Transport& transport, const TrafficSetup& setup, Milliseconds warm_up,
                              Milliseconds duration);

}  // namespace bench
