// Offload: what is left to do before a packet is an ordinary frame, as virtio's network header says
// it: complete a checksum, cut one large TCP or UDP packet into segments.
//
// It travels with its packet unchanged. Interfaces exchange it with the kernel; towards a node that
// does not accept it the network does the work itself (see segmentation.h).
// Lifecycle: all zero is a plain packet. from_wire() judges what came from outside: every offset
// that it takes lies within that frame, so that nobody needs to look twice. The frame's bytes are
// not trusted any further: a policy may have changed them since.
// Invariants, of a frame of `length` bytes:
//  (1) partial_checksum: checksum_start + checksum_offset + 2 <= length;
//  (2) segmentation: partial_checksum; segment_size >= 1; network_start, checksum_start and
//      header_length are apart by the headers' least lengths and more, header_length <= length, and
//      the checksum's field is in a header.
// Limits, for what one packet can make of little: kSegmentsMax frames, kHeaderMax bytes of headers
// in each of them.
// Not done: UFO (fragments of a datagram), tunnels, SCTP, jumbograms: nobody is told that we could,
// so that the kernel does them before. Byte order is the machine's, as interfaces have it unless
// told otherwise.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ipn::core {

struct Offload {
    static constexpr std::size_t kWireBytes = 10;  // struct virtio_net_hdr
    using Wire = std::array<std::byte, kWireBytes>;
    static constexpr std::uint32_t kSegmentsMax = 2048;
    static constexpr std::uint32_t kHeaderMax = 512;

    // What virtio's header says of `frame`; none if it lies, or asks for what is not done. The
    // standard wants a partial checksum in every packet to be cut; where there is a whole one
    // instead, as a network card makes it that joins packets, it is made partial, in `frame`.
    static std::optional<Offload> from_wire(std::span<const std::byte, kWireBytes> header,
                                            std::span<std::byte> frame);
    Wire to_wire() const;

    enum class Segmentation : std::uint8_t { none, tcp4, tcp6, udp4, udp6 };

    Segmentation segmentation = Segmentation::none;
    bool partial_checksum = false;      // the field holds the pseudo header's sum only
    bool checksum_verified = false;     // somebody did, and it was right
    bool congestion_reduced = false;    // TCP's CWR is set, and is for the first segment only
    std::uint16_t network_start = 0;    // where the IP header begins; only with segmentation
    std::uint16_t checksum_start = 0;   // from where to sum; TCP's or UDP's header
    std::uint16_t checksum_offset = 0;  // from there: where the sum goes
    std::uint16_t header_length = 0;    // Ethernet's to TCP's or UDP's: what every segment repeats
    std::uint16_t segment_size = 0;     // the payload of every segment but the last

    bool operator==(const Offload&) const = default;

    // Whether the packet is an ordinary frame already.
    bool plain() const { return !partial_checksum; }

    // Of a packet of `length` bytes: how many frames it stands for, and how long the longest is.
    std::uint32_t frames(std::uint32_t length) const {
        if (segmentation == Segmentation::none || length <= header_length) return 1;
        return (length - header_length + segment_size - 1) / segment_size;
    }
    std::uint32_t longest_frame(std::uint32_t length) const {
        if (segmentation == Segmentation::none) return length;
        return std::min<std::uint32_t>(length, header_length + segment_size);
    }

    // For a packet that is `delta` bytes longer before its IP header than this one's: a VLAN tag
    // was added (4) or removed (-4). None if its headers are not that long.
    std::optional<Offload> shifted(int delta) const;
};

}  // namespace ipn::core
