// Board: what the processes of one fan-out run tell each other, in shared memory: who is ready, how
// far each reader has come, and, for lossy transports, a window that keeps the sender from running
// ahead. A packet that is lost all the same would never be seen: after `loss_timeout` the sender
// takes what is outstanding as lost and goes on.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "clock.h"
#include "transport.h"

namespace bench {

inline constexpr unsigned readers_max = 256;
inline constexpr Milliseconds loss_timeout{20};

// One per reader, on cache lines of its own: it is written for every packet.
struct alignas(128) ReaderProgress {
    std::atomic<std::uint64_t> deliveries{0};
    std::atomic<std::uint64_t> next_sequence{0};  // one more than the last seen
    std::atomic<std::uint64_t> awaited{std::numeric_limits<std::uint64_t>::max()};
    std::atomic<std::uint32_t> reached{0};  // futex: counts how often `awaited` was reached
};

struct Board {
    std::atomic<unsigned> writers_ready{0};
    std::atomic<unsigned> readers_ready{0};
    ReaderProgress readers[readers_max];
};

// Reader: a packet has arrived.
void note_delivery(ReaderProgress& reader, std::uint64_t sequence);

// The sender's side.
class Window {
  public:
    Window(const WindowSetting& setting, Board& board, unsigned readers)
        : setting_(setting), board_(board), readers_(readers) {}

    // Returns when the packet of that number may be sent.
    void wait_for_room(std::uint64_t sequence);

  private:
    ReaderProgress& slowest() const;

    WindowSetting setting_;
    Board& board_;
    unsigned readers_;
    // All readers have come at least this far, or lost what is missing.
    std::uint64_t acknowledged_ = 0;
};

// Waits until the counter has reached a value; throws after a time-out.
void wait_for_count(const std::atomic<unsigned>& counter, unsigned value);

}  // namespace bench
