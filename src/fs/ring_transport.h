// RingTransport: FUSE over io_uring (Linux 6.14), the second way that requests come and answers go.
//
// The kernel has a queue for every CPU, in which it puts what is asked there. We register entries:
// memory for one request and its answer. A request takes an entry of its queue and comes with the
// entry's completion; committing its answer gives the entry back. INIT, INTERRUPT, FORGET and
// notifications stay on /dev/fuse.
// Lifecycle: made; start() once INIT has agreed on it; close() before the ring goes.
// Invariants:
//  (1) An entry is the kernel's, or taken from its request's arrival to its answer. A read that
//      waits keeps its entry, so that a queue grows when few of its entries are left (attend()).
//  (2) A request that finds no entry stays in the kernel's queue until one *is committed*; new
//      entries do not make the kernel look. So whenever a queue has grown, the kernel is made to
//      send a request of our own making there, again and again until committing it brings nothing.
//  (3) At most kEntriesMax entries, or as many as the kernel takes. Then what would wait in the
//  last
//      entry of a queue is refused (Reply::may_wait()); if that entry was lost before we knew, one
//      that waits is told EINTR. So a queue always goes on.
//  (4) The kernel forgets to tell of a signal that a client got before its request was here (as of
//      6.18). Whatever is still unanswered after kUnsure is looked at once; of a signal that comes
//      later INTERRUPT tells.
// Memory: an entry has kPayload bytes of address space. What was used of it stays until trim(), and
// at most about kUsedMax of all together.
// Errors: if the kernel does not take an answer of a connection that lives, std::system_error: the
// mount has to end, or a client would wait for ever.
// Threads: the loop only. Not done: what a request means; see session.h.
#pragma once

#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/list.h"
#include "core/registry.h"
#include "core/timers.h"
#include "fs/channel.h"
#include "fs/command_ring.h"
#include "fs/message.h"

namespace ipn::fs {

// The request in an entry, which is answered by `reply`. Nothing if there can be none of that
// length.
std::optional<Message> message_in(const RingHeaders& headers, std::span<const std::byte> payload,
                                  Reply& reply);

class RingTransport {
  public:
    static constexpr std::size_t kPayload = Reply::kDataMax;
    static constexpr std::size_t kEntriesAtFirst = 8;  // of a queue
    static constexpr std::size_t kEntriesMax = 16384;  // of all
    static constexpr std::size_t kUsedMax = 16 * 1024 * 1024;
    static constexpr std::chrono::milliseconds kUnsure{500};

    // What is done with a request, and with one whose client got a signal.
    struct Handlers {
        std::function<void(const Message&)> request;
        std::function<void(std::uint64_t unique)> interrupt;
    };

    // `channel`: the same connection's.
    RingTransport(CommandRing& ring, core::Registry& registry, Channel& channel, Handlers handlers);
    ~RingTransport();
    RingTransport(const RingTransport&) = delete;
    RingTransport& operator=(const RingTransport&) = delete;

    // Registers entries for the connection of `fd`. False if the kernel does not take them: then
    // everything goes on coming by /dev/fuse.
    bool start(int fd);
    // The ring goes: nothing is answered any more.
    void close() { ended_ = true; }

    enum class Answered : std::uint8_t {
        sent,
        gone,      // the connection has ended
        not_here,  // the request came another way
    };
    // Sends an answer as libfuse makes it, header and data.
    Answered answer(std::span<const iovec> parts);

    // After every turn of the ring: keeps (1) to (3), and the memory within its bound.
    void attend();
    // Gives memory back that requests and answers have used. Only when there is nothing to do.
    void trim();

    std::size_t entries() const { return entries_.size(); }

  private:
    class Entry;
    struct UniqueTag;
    struct UnsureTag;
    struct LowTag;
    struct Queue : core::ListHook<LowTag> {
        unsigned number = 0;
        std::size_t entries = 0;
        std::size_t free = 0;  // the kernel's
        bool full = false;     // cannot grow any more
        // Since these were last looked at: a request of our own came; another came in its place.
        bool own_came = false;
        bool brought = false;
    };
    // Anonymous memory.
    class Mapping {
      public:
        explicit Mapping(std::size_t length);  // may throw std::bad_alloc
        Mapping(Mapping&& other) noexcept;
        Mapping& operator=(Mapping&&) = delete;
        ~Mapping();
        std::byte* data() const { return data_; }

      private:
        std::byte* data_;
        std::size_t length_;
    };
    using Bucket = core::List<Entry, UniqueTag>;
    static constexpr std::size_t kBuckets = 1024;

    Bucket& bucket(std::uint64_t unique) { return taken_[(unique / 2) % kBuckets]; }
    bool grow(Queue& queue, std::size_t count);
    void add_entries(Queue& queue, std::size_t count);
    void call_in_waiting(Queue& queue);
    bool provoke_commit(Queue& queue);
    bool let_one_go(Queue& queue);
    void unsure_about(Entry& entry);
    void look_at_signals();
    void forget_used(std::uint64_t turn);

    CommandRing& ring_;
    core::Registry& registry_;
    Channel& channel_;
    const Handlers handlers_;
    int fd_ = -1;
    bool ended_ = false;
    std::uint64_t turn_ = 1;
    std::size_t used_ = 0;
    std::uint64_t asked_back_ = 0;

    std::vector<Mapping> memory_;
    std::deque<Queue> queues_;
    std::vector<std::unique_ptr<Entry>> entries_;
    core::List<Queue, LowTag> low_;    // those with few entries left
    std::unique_ptr<Bucket[]> taken_;  // by the request that they hold
    // Taken and not looked at yet (4): since the timer was armed, and before.
    core::List<Entry, UnsureTag> fresh_;
    core::List<Entry, UnsureTag> unsure_;
    core::Timer timer_;
};

}  // namespace ipn::fs
