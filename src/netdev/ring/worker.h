// Worker: the thread for what may wait for a disk, a path or a name service, so that the loop never
// does.
//
// run() hands over a job; it runs on the worker's thread, after those handed over before it, one at
// a time. When it has returned, its `done` is called on the loop, in a turn of the ring.
// Lifecycle: the thread is started by the first job and ends with the Worker. As long as a job is
// under way there is an operation in the ring, so that a loop that turns the ring until nothing is
// in the kernel has called every `done`; only then may the Worker be destroyed.
// A job shares nothing with the loop but what it was handed, which belongs to it until `done`.
// Limits: as many jobs as callers hand over; bound what a client can cause. A job that never
// returns holds up those behind it, and the end. Threads: all calls on the loop's.
#pragma once

#include <functional>
#include <list>
#include <thread>

#include "netdev/ring/lock_guarded.h"
#include "netdev/ring/ring.h"

namespace ipn::ring {

class Worker final : private Operation {
  public:
    // Throws std::system_error.
    explicit Worker(Ring& ring);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Neither may throw. Throws std::bad_alloc, having done nothing, if there is no memory, or no
    // thread.
    void run(std::function<void()> job, std::function<void()> done);

    // Jobs whose `done` was not called yet.
    std::size_t under_way() const { return under_way_; }

  private:
    struct Job {
        std::function<void()> job;
        std::function<void()> done;
    };
    struct Shared {
        std::list<Job> waiting;
        std::list<Job> finished;
        bool ending = false;
    };

    void start_thread();
    void work();
    void watch();
    void completed(int result) override;

    Ring& ring_;
    int event_ = -1;  // an eventfd: how many jobs have finished
    std::size_t under_way_ = 0;
    bool watching_ = false;
    LockGuarded<Shared> shared_;
    std::thread thread_;
};

}  // namespace ipn::ring
