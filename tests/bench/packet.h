// Packet: what the benchmark sends: a broadcast Ethernet frame, so that an Ethernet hub takes it
// too, that carries a sequence number and the time of sending. At least packet_bytes_min long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace bench {

inline constexpr std::size_t packet_bytes_min = 30;

struct Stamp {
    std::uint64_t sequence;
    std::uint64_t sent_ns;
};

namespace packet_detail {
inline constexpr std::size_t header_bytes = 14;
}

// A packet from the station numbered `sender`.
inline std::vector<std::byte> make_packet(std::size_t bytes, unsigned char sender) {
    constexpr unsigned char header[packet_detail::header_bytes] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  // to everybody
        0x02, 0x00, 0x00, 0x00, 0x00, 0x00,  // from a locally administered address
        0x88, 0xb5,                          // local experimental EtherType
    };
    std::vector<std::byte> packet(bytes);
    std::memcpy(packet.data(), header, sizeof header);
    packet[11] = static_cast<std::byte>(sender);
    return packet;
}

inline void put_stamp(std::span<std::byte> packet, const Stamp& stamp) {
    std::memcpy(packet.data() + packet_detail::header_bytes, &stamp, sizeof stamp);
}

inline Stamp get_stamp(std::span<const std::byte> packet) {
    Stamp stamp;
    std::memcpy(&stamp, packet.data() + packet_detail::header_bytes, sizeof stamp);
    return stamp;
}

}  // namespace bench
