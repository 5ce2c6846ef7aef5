// Packet: what the benchmark sends: an Ethernet frame, so that an Ethernet switch takes it too,
// that carries its sender's number, a sequence number and the time of sending. At least
// packet_bytes_min long.
#pragma once

#include <array>
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

// `receiver`: the only one there is.
enum class Destination { everybody, receiver };

namespace packet_detail {

using Station = std::array<unsigned char, 6>;
struct Header {
    Station destination;
    Station source;
    std::array<unsigned char, 2> type{0x88, 0xb5};  // local experimental EtherType
};
static_assert(sizeof(Header) == 14);

inline constexpr Station everybody{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
// Locally administered addresses: senders have their number in it.
inline constexpr Station receiver{0x02, 0x01, 0, 0, 0, 0};
inline Station sender(unsigned number) {
    return {
        0x02, 0, 0, 0, static_cast<unsigned char>(number >> 8), static_cast<unsigned char>(number)};
}

inline void put_header(std::span<std::byte> packet, const Header& header) {
    std::memcpy(packet.data(), &header, sizeof header);
}

}  // namespace packet_detail

inline std::vector<std::byte> make_packet(std::size_t bytes, unsigned sender,
                                          Destination destination = Destination::everybody) {
    namespace detail = packet_detail;
    std::vector<std::byte> packet(bytes);
    detail::put_header(
        packet, {.destination =
                     destination == Destination::everybody ? detail::everybody : detail::receiver,
                 .source = detail::sender(sender)});
    return packet;
}

// What tells a learning switch where the receiver is.
inline std::vector<std::byte> make_announcement() {
    namespace detail = packet_detail;
    std::vector<std::byte> packet(60);  // the shortest Ethernet frame
    detail::put_header(packet, {.destination = detail::everybody, .source = detail::receiver});
    return packet;
}

inline unsigned sender_of(std::span<const std::byte> packet) {
    return std::to_integer<unsigned>(packet[10]) << 8 | std::to_integer<unsigned>(packet[11]);
}

inline void put_stamp(std::span<std::byte> packet, const Stamp& stamp) {
    std::memcpy(packet.data() + sizeof(packet_detail::Header), &stamp, sizeof stamp);
}

inline Stamp get_stamp(std::span<const std::byte> packet) {
    Stamp stamp;
    std::memcpy(&stamp, packet.data() + sizeof(packet_detail::Header), sizeof stamp);
    return stamp;
}

}  // namespace bench
