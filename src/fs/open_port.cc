#include "fs/open_port.h"

#include <poll.h>

#include <cstring>
#include <optional>
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

    void wait() IPN_ON_LOOP { port_.node_.network().wait(*this); }

    void interrupt() override {
        const core::AssumeLoop here;
        fail({.outcome = Send::would_block}, EINTR);
    }

    // The node can send no more: leaves the line with what the node's state says.
    void give_up() IPN_ON_LOOP {
        const Network::Sent why = port_.node_.network().send(port_.node_, rest(), this);
        fail(why, 0);
    }

  private:
    bool retry() override {
        const core::AssumeLoop here;
        const Network::Sent sent = port_.node_.network().send(port_.node_, rest(), this);
        taken_ += sent.taken;
        offset_ += sent.taken;
        if (sent.outcome == Send::would_block) return false;
        ListHook<core::WaiterTag>::unlink();
        port_.finish(request_, taken_, sent);
        delete this;
        return true;
    }

    void fail(const Network::Sent& why, int code) IPN_ON_LOOP {
        port_.node_.network().stop_waiting(*this);
        if (code != 0 && taken_ == 0)
            request_.error(code);
        else
            port_.finish(request_, taken_, why);
        delete this;
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

OpenPort::OpenPort(ParkedTable& parked, Explain explain)
    : node_(*this), parked_(parked), explain_(std::move(explain)) {}

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
    const bool stream = node_.network().options().type == core::Type::stream;
    // One read is one packet: what the kernel asks beyond that would merge two.
    if (read.offset > 0 && !stream) return read.request.read_nothing();
    if (reads_.empty() && answer(read.request, read.size)) return;
    if (read.offset > 0) return read.request.read_nothing();
    if (read.nonblocking) return read.request.error(EAGAIN);

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
            break;
    }
    const bool more = node_.network().options().type == core::Type::stream &&
                      received.length < size && node_.more_follows();
    if (more)
        gather(request, std::move(received), size);
    else
        request.read_packet(*received.packet, received.offset, received.length);
    return true;
}

// Type stream: as much as is waiting and fits, across packets.
void OpenPort::gather(LaneRequest& request, Node::Received first, std::uint32_t size) {
    std::span<std::byte> space = request.gather_space();
    if (size < space.size()) space = space.first(size);
    std::size_t length = 0;
    Node::Received received = std::move(first);
    for (;;) {
        std::memcpy(space.data() + length, received.packet->data() + received.offset,
                    received.length);
        length += received.length;
        if (length == space.size() || !node_.more_follows()) break;
        received = node_.receive(static_cast<std::uint32_t>(space.size() - length));
    }
    request.read_gathered(length);
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
    Network& network = node_.network();
    if (write.data.empty()) return write.request.written(0);

    const Network::Sent sent = network.send(node_, write.data);
    const bool park = sent.outcome == Send::would_block && !write.nonblocking;
    if (!park) return finish(write.request, sent.taken, sent);

    const auto rest = write.data.subspan(sent.taken);
    core::PacketRef kept = network.registry().packets().allocate(
        static_cast<std::uint32_t>(rest.size()), node_.account(), core::Memory::Purpose::waiting);
    if (!kept) {
        explain_(node_.credentials().uid, "max_memory: too much is waiting already to be written");
        if (sent.taken > 0) return write.request.written(static_cast<std::uint32_t>(sent.taken));
        return write.request.error(ENOMEM);
    }
    std::memcpy(kept->data(), rest.data(), rest.size());
    auto* parked = new ParkedWrite(*this, std::move(write.request), sent.taken, std::move(kept));
    writes_.push_back(*parked);
    parked_.add(*parked);
    parked->wait();
}

void OpenPort::finish(LaneRequest& request, std::size_t taken, const Network::Sent& sent) {
    if (taken > 0) return request.written(static_cast<std::uint32_t>(taken));
    switch (sent.outcome) {
        case Send::done:
            return request.written(0);
        case Send::would_block:
            return request.error(EAGAIN);
        case Send::too_long:
            return refuse(request, EMSGSIZE,
                          "a packet has at most mtu bytes, and mtu is " +
                              std::to_string(node_.network().options().mtu));
        case Send::never_fits:
            return refuse(request, ENOMEM, "max_memory is too small for a packet of that size");
        case Send::closed:
            return refuse(request, EPIPE,
                          node_.state() == Node::State::ended
                              ? "the network was ended"
                              : "this node gave up sending (user.ipn.role)");
        case Send::reset:
            return refuse(request, ECONNRESET, kDisconnected);
        case Send::refused:
            return refuse(request, sent.error, "the policy refused the packet");
    }
}

void OpenPort::refuse(LaneRequest& request, int code, std::string words) {
    explain_(node_.credentials().uid, std::move(words));
    request.error(code);
}

// ---- both

void OpenPort::state_changed() {
    const core::AssumeLoop here;
    deliver();
    const bool can_send = node_.state() == Node::State::connected && core::writes(node_.role());
    while (!can_send && !writes_.empty()) writes_.front().give_up();
}

void OpenPort::poll(PollRequest poll) {
    const core::AssumeLoop here;
    poll_handle_ = poll.poll_handle;
    if (poll.wants_wakeup) {
        poll_channel_ = &poll.request.channel();
        poll_awaited_ = true;
        update_expectation();
    }
    const Node::Readiness ready = node_.readiness();
    const bool watch = poll.wants_wakeup && (poll.events & POLLOUT) != 0 && !ready.writable &&
                       node_.state() == Node::State::connected;
    if (watch) node_.network().watch_writable(node_);
    poll.request.polled((ready.readable ? POLLIN | POLLRDNORM : 0u) |
                        (ready.writable ? POLLOUT | POLLWRNORM : 0u) |
                        (ready.hung_up ? POLLHUP : 0u) | (ready.failed ? POLLERR : 0u));
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
