#include "fs/framed_port.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>

#include "core/registry.h"

namespace ipn::fs {

using core::Network;
using core::Node;
using Frame = Deframer::Frame;

namespace {

using Header = std::array<std::byte, Deframer::kHeaderBytes>;

Header header_of(std::uint32_t length) {
    IPN_CHECK(length <= UINT16_MAX);
    return {static_cast<std::byte>(length >> 8), static_cast<std::byte>(length & 0xff)};
}

// Copies what was received of a packet and its header. Returns how many bytes that are.
std::size_t copy(const Node::Received& received, std::span<std::byte> to) {
    const std::size_t in_header = std::min<std::size_t>(received.offset, Deframer::kHeaderBytes);
    const std::size_t of_header =
        std::min<std::size_t>(received.length, Deframer::kHeaderBytes - in_header);
    const Header header = header_of(received.packet->length());
    std::copy_n(header.begin() + in_header, of_header, to.begin());
    const std::byte* data = received.packet->data() + (received.offset - in_header);
    std::memcpy(to.data() + of_header, data, received.length - of_header);
    return received.length;
}

// The same, unless all of it is there already.
std::size_t put(const Node::Received& received, std::span<std::byte> to, FrameMemo* memo,
                std::size_t index) {
    if (memo == nullptr) return copy(received, to);
    const bool whole = received.length == Deframer::kHeaderBytes + received.packet->length();
    if (whole && memo->has(index, *received.packet)) return received.length;
    memo->cut(index);
    copy(received, to);
    if (whole) memo->note(index, *received.packet);
    return received.length;
}

}  // namespace

void FramedPort::answer_with(LaneRequest& request, Node::Received first, std::uint32_t size) {
    const auto [all, memo] = request.frame_space();
    const auto space = all.first(std::min<std::size_t>(size, all.size()));
    std::size_t length = 0;
    std::size_t count = 0;
    for (Node::Received received = std::move(first);;) {
        length += put(received, space.subspan(length), memo, count++);
        const std::uint32_t next = node().follows();
        if (next == 0 || next > space.size() - length) break;
        received = node().receive(next);
    }
    request.read_gathered(length);
}

OpenPort::Progress FramedPort::send(std::span<const std::byte> data,
                                    const core::SendWaiter* waiter) {
    if (const auto reason = node().network().why_not_to_send(node())) return progress_of({*reason});
    Progress progress;
    try {
        while (progress.taken < data.size() && progress.error == 0) {
            Progress next = send_next(data.subspan(progress.taken), waiter);
            next.taken += progress.taken;
            progress = std::move(next);
        }
    } catch (const std::bad_alloc&) {
        if (progress.taken == 0) throw;
        progress.error = ENOMEM;
    }
    return progress;
}

OpenPort::Progress FramedPort::send_next(std::span<const std::byte> data,
                                         const core::SendWaiter* waiter) {
    if (bad_length_ > 0) return stream_ended();
    Network& network = node().network();
    const Frame frame = deframer_.next(data, network.options().mtu);
    switch (frame.state) {
        case Frame::State::complete:
            break;
        case Frame::State::cut:
            if (deframer_.keep(data, network.registry().packets(), node().account()))
                return {data.size()};
            return {.error = ENOMEM, .words = kTooMuchWaits};
        case Frame::State::too_long:
            bad_length_ = frame.length;
            wake_pollers();
            return stream_ended();
    }
    if (!frame.packet.empty()) {
        const Network::Sent sent = network.send(node(), frame.packet, waiter);
        if (sent.outcome != Network::Send::done) return progress_of(sent);
    }
    deframer_.forget();
    return {frame.bytes};
}

OpenPort::Progress FramedPort::stream_ended() const {
    return {.error = EINVAL,
            .words = "the stream ended at a packet of " + std::to_string(bad_length_) +
                     " bytes, which is above mtu, " +
                     std::to_string(node().network().options().mtu)};
}

// Once the stream has ended, a write fails, which it does at once.
bool FramedPort::writable_now(const Node::Readiness& ready) const {
    return ready.writable || (bad_length_ > 0 && core::writes(node().role()));
}

}  // namespace ipn::fs
