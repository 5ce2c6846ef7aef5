#include "core/offload.h"

#include <cstring>
#include <limits>

#include "core/headers.h"

namespace ipn::core {
namespace {

using Segmentation = Offload::Segmentation;

// struct virtio_net_hdr. Here and not from <linux/virtio_net.h>, whose newest names the oldest
// kernel headers lack.
struct Header {
    std::uint8_t flags = 0;
    std::uint8_t segmentation = 0;
    std::uint16_t header_length = 0;
    std::uint16_t segment_size = 0;
    std::uint16_t checksum_start = 0;
    std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(Header) == Offload::kWireBytes);

constexpr std::uint8_t kPartialChecksum = 1, kChecksumVerified = 2;
constexpr std::uint8_t kTcp4 = 1, kTcp6 = 4, kUdp = 5, kCongestionReduced = 0x80;

std::optional<Offload> checksum_from(const Header& header, std::size_t length) {
    Offload offload;
    offload.checksum_verified = (header.flags & kChecksumVerified) != 0;
    if ((header.flags & kPartialChecksum) == 0) return offload;
    if (header.checksum_start + header.checksum_offset + 2U > length) return {};
    offload.checksum_verified = false;  // there is none yet
    offload.partial_checksum = true;
    offload.checksum_start = header.checksum_start;
    offload.checksum_offset = header.checksum_offset;
    return offload;
}

std::uint8_t wire_segmentation(Segmentation segmentation) {
    switch (segmentation) {
        case Segmentation::none:
            return 0;
        case Segmentation::tcp4:
            return kTcp4;
        case Segmentation::tcp6:
            return kTcp6;
        case Segmentation::udp4:
        case Segmentation::udp6:
            return kUdp;
    }
    return 0;
}

// What the headers that were found are cut as, if it is what is asked for.
Segmentation kind_of(const Headers& headers, std::uint8_t asked) {
    const bool tcp = headers.protocol == Headers::kTcp;
    const Segmentation found = tcp ? (headers.ipv4 ? Segmentation::tcp4 : Segmentation::tcp6)
                                   : (headers.ipv4 ? Segmentation::udp4 : Segmentation::udp6);
    return wire_segmentation(found) == asked ? found : Segmentation::none;
}

std::optional<Offload> segmentation_from(const Header& header, std::span<std::byte> frame) {
    constexpr std::size_t kNetworkMax = 65535;
    const auto headers = Headers::find(frame);
    if (!headers || headers->end > Offload::kHeaderMax) return {};
    if (header.segment_size == 0 || frame.size() - headers->network > kNetworkMax) return {};

    Offload offload;
    offload.segmentation =
        kind_of(*headers, static_cast<std::uint8_t>(header.segmentation & ~kCongestionReduced));
    offload.partial_checksum = true;
    offload.congestion_reduced = (header.segmentation & kCongestionReduced) != 0;
    offload.network_start = static_cast<std::uint16_t>(headers->network);
    offload.checksum_start = static_cast<std::uint16_t>(headers->transport);
    offload.checksum_offset = static_cast<std::uint16_t>(headers->checksum_offset());
    offload.header_length = static_cast<std::uint16_t>(headers->end);
    offload.segment_size = header.segment_size;
    if (offload.segmentation == Segmentation::none) return {};
    if (offload.congestion_reduced && headers->protocol != Headers::kTcp) return {};
    if (offload.frames(static_cast<std::uint32_t>(frame.size())) > Offload::kSegmentsMax) return {};

    if ((header.flags & kPartialChecksum) != 0) {
        const bool agrees = header.checksum_start == offload.checksum_start &&
                            header.checksum_offset == offload.checksum_offset;
        return agrees ? std::optional(offload) : std::nullopt;
    }
    if (headers->routed) return {};
    const std::uint16_t sum = headers->pseudo_header_sum(frame);
    std::memcpy(&frame[headers->transport + headers->checksum_offset()], &sum, sizeof sum);
    return offload;
}

}  // namespace

std::optional<Offload> Offload::from_wire(std::span<const std::byte, kWireBytes> header,
                                          std::span<std::byte> frame) {
    Header wire;
    std::memcpy(&wire, header.data(), sizeof wire);
    constexpr std::uint8_t kFlags = kPartialChecksum | kChecksumVerified;
    if ((wire.flags & ~kFlags) != 0 || wire.header_length > frame.size()) return {};
    return wire.segmentation == 0 ? checksum_from(wire, frame.size())
                                  : segmentation_from(wire, frame);
}

Offload::Wire Offload::to_wire() const {
    const Header header{
        .flags = static_cast<std::uint8_t>((partial_checksum ? kPartialChecksum : 0) |
                                           (checksum_verified ? kChecksumVerified : 0)),
        .segmentation = static_cast<std::uint8_t>(wire_segmentation(segmentation) |
                                                  (congestion_reduced ? kCongestionReduced : 0)),
        .header_length = header_length,
        .segment_size = segment_size,
        .checksum_start = checksum_start,
        .checksum_offset = checksum_offset};
    Wire wire;
    std::memcpy(wire.data(), &header, sizeof header);
    return wire;
}

std::optional<Offload> Offload::shifted(int delta) const {
    constexpr std::int64_t kMax = std::numeric_limits<std::uint16_t>::max();
    if (plain()) return *this;
    const bool segmented = segmentation != Segmentation::none;
    const std::int64_t first = segmented ? network_start : checksum_start;
    const std::int64_t last = segmented ? header_length : checksum_start;
    if (first + delta < 0 || last + delta > kMax) return {};

    Offload moved = *this;
    const auto move = [delta](std::uint16_t& offset) {
        offset = static_cast<std::uint16_t>(offset + delta);
    };
    move(moved.checksum_start);
    if (segmented) {
        move(moved.network_start);
        move(moved.header_length);
    }
    return moved;
}

}  // namespace ipn::core
