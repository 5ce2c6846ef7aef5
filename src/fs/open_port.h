// OpenPort: one open of a port; the node of kind file.
//
// Lifecycle: made by open(2), which joins; destroyed by the last close(2), which leaves.
// A read that finds nothing and a write that finds no room are parked here, in order, and leave by
// an answer, by an interrupt, or with the node's end, whichever comes first. All parked requests of
// one open are independent of each other: it may be read and written at once. poll(2): the newest
// poll handle is kept (the kernel gives one per open file); one wake-up is sent for it when
// something changed, and then none until it is polled again, as every poller that is woken does.
// Threads: the loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/list.h"
#include "core/network.h"
#include "core/node.h"
#include "core/on_loop.h"
#include "core/packet.h"
#include "fs/lane.h"
#include "fs/parked.h"

namespace ipn::fs {

struct ParkedReadTag;
struct ParkedWriteTag;
struct InodeTag;

class OpenPort final : public OpenFile, public core::ListHook<InodeTag>, private core::Endpoint {
  public:
    // Where the words behind an error go: user id, words.
    using Explain = std::function<void(std::uint32_t, std::string)>;

    OpenPort(ParkedTable& parked, Explain explain);
    ~OpenPort() override;

    core::Result<void> join(core::Network& network,
                            const core::Network::JoinRequest& request) IPN_ON_LOOP;

    core::Node& node() { return node_; }

    void read(ReadRequest read) override;
    void write(WriteRequest write) override;
    void poll(PollRequest poll) override;

  private:
    class ParkedRead;
    class ParkedWrite;

    // Endpoint
    void deliver() override;
    void writable() override;
    void state_changed() override;

    // False, and the request untouched, if there is nothing to read yet.
    bool answer(LaneRequest& request, std::uint32_t size) IPN_ON_LOOP;
    void gather(LaneRequest& request, core::Node::Received first, std::uint32_t size) IPN_ON_LOOP;
    // Answers a write of which `taken` bytes went through before `sent`.
    void finish(LaneRequest& request, std::size_t taken, const core::Network::Sent& sent);
    void refuse(LaneRequest& request, int code, std::string words);
    void wake_pollers() IPN_ON_LOOP;
    void update_expectation();

    core::Node node_;
    ParkedTable& parked_;
    Explain explain_;
    core::List<ParkedRead, ParkedReadTag> reads_;
    core::List<ParkedWrite, ParkedWriteTag> writes_;
    Channel* poll_channel_ = nullptr;
    std::uint64_t poll_handle_ = 0;
    bool poll_awaited_ = false;
};

}  // namespace ipn::fs
