// Ethernet: the first bytes of a frame, and addresses.
//
// Header::read() looks at nothing behind the VLAN tag, so that a packet with offloads, of which
// only the headers are what they will be, is read like any other. Limits: one tag, type 0x8100;
// what is tagged otherwise (0x88a8) or twice is a frame of its outer 0x8100 tag, or an untagged
// one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ipn::vdeswitch {

// A VLAN's number; 0 is the one whose frames have no tag.
using Vlan = std::uint16_t;
inline constexpr Vlan kUntaggedVlan = 0;
inline constexpr Vlan kVlanMax = 4094;

// 48 bits, the first byte of the address being the highest.
using Mac = std::uint64_t;

inline Mac read_mac(const unsigned char* bytes) {
    Mac mac = 0;
    for (int i = 0; i < 6; ++i) mac = mac << 8 | bytes[i];
    return mac;
}
inline void write_mac(unsigned char* bytes, Mac mac) {
    for (int i = 5; i >= 0; --i, mac >>= 8) bytes[i] = static_cast<unsigned char>(mac & 0xff);
}
inline bool is_group(Mac mac) {
    return (mac >> 40 & 1) != 0;
}
// 01:80:c2:00:00:00 to 0f: for the bridge at the other end of the wire (802.1D, table 7-10).
inline bool is_reserved(Mac mac) {
    return mac >> 4 == 0x0180c200000;
}
inline constexpr Mac kBridgeGroup = 0x0180c2000000;
inline constexpr Mac kPause = 0x0180c2000001;

// "02:00:00:00:00:01", in any case, nothing else.
std::optional<Mac> parse_mac(std::string_view text);
std::string to_string(Mac mac);

struct Header {
    static constexpr std::size_t kLengthMin = 14;
    static constexpr std::size_t kTagLength = 4;
    static constexpr std::uint16_t kTagType = 0x8100;

    Mac destination;
    Mac source;
    bool tagged;            // it has a VLAN tag; with VLAN 0, which tells a priority only, as well
    std::uint16_t control;  // what the tag says: 3 bits priority, drop eligible, 12 bits VLAN

    Vlan vlan() const { return control & 0xfff; }

    // None: the frame ends within its VLAN tag or before the type behind it. REQUIRES: kLengthMin
    // bytes.
    static std::optional<Header> read(std::span<const unsigned char> frame) {
        Header header{read_mac(frame.data()), read_mac(frame.data() + 6), false, 0};
        if ((frame[12] << 8 | frame[13]) != kTagType) return header;
        if (frame.size() < kLengthMin + kTagLength) return std::nullopt;
        header.tagged = true;
        header.control = static_cast<std::uint16_t>(frame[14] << 8 | frame[15]);
        return header;
    }
};

}  // namespace ipn::vdeswitch
