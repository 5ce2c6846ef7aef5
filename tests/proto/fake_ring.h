// FakeRing: FUSE over io_uring without a kernel or a ring: the queues of fs/fuse/dev_uring.c.
//
// It does what the kernel does, its gaps included: a request goes to the queue of the CPU where its
// client runs and takes the entry that came back last; without one it stays until an entry of that
// queue is committed, however many are registered meanwhile. What is submitted takes effect, and
// what happened is told, in turn(). What is wrong is told to `Listener`. Not done: what a request
// means, and /dev/fuse; see fake_kernel.h.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/command_ring.h"
#include "fs/wire.h"

namespace ipn::test {

class FakeRing final : public fs::CommandRing {
  public:
    static constexpr unsigned kCpus = 2;

    class Listener {
      public:
        // A fuse_out_header and what follows.
        virtual void answered_over_ring(std::string_view message) = 0;
        virtual void wrong(const std::string& what) = 0;
        // From now on requests come this way.
        virtual void ring_is_ready() = 0;
        // The daemon is about to leave a CPU where it wanted to be.
        virtual void take_notifications() = 0;

      protected:
        ~Listener() = default;
    };

    explicit FakeRing(Listener& listener) : listener_(listener) {}
    ~FakeRing() override;

    // Whether the kernel would use it: there is an entry in every queue.
    bool ready() const { return ready_; }
    // A request, header and all, of a client on that CPU.
    void ask(unsigned cpu, std::string request);
    // Whether turn() has anything to do.
    bool busy() const { return !submitted_.empty() || !completed_.empty(); }
    // The connection ends: what is under way and what is submitted gets ENOTCONN.
    void hang_up();
    // As when the daemon closes its ring.
    void close();

    // Where the daemon is when it sends notifications.
    std::optional<unsigned> daemons_cpu() const { return daemons_cpu_; }
    // How many entries there are, and have a request now; how many requests have none.
    std::size_t entries() const { return entries_; }
    std::size_t taken() const;
    std::size_t waiting() const;

    // What a kernel may refuse: entries beyond so many, and letting the daemon run on other CPUs.
    std::size_t entries_max = SIZE_MAX;
    bool may_run_anywhere = true;

    std::unique_ptr<Command> make_command(Completion& completion) override;
    void turn() override;
    unsigned cpus() const override { return kCpus; }
    bool run_on(unsigned cpu, const std::function<void()>& call) override;

  private:
    class Entry;
    struct Queue {
        std::vector<Entry*> available;
        std::map<std::uint64_t, Entry*> taken;  // by their requests' ids
        std::deque<std::string> waiting;
    };
    struct Submission {
        Entry* entry;
        std::uint32_t operation;
        fs::RingCommand argument;
    };

    void carry_out(const Submission& submission);
    void register_entry(Entry& entry, unsigned queue);
    void commit(Entry& entry, const fs::RingCommand& argument);
    void put(Queue& queue, Entry& entry, std::string_view request);
    void complete(Entry& entry, int result) { completed_.push_back({&entry, result}); }
    void forget(Entry& entry);

    Listener& listener_;
    std::vector<Queue> queues_{kCpus};
    std::deque<Submission> submitted_;
    std::deque<std::pair<Entry*, int>> completed_;
    std::optional<unsigned> daemons_cpu_;
    std::size_t entries_ = 0;
    bool ready_ = false;
    bool ended_ = false;
};

}  // namespace ipn::test
