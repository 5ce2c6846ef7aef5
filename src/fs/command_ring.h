// CommandRing: what FUSE over io_uring needs of the loop's ring. See netdev/ring/ring.h.
//
// A command belongs to the kernel from submit() to completed(), or until the ring has gone.
// Threads: the loop only.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace ipn::fs {

class CommandRing {
  public:
    class Completion {
      public:
        // `result`: 0 or more, or a negative errno.
        virtual void completed(int result) = 0;

      protected:
        ~Completion() = default;
    };

    class Command {
      public:
        virtual ~Command() = default;
        // To the driver behind `fd`. `memory` and what it refers to stay until the completion;
        // `argument`, of 80 bytes at most, is copied. Not while it is under way already.
        virtual void submit(int fd, std::uint32_t operation, std::span<const iovec> memory,
                            std::span<const std::byte> argument) = 0;
    };

    virtual ~CommandRing() = default;
    // May throw std::bad_alloc.
    virtual std::unique_ptr<Command> make_command(Completion& completion) = 0;
    // Hands the kernel what was submitted and completes what has come to its end.
    virtual void turn() = 0;

    // How many CPUs this machine can ever have; they count from 0.
    virtual unsigned cpus() const = 0;
    // Runs `call` on that CPU. False, and it was not run, if this process may not.
    virtual bool run_on(unsigned cpu, const std::function<void()>& call) = 0;
};

}  // namespace ipn::fs
