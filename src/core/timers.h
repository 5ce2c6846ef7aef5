// Timers: what is to happen at an Instant, in order.
//
// The loop asks next() how long it may sleep and calls run(now) afterwards. Arming costs O(log n);
// a timer whose deadline moves often is better left to expire and armed anew by its owner.
// A Timer that is destroyed is disarmed. Threads: the loop only.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "core/clock.h"

namespace ipn::core {

class Timers;

class Timer {
  public:
    Timer(Timers& timers, std::function<void()> expired)
        : timers_(timers), expired_(std::move(expired)) {}
    ~Timer() { disarm(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void arm(Instant deadline);
    void disarm();
    bool armed() const { return position_.has_value(); }

  private:
    friend class Timers;
    using Queue = std::multimap<Instant, Timer*>;

    Timers& timers_;
    std::function<void()> expired_;
    std::optional<Queue::iterator> position_;
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

inline void Timer::arm(Instant deadline) {
    disarm();
    position_ = timers_.queue_.emplace(deadline, this);
}

inline void Timer::disarm() {
    if (!position_) return;
    timers_.queue_.erase(*position_);
    position_.reset();
}

}  // namespace ipn::core
