// Fuzz target: virtio's header and a frame, from outside. What is taken is cut into frames that
// hold the packet's payload, each with right checksums.
//
// The first 10 bytes are the header, the rest is the frame.

#include "core/offload.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/check.h"
#include "core/segmentation.h"

namespace {

using ipn::core::Offload;
using Bytes = std::span<const std::byte>;

constexpr std::uint32_t kOnes = 0xffff;

// Naive: byte by byte, in network order.
std::uint32_t sum(Bytes bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > kOnes) sum = (sum & kOnes) + (sum >> 16);
    return static_cast<std::uint32_t>(sum);
}
std::uint32_t number(Bytes bytes, std::size_t at) {
    return sum(bytes.subspan(at, 2));
}

// Whether `a` and `b` are the same one's complement number, of which 0 has two forms.
bool same(std::uint32_t a, std::uint32_t b) {
    return a % kOnes == b % kOnes;
}

// The checksum is right if everything and it are all ones. `pseudo`: what the field held before.
void check_transport(Bytes frame, const Offload& offload, std::uint32_t pseudo) {
    IPN_CHECK(same(sum(frame.subspan(offload.checksum_start)) + pseudo, 0));
}

void check_completed(Bytes packet, Bytes frame, const Offload& offload) {
    const std::size_t field = offload.checksum_start + std::size_t{offload.checksum_offset};
    IPN_CHECK(frame.size() == packet.size());
    for (std::size_t i = 0; i < frame.size(); ++i)
        IPN_CHECK(frame[i] == packet[i] || i == field || i == field + 1);
    // A field at an odd place has its bytes exchanged in the sum over the frame.
    if (offload.checksum_offset % 2 == 0) check_transport(frame, offload, number(packet, field));
}

void check_segment(Bytes packet, Bytes frame, const Offload& offload) {
    const bool ipv4 = offload.segmentation == Offload::Segmentation::tcp4 ||
                      offload.segmentation == Offload::Segmentation::udp4;
    const Bytes network = frame.subspan(offload.network_start);
    const std::size_t network_header = offload.checksum_start - offload.network_start;
    IPN_CHECK(number(network, ipv4 ? 2 : 4) == network.size() - (ipv4 ? 0 : 40));
    if (ipv4) IPN_CHECK(sum(network.first(network_header)) == kOnes);

    // The pseudo header differs in the length alone.
    const std::size_t field = offload.checksum_start + std::size_t{offload.checksum_offset};
    const auto whole = static_cast<std::uint32_t>(packet.size() - offload.checksum_start);
    const auto own = static_cast<std::uint32_t>(frame.size() - offload.checksum_start);
    check_transport(frame, offload, number(packet, field) + (kOnes - whole) + own);
}

void check(Bytes packet, const Offload& offload) {
    const ipn::core::Segmenter segmenter(packet, offload);
    const auto packet_length = static_cast<std::uint32_t>(packet.size());
    IPN_CHECK(segmenter.count() == offload.frames(packet_length));
    IPN_CHECK(segmenter.count() >= 1 && segmenter.count() <= Offload::kSegmentsMax);
    std::size_t at = offload.header_length;
    for (std::uint32_t i = 0; i < segmenter.count(); ++i) {
        std::vector<std::byte> frame(segmenter.length(i));
        IPN_CHECK(frame.size() <= offload.longest_frame(packet_length));
        segmenter.write(i, frame.data());
        if (offload.segmentation == Offload::Segmentation::none) {
            check_completed(packet, frame, offload);
            continue;
        }
        check_segment(packet, frame, offload);
        const std::size_t payload = frame.size() - offload.header_length;
        IPN_CHECK(at + payload <= packet.size());
        IPN_CHECK(payload == 0 ||
                  std::memcmp(&frame[offload.header_length], &packet[at], payload) == 0);
        at += payload;
    }
    if (offload.segmentation != Offload::Segmentation::none) IPN_CHECK(at == packet.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size <= Offload::kWireBytes) return 0;
    std::vector<std::byte> frame(size - Offload::kWireBytes);
    Offload::Wire wire{};
    std::memcpy(wire.data(), data, wire.size());
    std::memcpy(frame.data(), data + wire.size(), frame.size());

    const auto offload = Offload::from_wire(wire, frame);
    if (!offload) return 0;
    const auto again = offload->to_wire();
    IPN_CHECK(Offload::from_wire(again, frame) == offload);
    if (offload->plain()) return 0;
    check(frame, *offload);

    // A VLAN tag is put in, as a policy would.
    constexpr int kTag = 4;
    const auto shifted = offload->shifted(kTag);
    if (!shifted) return 0;
    IPN_CHECK(shifted->shifted(-kTag) == offload);
    std::vector<std::byte> tagged(kTag);
    tagged.insert(tagged.end(), frame.begin(), frame.end());
    check(tagged, *shifted);
    return 0;
}
