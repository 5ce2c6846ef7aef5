// Message: what a packet of the connector consists of, in the words of <linux/connector.h>.
//
// A packet is one message after the other, each a struct cn_msg and `len` bytes behind it, the next
// at a multiple of four bytes; the padding behind the last may be left out. Invariants: what
// parse_packet() took lies within the packet, whole. Not done: seq, ack and flags mean nothing
// here.
#pragma once

#include <linux/connector.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace ipn::connector {

using Bytes = std::span<const unsigned char>;

constexpr std::uint32_t kHeader = sizeof(cn_msg);
static_assert(kHeader == 20);

struct Id {
    std::uint32_t idx = 0;
    std::uint32_t val = 0;
    bool operator==(const Id&) const = default;
};

// The bus itself: who subscribes to this id hears of subscriptions.
constexpr Id kBus{UINT32_MAX, UINT32_MAX};

struct Message {
    Id id;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint32_t at = 0;      // where in the packet its header begins
    std::uint32_t length = 0;  // of what is behind its header
    bool operator==(const Message&) const = default;
};

// The words that say what is wrong with the packet, or null; then `messages` are those it has.
const char* parse_packet(Bytes packet, std::vector<Message>& messages);
// Writes the kHeader bytes of a message.
void write_header(unsigned char* to, const Message& message);

// Of which ids a subscriber of kBus wants to hear.
struct Range {
    Id first;
    Id last;
    bool has_idx(std::uint32_t idx) const { return first.idx <= idx && idx <= last.idx; }
    bool has_val(std::uint32_t val) const { return first.val <= val && val <= last.val; }
};
constexpr std::size_t kRangesMax = 64;

// A message to kBus: for each range the first and last idx and the first and last val, 32 bits
// each; nothing at all stands for all ids. Returns words like parse_packet().
const char* parse_ranges(Bytes payload, std::vector<Range>& ranges);

}  // namespace ipn::connector

template <>
struct std::hash<ipn::connector::Id> {
    std::size_t operator()(const ipn::connector::Id& id) const noexcept {
        constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // ids are small numbers: spread them
        return ((std::uint64_t{id.idx} << 32 | id.val) * kOdd) >> 20;
    }
};
