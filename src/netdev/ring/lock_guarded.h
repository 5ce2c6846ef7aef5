// LockGuarded: data that two threads share, reachable only through its lock.
//
// The one exception to the rule of core/on_loop.h, for what is handed to another thread and back.
// Never held while anything else is called that might wait.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace ipn::ring {

template <typename T>
class LockGuarded {
  public:
    // What `function(data)` returns must not refer to the data.
    template <typename Function>
    auto with(Function function) {
        const std::lock_guard lock(mutex_);
        return function(data_);
    }

    // The same, when `ready(data)` is true. It is looked at after each notify().
    template <typename Predicate, typename Function>
    auto when(Predicate ready, Function function) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return ready(data_); });
        return function(data_);
    }

    void notify() { changed_.notify_one(); }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    T data_;
};

}  // namespace ipn::ring
