#include "netdev/device.h"

#include <cerrno>
#include <new>

namespace ipn::netdev {

using core::Network;
using core::Node;
using core::PacketRef;
using core::Result;
using Reason = core::Event::Reason;
using Receive = Node::Receive;
using Send = Network::Send;

// A frame that the kernel has.
class Device::Write final : public ring::Operation {
  public:
    Write(Device& device, PacketRef packet)
        : device_(device), packet_(std::move(packet)), header_(packet_->offload.to_wire()) {
        parts_[0] = {header_.data(), header_.size()};
        parts_[1] = {packet_->data(), packet_->length()};
    }

    void hand_in(ring::Ring& ring, int fd) { ring.write(fd, parts_, *this); }

  private:
    void completed(int result) override {
        const core::AssumeLoop here;
        Device& device = device_;
        delete this;
        device.written(result >= 0);
    }

    Device& device_;
    const PacketRef packet_;
    core::Offload::Wire header_;
    std::array<iovec, 2> parts_{};
};

Device::Device(Host& host, core::NodeKind kind, Fd fd, core::Credentials maker)
    : host_(host), kind_(kind), fd_(std::move(fd)), maker_(maker), intake_(host.intake()) {}

Device::~Device() {
    IPN_CHECK(!reading_ && writes_ == 0 && !fd_.valid());
}

// ---- joining and leaving

Result<void> Device::connect(Network& network) {
    if (gone_) return core::fail(ENODEV, "the interface has gone");
    auto joining = std::make_unique<Node>(static_cast<core::Endpoint&>(*this));
    auto joined = network.join(
        *joining,
        {.role = core::Role::both, .kind = kind_, .credentials = maker_, .accepts_offloads = true});
    if (!joined) return joined;
    if (node_) {
        try {
            static_cast<void>(joining->set_description(node_->description()));
        } catch (const std::bad_alloc&) {
            network.leave(*joining);
            throw;
        }
        leave(Reason::moved);
    }
    node_ = std::move(joining);
    node_->expect_delivery(true);
    resume();
    return {};
}

void Device::let_go() {
    if (!held_) return;
    node_->network().stop_waiting(*this);
    held_ = {};
    intake_->replenish();
}

void Device::leave(Reason reason) {
    let_go();
    // The network may go with it, and the last thing that it does must find no node here.
    const std::unique_ptr<Node> leaving = std::move(node_);
    leaving->network().leave(*leaving, reason);
}

void Device::disconnect(Reason reason, std::string words) {
    const auto told = disconnected_;  // with the network whoever owns this may end it, too
    leave(reason);
    if (told) told(std::move(words));
}

void Device::state_changed() {
    const core::AssumeLoop here;
    if (!node_) return;
    switch (node_->state()) {
        case Node::State::ended:
            return disconnect(Reason::shutdown, "the network was ended");
        case Node::State::cut:
            return disconnect(Reason::cut, "it was disconnected");
        case Node::State::connected:
        case Node::State::detached:
            break;
    }
    if (node_->can_send() || !held_) return;
    let_go();
    count_dropped();
    resume();
}

void Device::close(bool keep, std::function<void()> done) {
    closed_ = std::move(done);
    keep_ = keep;
    if (node_) leave(Reason::none);
    Hungry::unlink();
    if (reading_) host_.ring().cancel(reception());
    stop();
    end_if_idle();
}

void Device::end_if_idle() {
    if (!closed_ || reading_ || writes_ > 0 || !idle() || !fd_.valid()) return;
    // `this` may go while `done` runs, but not before.
    auto done = std::move(closed_);
    const auto job = ending(keep_, fd_.release());
    host_.run(job, std::move(done));
}

// ---- in

void Device::resume() {
    if (reading_ || gone_ || closed_ || !node_ || held_ || Hungry::linked()) return;
    reading_ = true;
    read(node_->network().options().lossless);
}

void Device::buffers_came() {
    const core::AssumeLoop here;
    resume();
}

void Device::received(int result, std::optional<std::uint16_t> buffer, bool more) {
    const core::AssumeLoop here;
    if (buffer) {
        intake_->take();
        if (result > 0) take_in(*buffer, static_cast<std::size_t>(result));
        intake_->provide(*buffer);
    }
    // One that was begun for another network. It is not found while it is busy: so again each time.
    const bool lossless = node_ && node_->network().options().lossless;
    if (more && lossless) host_.ring().cancel(reception());
    if (more) return;
    reading_ = false;
    if (closed_) return end_if_idle();
    switch (result) {
        case -ENOBUFS:
            // What the kernel had used up may be back by now, and then nobody would wake us.
            return intake_->empty() ? intake_->await(*this) : resume();
        case -ECANCELED:
        case -EINTR:
        case -EAGAIN:
            return resume();
        default:
            return result > 0 || !is_end(-result) ? resume() : vanish();
    }
}

void Device::vanish() {
    gone_ = true;
    if (node_) disconnect(Reason::vanished, "the interface has gone");
}

void Device::take_in(std::uint16_t buffer, std::size_t bytes) {
    if (!node_) return;
    PacketRef packet;
    try {
        packet = received_packet(buffer, bytes);
    } catch (const std::bad_alloc&) {  // as if it were no frame
    }
    if (!packet || held_) return count_dropped();
    switch (send(packet, nullptr)) {
        case Send::done:
            return;
        case Send::would_block:
            held_ = packet.get() == intake_->packet(buffer).get() ? intake_->keep(buffer)
                                                                  : std::move(packet);
            return node_->network().wait(*this);
        default:
            return count_dropped();
    }
}

Send Device::send(const PacketRef& packet, const core::SendWaiter* waiter) try {
    return node_->network().send(*node_, packet, waiter).outcome;
} catch (const std::bad_alloc&) {
    return Send::never_fits;
}

bool Device::retry() {
    const core::AssumeLoop here;
    const Send outcome = send(held_, this);
    if (outcome == Send::would_block) return false;
    core::ListHook<core::WaiterTag>::unlink();
    if (outcome != Send::done) count_dropped();
    held_ = {};
    intake_->replenish();
    resume();
    return true;
}

// ---- out

void Device::deliver() {
    const core::AssumeLoop here;
    while (node_ && writes_ < kWritesMax) {
        Node::Received received = node_->receive(UINT32_MAX);
        switch (received.outcome) {
            case Receive::packet:
                if (!write(std::move(received.packet))) count_dropped();
                break;
            case Receive::lost:
                break;
            case Receive::nothing:
            case Receive::end_of_file:
            case Receive::reset:
                return;
        }
    }
}

bool Device::write(PacketRef packet) {
    auto* made = new (std::nothrow) Write(*this, std::move(packet));
    if (made == nullptr) return false;
    ++writes_;
    made->hand_in(host_.ring(), fd());
    return true;
}

void Device::written(bool taken) {
    if (!taken) count_dropped();
    const bool was_full = writes_-- == kWritesMax;
    if (closed_) return end_if_idle();
    if (was_full) deliver();
}

}  // namespace ipn::netdev
