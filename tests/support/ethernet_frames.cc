#include "ethernet_frames.h"

#include <algorithm>
#include <cstring>

namespace ipn::test {
namespace {

constexpr unsigned kFin = 0x01, kPsh = 0x08, kCwr = 0x80;

std::string number(std::uint32_t value, int bytes) {
    std::string out;
    while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
    return out;
}

// One's complement sum of big-endian words.
unsigned sum(const std::string& bytes) {
    unsigned total = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const unsigned byte = static_cast<unsigned char>(bytes[i]);
        total += i % 2 == 0 ? byte << 8 : byte;
        total = (total & 0xffff) + (total >> 16);
    }
    return total;
}

std::string addresses(bool ipv6, const std::string& last_destination) {
    if (!ipv6) return {"\x0a\x01\x02\x03\x0a\x01\x02\xfe", 8};
    const std::string source("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\xff\x01", 16);
    const std::string destination("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\xff\x02", 16);
    return source + (last_destination.empty() ? destination : last_destination);
}

}  // namespace

std::size_t Frame::transport_start() const {
    if (!ipv6) return network_start() + 20 + ip_options.size();
    std::size_t start = network_start() + 40;
    for (const Extension& extension : extensions) start += 2 + extension.content.size();
    return start;
}

std::size_t Frame::header_length() const {
    return transport_start() + (tcp ? 20 + tcp_options.size() : 8);
}

std::string Frame::pseudo_header(std::size_t transport_length) const {
    const auto length = static_cast<std::uint32_t>(transport_length);
    const std::string ends = addresses(ipv6, last_destination);
    const unsigned protocol = tcp ? 6 : 17;
    return ipv6 ? ends + number(length, 4) + number(protocol, 4)
                : ends + number(protocol, 2) + number(length, 2);
}

std::string Frame::transport(bool partial) const {
    const std::string ports = number(4660, 2) + number(80, 2);
    const std::size_t length = header_length() - transport_start() + payload.size();
    std::string before, after;  // the checksum
    if (tcp) {
        const auto words = static_cast<unsigned>(5 + tcp_options.size() / 4);
        before = ports + number(sequence, 4) + number(0x01020304, 4) + number(words << 4, 1) +
                 number(flags, 1) + number(502, 2);
        after = number(0, 2) + tcp_options + payload;
    } else {
        before = ports + number(static_cast<std::uint32_t>(length), 2);
        after = payload;
    }
    const std::string pseudo = pseudo_header(length);
    if (partial) return before + number(sum(pseudo), 2) + after;
    unsigned checksum = ~sum(pseudo + before + number(0, 2) + after) & 0xffff;
    if (!tcp && checksum == 0) checksum = 0xffff;
    return before + number(checksum, 2) + after;
}

std::string Frame::build() const {
    std::string frame("\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
    for (const Tag& tag : tags) frame += number(tag.type, 2) + number(tag.content, 2);
    const std::string segment = transport(false);
    const unsigned protocol = tcp ? 6 : 17;
    if (!ipv6) {
        const auto words = static_cast<unsigned>(5 + ip_options.size() / 4);
        const auto length = static_cast<std::uint32_t>(4 * words + segment.size());
        const std::string before = number(0x40 | words, 1) + number(0x02, 1) + number(length, 2) +
                                   number(identification & 0xffff, 2) + number(0x4000, 2) +
                                   number(64, 1) + number(protocol, 1);
        const std::string after = addresses(false, {}) + ip_options;
        const unsigned checksum = ~sum(before + number(0, 2) + after) & 0xffff;
        return frame + number(0x0800, 2) + before + number(checksum, 2) + after + segment;
    }
    std::string headers;
    unsigned next = protocol;
    for (auto extension = extensions.rbegin(); extension != extensions.rend(); ++extension) {
        const auto units = static_cast<unsigned>((2 + extension->content.size()) / 8 - 1);
        headers = number(next, 1) + number(units, 1) + extension->content + headers;
        next = extension->type;
    }
    const auto length = static_cast<std::uint32_t>(headers.size() + segment.size());
    return frame + number(0x86dd, 2) + number(0x60212345, 4) + number(length, 2) + number(next, 1) +
           number(64, 1) + addresses(true, {}) + headers + segment;
}

std::string Frame::build_partial() const {
    std::string frame = build();
    const std::string segment = transport(true);
    frame.replace(frame.size() - segment.size(), segment.size(), segment);
    return frame;
}

core::Offload::Wire Frame::wire(unsigned segment_size) const {
    const unsigned type = segment_size == 0 ? 0 : !tcp ? 5 : ipv6 ? 4 : 1;
    const unsigned congestion = type != 0 && tcp && (flags & kCwr) != 0 ? 0x80 : 0;
    return test::wire(1, type | congestion, static_cast<unsigned>(header_length()), segment_size,
                      static_cast<unsigned>(transport_start()), tcp ? 16 : 6);
}

std::string Frame::completed() const {
    std::string frame = build();
    const std::size_t checksum = transport_start() + (tcp ? 16 : 6);
    if (frame.substr(checksum, 2) == number(0, 2)) frame.replace(checksum, 2, number(0xffff, 2));
    return frame;
}

std::vector<std::string> Frame::segments(unsigned segment_size) const {
    if (segment_size == 0) return {completed()};
    std::vector<std::string> all;
    for (std::size_t start = 0; start == 0 || start < payload.size(); start += segment_size) {
        Frame segment = *this;
        segment.payload = payload.substr(start, segment_size);
        segment.identification += static_cast<unsigned>(all.size());
        segment.sequence += static_cast<std::uint32_t>(start);
        if (start > 0) segment.flags &= ~kCwr;
        if (start + segment_size < payload.size()) segment.flags &= ~(kFin | kPsh);
        all.push_back(segment.build());
    }
    return all;
}

core::Offload::Wire wire(unsigned flags, unsigned type, unsigned header_length,
                         unsigned segment_size, unsigned checksum_start, unsigned checksum_offset) {
    core::Offload::Wire wire{static_cast<std::byte>(flags), static_cast<std::byte>(type)};
    std::byte* to = wire.data() + 2;
    for (const unsigned value : {header_length, segment_size, checksum_start, checksum_offset}) {
        const auto word = static_cast<std::uint16_t>(value);
        std::memcpy(std::exchange(to, to + 2), &word, 2);
    }
    return wire;
}

std::string pattern(std::size_t length, unsigned seed) {
    std::string bytes(length, '\0');
    std::uint32_t state = seed * 2654435761U + 1;
    for (char& byte : bytes) {
        state = state * 1664525U + 1013904223U;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

}  // namespace ipn::test
