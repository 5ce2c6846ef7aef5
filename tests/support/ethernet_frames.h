// Frames: Ethernet frames of TCP and UDP, built from what they say.
//
// Naive on purpose, and without a line in common with the core: every header is written field by
// field, every checksum summed byte by byte over a pseudo header that is really built. What a large
// packet is cut into is therefore known without cutting: each segment is built anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/offload.h"

namespace ipn::test {

struct Frame {
    struct Tag {
        unsigned type = 0x8100;
        unsigned content = 1;
    };
    struct Extension {  // of IPv6
        unsigned type = 60;
        std::string content;  // behind its two bytes, so that all is a multiple of 8
    };

    std::vector<Tag> tags{};
    bool ipv6 = false;
    unsigned identification = 0;
    std::string ip_options{};             // of IPv4
    std::vector<Extension> extensions{};  // of IPv6
    std::string last_destination{};       // 16 bytes, if a routing header names it
    bool tcp = true;
    std::uint32_t sequence = 0;
    unsigned flags = 0x10;  // ACK
    std::string tcp_options{};
    std::string payload{};

    // The whole frame with the right checksums.
    std::string build() const;
    // The same with TCP's or UDP's checksum left to be completed.
    std::string build_partial() const;

    // That, completed: 0 is written as 0xffff whatever the protocol, since who completes a checksum
    // need not know it (Linux's skb_checksum_help() does the same). Both are right in TCP.
    std::string completed() const;

    // What virtio's header says of build_partial(): cut it into segments of so much payload, or,
    // with 0, complete the checksum only.
    core::Offload::Wire wire(unsigned segment_size) const;
    // The frames that should come out.
    std::vector<std::string> segments(unsigned segment_size) const;

    std::size_t network_start() const { return 14 + 4 * tags.size(); }
    std::size_t transport_start() const;
    std::size_t header_length() const;

  private:
    std::string transport(bool partial) const;
    std::string pseudo_header(std::size_t transport_length) const;
};

// The bytes of a struct virtio_net_hdr.
core::Offload::Wire wire(unsigned flags, unsigned type, unsigned header_length,
                         unsigned segment_size, unsigned checksum_start, unsigned checksum_offset);

// Bytes that look different everywhere.
std::string pattern(std::size_t length, unsigned seed = 1);

}  // namespace ipn::test
