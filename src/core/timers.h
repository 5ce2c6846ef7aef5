// Timers: what is to happen at an Instant, in order.
//
// The loop asks next() how long it may sleep and calls run(now) afterwards. Arming costs O(log n)
// and no memory, so that it never fails; a timer whose deadline moves often is better left to
// expire and armed anew by its owner. A Timer that is destroyed is disarmed. Threads: the loop
// only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "core/clock.h"

namespace ipn::core {

class Timers;

class Timer {
  public:
    Timer(Timers& timers, std::function<void()> expired)
        : timers_(timers), expired_(std::move(expired)), entry_(make_entry(*this)) {}
    ~Timer() { disarm(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void arm(Instant deadline) noexcept;
    void disarm() noexcept;
    bool armed() const { return entry_.empty(); }

  private:
    friend class Timers;
    using Queue = std::multimap<Instant, Timer*>;

    static Queue::node_type make_entry(Timer& timer) {
        Queue queue;
        return queue.extract(queue.emplace(Instant(), &timer));
    }

    Timers& timers_;
    std::function<void()> expired_;
    Queue::node_type entry_;    // while it is not armed
    Queue::iterator position_;  // while it is: where the entry is in the queue
};

class Timers {
  public:
    std::optional<Instant> next() const {
        return queue_.empty() ? std::nullopt : std::optional(queue_.begin()->first);
    }

    // Runs what is due at `now`. What those timers arm for `now` or earlier runs in this call too.
    void run(Instant now) {
        while (!queue_.empty() && queue_.begin()->first <= now) {
            Timer& timer = *queue_.begin()->second;
            timer.disarm();
            timer.expired_();
        }
    }

  private:
    friend class Timer;
    Timer::Queue queue_;
};

inline void Timer::arm(Instant deadline) noexcept {
    disarm();
    entry_.key() = deadline;
    position_ = timers_.queue_.insert(std::move(entry_));
}

inline void Timer::disarm() noexcept {
    if (armed()) entry_ = timers_.queue_.extract(position_);
}

}  // namespace ipn::core
