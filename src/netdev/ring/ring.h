// Ring: the daemon's one io_uring, and so the one place where it waits.
//
// Lifecycle: an Operation is handed in, belongs to the kernel until completed() is called, and may
// be handed in again from there. Whoever owns an Operation keeps it (and its buffer) alive until
// then; cancel() only makes that happen soon. Invariants: in_kernel() counts the operations that
// the kernel has; it is 0 at a clean end. Threads: one, the one that made it
// (IORING_SETUP_SINGLE_ISSUER, DEFER_TASKRUN: Linux 6.1).
#pragma once

#include <liburing.h>

#include <chrono>
#include <optional>

namespace ipn::ring {

class Operation {
  public:
    // `result` as of the system call, negative errno on failure.
    virtual void completed(int result) = 0;

  protected:
    ~Operation() = default;
};

class Ring {
  public:
    // Throws std::system_error; EPERM and ENOSYS mean that io_uring is forbidden or missing here.
    explicit Ring(unsigned entries);
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    // Completes once when `fd` has any of `events` (poll(2)).
    void poll(int fd, unsigned events, Operation& operation);
    void cancel(Operation& operation);

    // Whether a turn without waiting would have something to do.
    bool pending();

    // Hands the kernel what is queued, waits for a completion (no longer than `timeout`, 0: not at
    // all), and calls completed() for all that there are. False if there were none.
    bool turn(std::optional<std::chrono::nanoseconds> timeout);

    unsigned in_kernel() const { return in_kernel_; }

  private:
    io_uring_sqe& entry();
    bool reap();

    io_uring ring_{};
    unsigned in_kernel_ = 0;
};

}  // namespace ipn::ring
