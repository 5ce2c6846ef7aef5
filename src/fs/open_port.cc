#include "fs/open_port.h"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <span>

#include "core/registry.h"
#include "fs/recycled.h"

namespace ipn::fs {

using core::Network;
using core::Node;
using Receive = Node::Receive;
using Send = Network::Send;

namespace {
constexpr const char* kDisconnected = "this node was disconnected";
}

class OpenPort::ParkedRead final : public Parked,
                                   public core::ListHook<ParkedReadTag>,
                                   public Recycled<ParkedRead> {
  public:
    ParkedRead(OpenPort& port, LaneRequest request, std::uint32_t size)
        : Parked(request.unique()), port_(port), request_(std::move(request)), size_(size) {}

    bool answer() IPN_ON_LOOP { return port_.answer(request_, size_); }

    void interrupt() override {
        request_.error(EINTR);
        OpenPort& port = port_;
        delete this;
        port.update_expectation();
    }

  private:
    OpenPort& port_;
    LaneRequest request_;
    std::uint32_t size_;
};

class OpenPort::ParkedWrite final : public Parked,
                                    public core::ListHook<ParkedWriteTag>,
                                    public Recycled<ParkedWrite>,
                                    private core::SendWaiter {
  public:
    ParkedWrite(OpenPort& port, LaneRequest request, std::size_t taken, core::PacketRef rest)
        : Parked(request.unique()),
          port_(port),
          request_(std::move(request)),
          taken_(taken),
          rest_(std::move(rest)) {}

    // Joins the network's line, if it is not there.
    void wait() IPN_ON_LOOP {
        if (!ListHook<core::WaiterTag>::linked()) port_.node_.network().wait(*this);
    }

    void interrupt() override {
        const core::AssumeLoop here;
        leave_line();
        end({.error = EINTR});
    }

    // The node can send no more: ends with what the node's state says.
    void give_up() IPN_ON_LOOP {
        leave_line();
        end(port_.send(rest(), this));
    }

  private:
    bool retry() override {
        const core::AssumeLoop here;
        Progress progress = port_.send(rest(), this);
        taken_ += progress.taken;
        offset_ += progress.taken;
        if (progress.error == EAGAIN) return false;
        ListHook<core::WaiterTag>::unlink();
        progress.taken = 0;
        end(std::move(progress));
        return true;
    }

    void leave_line() IPN_ON_LOOP { port_.node_.network().stop_waiting(*this); }

    void end(Progress progress) IPN_ON_LOOP {
        progress.taken += taken_;
        OpenPort& port = port_;
        port.finish(request_, std::move(progress));
        delete this;
        if (!port.writes_.empty()) port.writes_.front().wait();
    }

    std::span<const std::byte> rest() const {
        return std::span<const std::byte>(rest_->data(), rest_->length()).subspan(offset_);
    }

    OpenPort& port_;
    LaneRequest request_;
    std::size_t taken_;
    std::size_t offset_ = 0;
    core::PacketRef rest_;  // what was not taken yet, in memory charged to the writer
};

OpenPort::OpenPort(ParkedTable& parked, ErrorWordsOf words, std::uint8_t prefix)
    : node_(*this, prefix), parked_(parked), words_(words) {}

OpenPort::~OpenPort() {
    const core::AssumeLoop here;
    // Requests are left only if the whole connection to the kernel ended; nobody hears the answers.
    while (!reads_.empty()) reads_.front().interrupt();
    while (!writes_.empty()) writes_.front().interrupt();
    if (node_.state() != Node::State::detached) node_.network().leave(node_);
}

core::Result<void> OpenPort::join(Network& network, const Network::JoinRequest& request) {
    return network.join(node_, request);
}

// ---- reading

void OpenPort::read(ReadRequest read) {
    const core::AssumeLoop here;
    // What the kernel asks beyond one read goes into the same read(2): never an error, which would
    // be lost on the way, and nothing to wait for.
    const bool beyond = read.offset > 0;
    if (beyond && (!is_stream() || node_.follows() == 0 || !reads_.empty()))
        return read.request.read_nothing();
    if (reads_.empty() && answer(read.request, read.size)) return;
    if (read.nonblocking) return read.request.error(EAGAIN);
    if (!read.request.may_wait()) return refuse(read.request, ENOMEM, kTooManyWait);

    auto* parked = new ParkedRead(*this, std::move(read.request), read.size);
    reads_.push_back(*parked);
    parked_.add(*parked);
    update_expectation();
}

bool OpenPort::answer(LaneRequest& request, std::uint32_t size) {
    if (size == 0) {
        request.read_nothing();
        return true;
    }
    Node::Received received = node_.receive(size);
    switch (received.outcome) {
        case Receive::nothing:
            return false;
        case Receive::end_of_file:
            request.read_nothing();
            return true;
        case Receive::lost:
            refuse(request, ENOBUFS, "packets were lost before this read (overrun_error)");
            return true;
        case Receive::reset:
            refuse(request, ECONNRESET, kDisconnected);
            return true;
        case Receive::packet:
            answer_with(request, std::move(received), size);
            return true;
    }
    return true;
}

void OpenPort::deliver() {
    const core::AssumeLoop here;
    while (!reads_.empty() && reads_.front().answer()) delete &reads_.front();
    wake_pollers();
    update_expectation();
}

// ---- writing

void OpenPort::write(WriteRequest write) {
    const core::AssumeLoop here;
    if (write.data.empty()) return write.request.written(0);

    const bool others_wait = node_.network().backlog() > 0;
    Progress progress = must_wait_in_turn() ? Progress{.error = EAGAIN} : send(write.data, nullptr);
    if (progress.error != EAGAIN || write.nonblocking) {
        if (!others_wait) node_.network().registry().work().deliver_lone();
        return finish(write.request, std::move(progress));
    }
    try {
        if (park(write, progress.taken)) return;
    } catch (const std::bad_alloc&) {
        if (progress.taken == 0) throw;
    }
    progress.error = ENOMEM;
    progress.words = kTooMuchWaits;
    finish(write.request, std::move(progress));
}

bool OpenPort::park(WriteRequest& write, std::size_t taken) {
    if (!write.request.may_wait()) return false;
    core::PacketRef kept = keep(write.data.subspan(taken));
    if (!kept) return false;
    auto* parked = new ParkedWrite(*this, std::move(write.request), taken, std::move(kept));
    const bool its_turn = !must_wait_in_turn();
    writes_.push_back(*parked);
    parked_.add(*parked);
    if (its_turn) parked->wait();
    return true;
}

// Of a stream only the beginning is kept where the user's writes hold much already, so that many
// more can wait; the write then returns how much it was.
core::PacketRef OpenPort::keep(std::span<const std::byte> rest) {
    constexpr std::size_t kShare = 16;
    constexpr auto kWaiting = core::Memory::Purpose::waiting;
    core::Registry& registry = node_.network().registry();
    std::size_t length = rest.size();
    if (is_stream()) {
        const std::size_t share = registry.memory().left(node_.account(), kWaiting) / kShare;
        const auto most = std::max<std::size_t>(share, node_.network().options().mtu);
        if (most < length) length = piece(rest, most);
    }
    core::PacketRef kept =
        registry.packets().allocate(static_cast<std::uint32_t>(length), node_.account(), kWaiting);
    if (kept) std::memcpy(kept->data(), rest.data(), length);
    return kept;
}

OpenPort::Progress OpenPort::progress_of(const Network::Sent& sent) const {
    switch (sent.outcome) {
        case Send::done:
            return {sent.taken};
        case Send::would_block:
            return {sent.taken, EAGAIN};
        case Send::too_long:
            return {sent.taken, EMSGSIZE,
                    "a packet has at most mtu bytes, and mtu is " +
                        std::to_string(node_.network().options().mtu)};
        case Send::too_short:
            return {sent.taken, EINVAL,
                    "the policy can use packets of at least " +
                        std::to_string(node_.network().policy().table().length_min) + " bytes"};
        case Send::never_fits:
            return {sent.taken, ENOMEM, "max_memory is too small for a packet of that size"};
        case Send::closed:
            return {sent.taken, EPIPE,
                    node_.state() == Node::State::ended   ? "the network was ended"
                    : node_.hung_up() == core::Role::both ? "the other end has gone"
                    : writes(node_.hung_up())             ? "the other end does not read"
                                              : "this node gave up sending (user.ipn.role)"};
        case Send::reset:
            return {sent.taken, ECONNRESET, kDisconnected};
        case Send::refused:
            return {sent.taken, sent.error, sent.words};
    }
    return {};
}

void OpenPort::finish(LaneRequest& request, Progress progress) {
    if (progress.taken > 0 || progress.error == 0)
        request.written(static_cast<std::uint32_t>(progress.taken));
    else if (progress.words.empty())
        request.error(progress.error);
    else
        refuse(request, progress.error, std::move(progress.words));
}

void OpenPort::refuse(LaneRequest& request, int code, std::string words) {
    words_.record(node_.credentials().uid, std::move(words));
    request.error(code);
}

// ---- both

void OpenPort::state_changed() {
    const core::AssumeLoop here;
    deliver();
    if (node_.can_send()) return;
    while (!writes_.empty()) writes_.front().give_up();
    stop_sending();
}

void OpenPort::poll(PollRequest poll) {
    const core::AssumeLoop here;
    poll_handle_ = poll.poll_handle;
    if (poll.wants_wakeup) {
        poll_channel_ = &poll.channel;
        poll_awaited_ = true;
        update_expectation();
    }
    const Node::Readiness ready = node_.readiness();
    const bool writable = writable_now(ready);
    const bool watch = poll.wants_wakeup && (poll.events & POLLOUT) != 0 && !writable &&
                       node_.state() == Node::State::connected;
    if (watch) node_.network().watch_writable(node_);
    poll.request.polled((ready.urgent ? POLLPRI : 0u) |
                        (ready.readable ? POLLIN | POLLRDNORM : 0u) |
                        (writable ? POLLOUT | POLLWRNORM : 0u) | (ready.hung_up ? POLLHUP : 0u) |
                        (ready.failed ? POLLERR : 0u));
}

void OpenPort::writable() {
    const core::AssumeLoop here;
    wake_pollers();
    update_expectation();
}

void OpenPort::wake_pollers() {
    if (!poll_awaited_) return;
    poll_awaited_ = false;
    poll_channel_->wake_pollers(poll_handle_);
}

void OpenPort::update_expectation() {
    node_.expect_delivery(!reads_.empty() || poll_awaited_);
}

}  // namespace ipn::fs
