// Ring: the daemon's one io_uring, and so the one place where it waits.
//
// Lifecycle: an Operation is handed in, belongs to the kernel until completed() is called, and may
// be handed in again from there. Whoever owns an Operation keeps it (and its buffer) alive until
// then; cancel() only makes that happen soon. Commands to drivers are the exception: only their
// driver ends them, or close(). Invariants: in_kernel() counts the operations that the kernel has,
// without commands; it is 0 at a clean end. Threads: one, the one that made it
// (IORING_SETUP_SINGLE_ISSUER, DEFER_TASKRUN: Linux 6.1).
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

namespace ipn::ring {

class BufferRing;

class Operation {
  public:
    // `result` as of the system call, negative errno on failure.
    virtual void completed(int result) = 0;
    // What the ring calls: the completion whole.
    virtual void complete(const io_uring_cqe& completion) { completed(completion.res); }

  protected:
    ~Operation() = default;
};

// An operation that receives, perhaps many times, each time into a buffer of a BufferRing.
class Reception : public Operation {
  public:
    // `buffer`, if it was used, belongs to the caller of BufferRing::provide() again. With `more`
    // the operation is still the kernel's; without, it is to be handed in again to receive more.
    // -ENOBUFS: no buffer was left.
    virtual void received(int result, std::optional<std::uint16_t> buffer, bool more) = 0;

    void complete(const io_uring_cqe& completion) final;

  protected:
    ~Reception() = default;

  private:
    void completed(int) final {}
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
    // Receives into `buffers`, from a file or a socket, until there is an error or no buffer left;
    // if the kernel has no multishot_reads(), a file is read once. A `form` gives the sizes of the
    // address and of the control data; what comes is laid out as io_uring_recvmsg_out(3) says. It
    // has to stay until the next turn().
    void read(int fd, const BufferRing& buffers, Reception& reception);
    // The same, once.
    void read_once(int fd, const BufferRing& buffers, Reception& reception);
    void receive(int fd, msghdr& form, const BufferRing& buffers, Reception& reception);
    // The same, once, with everything but the data where `form` says; it has to stay until the
    // completion, itself included.
    void receive_once(int fd, msghdr& form, const BufferRing& buffers, Reception& reception);
    // What `parts` and `message` refer to has to stay until the completion, themselves included.
    void write(int fd, std::span<const iovec> parts, Operation& operation);
    void cancel(Operation& operation);
    // A command to the driver behind `fd` (IORING_OP_URING_CMD). `memory` and what it refers to has
    // to stay until the completion; `argument`, of kArgumentMax bytes at most, is copied.
    void command(int fd, std::uint32_t code, std::span<const iovec> memory,
                 std::span<const std::byte> argument, Operation& operation);
    static constexpr std::size_t kArgumentMax = 80;

    // How many operations the next turn() hands over.
    unsigned queued() const { return io_uring_sq_ready(&ring_); }
    // Whether a turn without waiting would have something to do: completions, or operations that
    // the kernel does not have yet.
    bool pending();

    // Hands the kernel what is queued, waits for a completion (no longer than `timeout`, 0: not at
    // all), and calls completed() for all that there are. False if there were none.
    bool turn(std::optional<std::chrono::nanoseconds> timeout);

    // Ends the ring: what the kernel still has never completes. At a clean end that is commands
    // only. Nothing may be handed in any more.
    void close();

    unsigned in_kernel() const { return in_kernel_; }
    bool multishot_reads() const { return multishot_reads_; }
    // As on a kernel that has none (before Linux 6.7).
    void forgo_multishot_reads() { multishot_reads_ = false; }

  private:
    friend class BufferRing;

    io_uring_sqe& entry();
    void read_with(int opcode, int fd, const BufferRing& buffers, Reception& reception);
    void hand_in(io_uring_sqe& entry, Operation& operation);
    bool reap();

    io_uring ring_{};
    bool open_ = true;
    unsigned in_kernel_ = 0;
    bool multishot_reads_ = false;
    std::uint16_t next_group_ = 0;
};

}  // namespace ipn::ring
