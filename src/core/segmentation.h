// Segmenter: the ordinary frames that a packet with offloads stands for.
//
// One frame whose checksum is completed; or the segments of a TCP packet, the datagrams of a UDP
// packet, each with the packet's headers and at most segment_size bytes of its payload. In every
// one the IP length, the IPv4 identification (counting up) and header checksum, TCP's sequence
// number or UDP's length and the checksum are its own. FIN and PSH are on the last segment only,
// CWR on the first only (RFC 3168). Everything else, IP and TCP options, VLAN tags, IPv6 extension
// headers, is on all of them as it is on the packet. This is what the kernel does, byte for byte.
//
// It holds references to the frame, allocates nothing and trusts nothing in the frame: Offload says
// where things are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/offload.h"

namespace ipn::core {

class Segmenter {
  public:
    // REQUIRES: `offload`, which is not plain(), belongs to `frame`.
    Segmenter(std::span<const std::byte> frame, const Offload& offload);

    std::uint32_t count() const { return count_; }
    std::uint32_t length(std::uint32_t index) const;
    // Writes frame `index`, which is length(index) bytes.
    void write(std::uint32_t index, std::byte* to) const;

  private:
    std::span<const std::byte> payload(std::uint32_t index) const;
    void complete_checksum(std::byte* to) const;
    void write_network_header(std::uint32_t index, std::byte* header, std::uint32_t length) const;
    void write_tcp_header(std::uint32_t index, std::byte* header) const;

    const std::span<const std::byte> frame_;
    const Offload offload_;
    const std::uint32_t count_;
};

}  // namespace ipn::core
