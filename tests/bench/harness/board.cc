#include "harness/board.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace bench {

namespace {

constexpr std::uint64_t nothing_awaited = std::numeric_limits<std::uint64_t>::max();
constexpr Milliseconds count_timeout{60'000};

// Returns false after `timeout`.
bool futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value, Milliseconds timeout) {
    const timespec time{.tv_sec = 0, .tv_nsec = Nanoseconds(timeout).count()};
    const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT, value, &time, nullptr, 0);
    return result == 0 || errno != ETIMEDOUT;
}

void futex_wake(std::atomic<std::uint32_t>& word) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

// Returns false if the receiver has not reached `sequence` in time.
bool wait_for_receiver(Progress& receiver, std::uint64_t sequence) {
    receiver.awaited.store(sequence);
    bool in_time = true;
    while (in_time) {
        const std::uint32_t before = receiver.reached.load();
        if (receiver.next_sequence.load() >= sequence) break;
        in_time = futex_wait(receiver.reached, before, loss_timeout);
    }
    receiver.awaited.store(nothing_awaited);
    return in_time;
}

}  // namespace

void note_delivery(Progress& progress, std::uint64_t sequence) {
    const auto relaxed = std::memory_order_relaxed;
    progress.deliveries.store(progress.deliveries.load(relaxed) + 1, relaxed);
    progress.next_sequence.store(sequence + 1);
    std::uint64_t awaited = progress.awaited.load();
    while (sequence + 1 >= awaited) {
        if (!progress.awaited.compare_exchange_strong(awaited, nothing_awaited)) continue;
        progress.reached.fetch_add(1);
        futex_wake(progress.reached);
        return;
    }
}

Progress& Window::slowest() const {
    return **std::min_element(receivers_.begin(), receivers_.end(),
                              [](const Progress* one, const Progress* other) {
                                  return one->next_sequence.load() < other->next_sequence.load();
                              });
}

void Window::wait_for_room(std::uint64_t sequence) {
    while (sequence - acknowledged_ >= setting_.packets) {
        Progress& receiver = slowest();
        acknowledged_ = std::max(acknowledged_, receiver.next_sequence.load());
        if (sequence - acknowledged_ < setting_.packets) return;
        const std::uint64_t enough = sequence + 1 - setting_.resume_below;
        if (!wait_for_receiver(receiver, enough)) acknowledged_ = sequence;
    }
}

void wait_for_count(const std::atomic<unsigned>& counter, unsigned value) {
    const auto deadline = Clock::now() + count_timeout;
    while (counter.load() < value) {
        if (Clock::now() > deadline)
            throw std::runtime_error("not all processes are ready in time");
        sleep_for(Nanoseconds{500'000});
    }
}

}  // namespace bench
