#include "core/node.h"

#include "core/frames.h"
#include "core/network.h"
#include "core/registry.h"
#include "core/text.h"

namespace ipn::core {

const char* to_string(Role role) {
    switch (role) {
        case Role::none:
            return "none";
        case Role::reader:
            return "reader";
        case Role::writer:
            return "writer";
        case Role::both:
            return "both";
    }
    return "";
}

const char* to_string(NodeKind kind) {
    switch (kind) {
        case NodeKind::file:
            return "file";
        case NodeKind::tap:
            return "tap";
        case NodeKind::grab:
            return "grab";
    }
    return "";
}

Node::~Node() {
    IPN_CHECK(network_ == nullptr);
}

Node::Received Node::receive(std::uint32_t space) {
    IPN_CHECK(state_ != State::detached && space > 0);
    if (state_ == State::cut || out_of_memory_) return {Receive::reset};
    const NetworkOptions& options = network_->options();
    if (!within_oldest() && queue_.gap_at_front() && options.overrun_error) {
        queue_.forget_gap_at_front();
        return {Receive::lost};
    }
    if (queue_.empty()) return {at_end_of_file() ? Receive::end_of_file : Receive::nothing};

    Packet& front = this->front();
    const std::uint32_t offset = front_offset_;
    const std::uint32_t rest = prefix_ + front.length() - offset;
    const std::uint32_t length = std::min(space, rest);
    if (offset == 0) {
        ++counters_.received;
        ++network_->counters_.packets_out;
        network_->counters_.bytes_out += front.length();
    }
    last_from_ = front.from;

    const bool keep =
        prefix_ > 0 || options.type == Type::stream || options.short_read == ShortRead::keep;
    if (length < rest && keep) {
        front_offset_ += length;
        return {Receive::packet, PacketRef(front), offset, length};
    }
    if (length < rest) {
        ++counters_.truncated;
        ++network_->counters_.truncated;
    }
    front_offset_ = 0;
    return {Receive::packet, pop_front(), offset, length};
}

std::uint32_t Node::follows() const {
    if (state_ == State::cut || queue_.empty()) return 0;
    const bool gap = !within_oldest() && queue_.gap_at_front();
    if (gap && network_->options().overrun_error) return 0;
    return prefix_ + front().length() - front_offset_;
}

Node::Readiness Node::readiness() const {
    const bool urgent = oob_ != nullptr && !oob_->empty();
    if (state_ == State::cut || out_of_memory_) return {.hung_up = true, .failed = true};
    if (state_ == State::ended) {
        return {
            .urgent = urgent, .readable = reads(role_), .writable = writes(role_), .hung_up = true};
    }

    // What the node or the other end gave up is "ready" as well: reading gives end of file at once,
    // writing an error.
    const bool gave_up_reading = reads(joined_role_) && !reads(role_);
    const bool gave_up_writing = writes(joined_role_) && !writes(role_);
    const bool end = reads(role_) && queue_.empty() && at_end_of_file();
    const bool may_come_back = !reads(hung_up_);  // a later writer
    const bool gap = queue_.gap_at_front() && network_->options().overrun_error;
    const bool something = reads(role_) && (!queue_.empty() || gap || end);
    return {
        .urgent = urgent,
        .readable = something || gave_up_reading,
        .writable = gave_up_writing ||
                    (writes(role_) && (writes(hung_up_) || !network_->would_block(*this))),
        .hung_up = (end && may_come_back) || without(role_, hung_up_) == Role::none,
    };
}

bool Node::at_end_of_file() const {
    if (state_ == State::ended || reads(hung_up_) || !reads(role_)) return true;
    if (network_->options().eof != EndOfFile::last_writer) return false;
    const std::uint32_t itself = writes(role_) ? 1 : 0;
    const bool saw_another =
        other_writers_at_join_ > 0 || network_->writer_joins_ > writer_joins_at_join_;
    return saw_another && network_->writers() == itself;
}

Result<void> Node::narrow(Role role) {
    if (without(role, role_) != Role::none) {
        return fail(EPERM, std::string("a role can only be narrowed, and this node is ") +
                               to_string(role_) + " already");
    }
    network_->narrow(*this, role);
    endpoint_.state_changed();
    return {};
}

void Node::hang_up(Role parts) {
    if (state_ != State::connected || without(parts, hung_up_) == Role::none) return;
    hung_up_ = hung_up_ | parts;
    state_changed_ = true;
    network_->registry().work().add(*this);
}

void Node::want_oob(bool wanted) {
    if (!wanted)
        oob_.reset();
    else if (!oob_)
        oob_ = std::make_unique<OobQueue>();
}

void Node::offer_oob(std::span<const std::byte> message) {
    if (state_ != State::connected) return;
    network_->watchers_.for_each([&](OobWatcher& watcher) {
        const AssumeLoop here;
        watcher.sent(*this, message);
    });
    if (oob_ == nullptr) return;
    oob_->push(network_->registry().packets(), *account_, message);
    schedule_delivery();
}

Result<void> Node::check_description(std::string_view text) {
    constexpr std::size_t kLengthMax = 127;
    if (text.size() > kLengthMax)
        return fail(EINVAL,
                    "a description has at most 127 bytes, not " + std::to_string(text.size()));
    if (!is_text(text))
        return fail(EINVAL, "a description is UTF-8 text without control characters");
    return {};
}

Result<void> Node::set_description(std::string_view text) {
    if (auto valid = check_description(text); !valid) return valid;
    auto copy = std::make_unique<const std::string>(text);
    if (state_ == State::connected)
        if (Reservation* reservation = network_->reservation(number_))
            reservation->description = *copy;
    const bool changed = text != description();
    description_ = text.empty() ? nullptr : std::move(copy);
    if (state_ == State::connected && changed) {
        network_->registry().tell({.kind = Event::Kind::option,
                                   .network = network_,
                                   .node = this,
                                   .option = "descr",
                                   .value = text});
    }
    return {};
}

Fate Node::offer(Packet& packet) {
    if (state_ != State::connected || !reads(without(role_, hung_up_)) || out_of_memory_)
        return Fate::unwanted;
    Fate fate = fate_of(packet);
    if (fate != Fate::queued) {
        drop(packet);
    } else if (!make_readable(packet) || !queue_.push(packet)) {
        fate = Fate::no_memory;
        if (network_->options().lossless)
            out_of_memory_ = true;  // not a packet less without saying so: run() cuts the node
        else
            drop(packet);
    }
    if (delivery_expected_) network_->registry().work().count(packet.length());
    schedule_delivery();
    return fate;
}

Fate Node::fate_of(const Packet& packet) const {
    const NetworkOptions& options = network_->options();
    const bool fits = options.lossless || queue_.size() < options.msgpoolsize;
    const bool can_be_said =
        prefix_ == 0 || reads_frames_of(packet) || packet.length() <= UINT16_MAX;
    if (!fits) return Fate::queue_full;
    if (!can_be_said) return Fate::too_long;
    return packet.transient() ? Fate::no_memory : Fate::queued;
}

void Node::count_dropped() {
    ++counters_.dropped;
    if (network_ != nullptr) ++network_->counters_.dropped;
}

void Node::drop(const Packet& packet) {
    const std::uint64_t frames =
        reads_frames_of(packet) ? packet.offload.frames(packet.length()) : 1;
    counters_.dropped += frames;
    network_->counters_.dropped += frames;
    queue_.mark_gap();
}

bool Node::make_readable(Packet& packet) {
    if (!reads_frames_of(packet)) return true;
    return make_frames(packet, network_->registry().packets(), network_->options().lossless);
}

Packet& Node::front() const {
    if (front_frame_ != nullptr) return *front_frame_;
    Packet& oldest = queue_.front();
    return reads_frames_of(oldest) ? *oldest.next_frame() : oldest;
}

PacketRef Node::pop_front() {
    if (!reads_frames_of(queue_.front())) return queue_.pop();
    PacketRef frame(front());
    front_frame_ = frame->next_frame();
    if (front_frame_ == nullptr) queue_.pop();
    return frame;
}

void Node::schedule_delivery() {
    if (delivery_expected_ || out_of_memory_) network_->registry().work().add(*this);
}

void Node::clear() {
    queue_.clear();
    front_frame_ = nullptr;
    if (oob_) oob_->clear();
}

void Node::run() {
    const AssumeLoop here;
    if (out_of_memory_ && state_ == State::connected)
        network_->cut(*this, Event::Reason::no_memory);
    else if (std::exchange(state_changed_, false))
        endpoint_.state_changed();
    else
        endpoint_.deliver();
}

}  // namespace ipn::core
