// Bpdu: what bridges tell each other about the spanning tree (IEEE 802.1D-2004, chapter 9).
//
// Configuration and topology change notification BPDUs of STP, and RST BPDUs of RSTP, as the frames
// that carry them. read() takes nothing that the standard does not let a bridge take, but for times
// outside of their ranges, which become the next within; what it takes is not to be trusted any
// further, but is well formed. Times are whole seconds.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ethernet.h"

namespace ipn::vdeswitch {

// 16 bits priority, then the address: the lower is the better one.
using BridgeId = std::uint64_t;
inline constexpr BridgeId bridge_id(std::uint16_t priority, Mac address) {
    return BridgeId{priority} << 48 | address;
}
inline constexpr Mac address_of(BridgeId id) {
    return id & 0xffffffffffff;
}
// "8000.02:00:00:00:00:01"
std::string to_string_id(BridgeId id);

// What a bridge says of its way to the root; less is better (17.6).
struct PriorityVector {
    BridgeId root = 0;
    std::uint32_t cost = 0;
    BridgeId bridge = 0;
    std::uint16_t port = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): what is compared with 0 here is no pointer
    auto operator<=>(const PriorityVector&) const = default;
};

struct Times {
    std::uint16_t message_age = 0;
    std::uint16_t max_age = 20;
    std::uint16_t hello = 2;
    std::uint16_t forward_delay = 15;

    bool operator==(const Times&) const = default;
};

struct Bpdu {
    enum class Type : std::uint8_t { notification, configuration, rapid };
    enum class Role : std::uint8_t { unknown, alternate_or_backup, root, designated };

    Type type = Type::rapid;
    bool topology_change = false;
    bool topology_change_ack = false;  // of STP; the rest of the flags are RSTP's
    bool proposal = false;
    bool learning = false;
    bool forwarding = false;
    bool agreement = false;
    Role role = Role::designated;  // of a configuration BPDU always
    PriorityVector vector{};
    Times times{};

    // None: not a BPDU that a bridge takes. `frame` has an Ethernet header at least.
    static std::optional<Bpdu> read(std::span<const unsigned char> frame);

    // The frame that carries it from `source`; `length` of its bytes.
    static constexpr std::size_t kFrameMax = 14 + 3 + 36;
    struct Frame {
        std::array<unsigned char, kFrameMax> bytes{};
        std::size_t length = 0;
    };
    Frame write(Mac source) const;
};

}  // namespace ipn::vdeswitch
