// pcapng: the blocks of a capture file.
//
// After draft-ietf-opsawg-pcapng: one section in this machine's byte order (block type 0x0A0D0D0A),
// in it one interface (1) with times in nanoseconds, its packets (6, Enhanced Packet Blocks) and
// what is known of losses (5, Interface Statistics Blocks). Every function returns one block,
// complete and padded, so that blocks may just follow each other.
// Limits: an option has at most 65,535 bytes; longer text is cut. Not done: what the text says; see
// capture.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ipn::fs::pcapng {

std::string section_header(std::string_view application);

struct Interface {
    std::string_view name;
    std::uint16_t linktype;  // a LINKTYPE_ of libpcap's list
    std::uint32_t snaplen;
    std::string_view filter;  // of libpcap; empty: none
};
std::string interface_description(const Interface& interface);

struct Packet {
    std::uint64_t time_ns;  // since 1970, UTC
    std::span<const std::byte> data;
    std::uint32_t length;  // of the packet, of which `data` may be the beginning
    std::string_view comment;
};
std::string enhanced_packet(const Packet& packet);

struct Statistics {
    std::uint64_t start_ns;  // of the capture
    std::uint64_t time_ns;
    std::uint64_t seen;      // packets
    std::uint64_t accepted;  // of these, by the filter
    std::uint64_t lost;      // of these, for want of room
};
std::string interface_statistics(const Statistics& statistics);

}  // namespace ipn::fs::pcapng
