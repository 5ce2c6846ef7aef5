// Board: what the processes on one network tell each other, in shared memory: how many have joined,
// how far each receiver has come with each sender's packets, and, for lossy transports, a window
// that keeps a sender from running ahead. A packet that is lost all the same would never be seen:
// after `loss_timeout` the sender takes what is outstanding as lost and goes on.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "harness/clock.h"
#include "harness/shared.h"
#include "transports/transport.h"

namespace bench {

inline constexpr Milliseconds loss_timeout{20};

// Of one receiver with one sender; on cache lines of its own, since it is written for every packet.
struct alignas(128) Progress {
    std::atomic<std::uint64_t> deliveries{0};
    std::atomic<std::uint64_t> next_sequence{0};  // one more than the last seen
    std::atomic<std::uint64_t> awaited{std::numeric_limits<std::uint64_t>::max()};
    std::atomic<std::uint32_t> reached{0};  // futex: counts how often `awaited` was reached
};

// The receiver: a packet has arrived.
void note_delivery(Progress& progress, std::uint64_t sequence);

class Board {
  public:
    Board(unsigned senders, unsigned receivers)
        : senders_(senders), receivers_(receivers), progress_(senders * receivers) {}

    std::atomic<unsigned>& joined() { return *joined_; }
    unsigned senders() const { return senders_; }
    unsigned receivers() const { return receivers_; }
    Progress& progress(unsigned receiver, unsigned sender) {
        return progress_[receiver * senders_ + sender];
    }
    const SharedArray<Progress>& all_progress() const { return progress_; }

  private:
    unsigned senders_;
    unsigned receivers_;
    Shared<std::atomic<unsigned>> joined_;
    SharedArray<Progress> progress_;
};

// One sender's side.
class Window {
  public:
    Window(const WindowSetting& setting, std::vector<Progress*> receivers)
        : setting_(setting), receivers_(std::move(receivers)) {}

    // Returns when the packet of that number may be sent.
    void wait_for_room(std::uint64_t sequence);

  private:
    Progress& slowest() const;

    WindowSetting setting_;
    std::vector<Progress*> receivers_;
    // All receivers have come at least this far, or lost what is missing.
    std::uint64_t acknowledged_ = 0;
};

// Waits until the counter has reached a value; throws after a time-out.
void wait_for_count(const std::atomic<unsigned>& counter, unsigned value);

}  // namespace bench
