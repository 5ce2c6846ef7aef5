// WorkQueue: what the loop still has to do, but not before it has looked for input.
//
// Deferring is what lets many packets share one wake-up: a packet is put in its readers' queues at
// once and the sender is answered; the readers are woken later, one Work item at a time, whenever
// no input is waiting. Input that never ceases may not hold deliveries up for ever, and what is
// gathered should still be in the cache when it is delivered: due() tells when as many packets or
// bytes have been queued since there was nothing to do, or as much time has passed, as the Limits
// allow. Then everything is to run before more input is taken.
// A packet that comes alone, after the loop has slept for kRest and with none waiting in its
// network, gains nothing from that: whoever sends it calls deliver_lone() before it is answered, so
// that the first reader is woken first.
//
// Invariants: an item is on the queue at most once; items run in the order in which they were
// added. Threads: the loop only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/clock.h"
#include "core/list.h"

namespace ipn::core {

struct WorkTag;

class Work : public ListHook<WorkTag> {
  public:
    virtual void run() = 0;

  protected:
    ~Work() = default;
};

class WorkQueue {
  public:
    struct Limits {
        std::uint32_t packets = 64;
        std::uint64_t bytes = 256 * 1024;
        Duration time = std::chrono::microseconds(200);
    };

    // A wake-up takes about half of it.
    static constexpr Duration kRest = std::chrono::microseconds(100);

    WorkQueue(const Clock& clock, Limits limits) : clock_(clock), limits_(limits) {}

    bool empty() const { return items_.empty(); }

    void add(Work& item) {
        if (item.ListHook<WorkTag>::linked()) return;
        if (items_.empty()) restart();
        items_.push_back(item);
    }

    // Counts a packet that an item on the queue is to deliver.
    void count(std::size_t bytes) {
        packets_ += 1;
        bytes_ += bytes;
    }

    bool due() const {
        return !items_.empty() && (packets_ >= limits_.packets || bytes_ >= limits_.bytes ||
                                   clock_.now() - since_ >= limits_.time);
    }

    // The loop has just slept for so long.
    void slept(Duration time) { rested_ = time >= kRest; }
    void deliver_lone() {
        if (std::exchange(rested_, false) && !items_.empty()) run_one();
    }

    void run_one() { items_.pop_front().run(); }

  private:
    void restart() {
        packets_ = 0;
        bytes_ = 0;
        since_ = clock_.now();
    }

    const Clock& clock_;
    const Limits limits_;
    List<Work, WorkTag> items_;
    std::uint32_t packets_ = 0;
    std::uint64_t bytes_ = 0;
    Instant since_{};
    bool rested_ = false;
};

}  // namespace ipn::core
