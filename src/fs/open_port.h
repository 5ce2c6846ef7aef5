// OpenPort: one open of a port; the node of kind file.
//
// What one call reads or writes is for the two kinds to say: PacketPort (`port`, `ports/N`) and
// FramedPort (`framed`). All else is here: joining, waiting, polling.
// Lifecycle: made by open(2), which joins; destroyed by the last close(2), which leaves.
// A read that finds nothing and a write that finds no room are parked here, in order, and leave by
// an answer, by an interrupt, or with the node's end, whichever comes first. All parked requests of
// one open are independent of each other, but for writes that are parts of one stream: it may be
// read and written at once. poll(2): the newest poll handle is kept (the kernel gives one per open
// file); one wake-up is sent for it when something changed, and then none until it is polled again,
// as every poller that is woken does. Threads: the loop only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/list.h"
#include "core/network.h"
#include "core/node.h"
#include "core/on_loop.h"
#include "core/packet.h"
#include "fs/error_words.h"
#include "fs/lane.h"
#include "fs/parked.h"

namespace ipn::fs {

struct ParkedReadTag;
struct ParkedWriteTag;
struct InodeTag;

class OpenPort : public OpenFile, public core::ListHook<InodeTag>, private core::Endpoint {
  public:
    ~OpenPort() override;

    core::Result<void> join(core::Network& network,
                            const core::Network::JoinRequest& request) IPN_ON_LOOP;

    core::Node& node() { return node_; }
    const core::Node& node() const { return node_; }

    void read(ReadRequest read) override;
    void write(WriteRequest write) override;
    void poll(PollRequest poll) override;

  protected:
    // What became of a write's bytes: `taken` of them went through, and if these are not all, why:
    // an errno value with words, or EAGAIN, without words, where it may go on later.
    struct Progress {
        std::size_t taken = 0;
        int error = 0;
        std::string words{};
    };

    // `prefix`: see core/node.h.
    OpenPort(ParkedTable& parked, ErrorWordsOf words, std::uint8_t prefix);

    // Whether it is bytes that are read and written: a read goes on where the kernel goes on with a
    // large one, and of a write some may be taken.
    virtual bool is_stream() const = 0;
    // Of a stream: how long a piece of `data` of about `length` bytes is, `length` being less than
    // all, so that it ends where it is best to end.
    virtual std::size_t piece(std::span<const std::byte> data, std::size_t length) const = 0;
    // Whether a write comes behind those of the same open that wait.
    virtual bool writes_in_turn() const = 0;
    // Answers a read of at most `size` bytes with what was received first, and with what else goes
    // into the same answer.
    virtual void answer_with(LaneRequest& request, core::Node::Received first,
                             std::uint32_t size) IPN_ON_LOOP = 0;
    // Sends what it can of `data`, which is not empty. `waiter`: see Network::send().
    virtual Progress send(std::span<const std::byte> data,
                          const core::SendWaiter* waiter) IPN_ON_LOOP = 0;
    // Whether a write would not block.
    virtual bool writable_now(const core::Node::Readiness& ready) const { return ready.writable; }
    // The node can send no more.
    virtual void stop_sending() {}

    Progress progress_of(const core::Network::Sent& sent) const;
    void wake_pollers() IPN_ON_LOOP;

    static constexpr const char* kTooManyWait = "too many reads and writes are waiting already";
    static constexpr const char* kTooMuchWaits =
        "max_memory: too much is waiting already to be written";

  private:
    class ParkedRead;
    class ParkedWrite;

    // Endpoint
    void deliver() override;
    void writable() override;
    void state_changed() override;

    // False, and the request untouched, if there is nothing to read yet.
    bool answer(LaneRequest& request, std::uint32_t size) IPN_ON_LOOP;
    // Keeps what a blocked write has left. False, and nothing changed, if it may not hold so much
    // or wait at all.
    bool park(WriteRequest& write, std::size_t taken) IPN_ON_LOOP;
    core::PacketRef keep(std::span<const std::byte> rest) IPN_ON_LOOP;
    // Whether a write comes behind one of this open that waits.
    bool must_wait_in_turn() const { return writes_in_turn() && !writes_.empty(); }
    void finish(LaneRequest& request, Progress progress);
    void refuse(LaneRequest& request, int code, std::string words);
    void update_expectation();

    core::Node node_;
    ParkedTable& parked_;
    ErrorWordsOf words_;
    core::List<ParkedRead, ParkedReadTag> reads_;
    core::List<ParkedWrite, ParkedWriteTag> writes_;
    Channel* poll_channel_ = nullptr;
    std::uint64_t poll_handle_ = 0;
    bool poll_awaited_ = false;
};

}  // namespace ipn::fs
