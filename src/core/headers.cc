#include "core/headers.h"

#include "core/checksum.h"

namespace ipn::core {
namespace {

// A frame's bytes, read in network order. REQUIRES: has().
class Bytes {
  public:
    explicit Bytes(std::span<const std::byte> frame) : frame_(frame) {}
    bool has(std::size_t at, std::size_t count) const {
        return at <= frame_.size() && count <= frame_.size() - at;
    }
    std::uint8_t byte(std::size_t at) const { return std::to_integer<std::uint8_t>(frame_[at]); }
    std::uint32_t number(std::size_t at) const {
        return static_cast<std::uint32_t>(byte(at) << 8 | byte(at + 1));
    }

  private:
    std::span<const std::byte> frame_;
};

std::optional<Headers> find_ipv4(const Bytes& frame, std::size_t at) {
    constexpr std::size_t kLengthMin = 20;
    if (!frame.has(at, kLengthMin) || frame.byte(at) >> 4 != 4) return {};
    const std::size_t length = (frame.byte(at) & 0xfU) * 4;
    const bool fragment = (frame.number(at + 6) & 0x3fff) != 0;
    if (length < kLengthMin || fragment) return {};
    return Headers{
        .network = at, .transport = at + length, .protocol = frame.byte(at + 9), .ipv4 = true};
}

std::optional<Headers> find_ipv6(const Bytes& frame, std::size_t at) {
    constexpr std::size_t kLength = 40, kExtensionMin = 8;
    constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kDestination = 60;
    if (!frame.has(at, kLength) || frame.byte(at) >> 4 != 6) return {};
    Headers headers{.network = at, .transport = at + kLength, .protocol = frame.byte(at + 6)};
    while (headers.protocol == kHopByHop || headers.protocol == kRouting ||
           headers.protocol == kDestination) {
        const std::size_t extension = headers.transport;
        if (!frame.has(extension, kExtensionMin)) return {};
        const bool segments_left = frame.byte(extension + 3) != 0;
        headers.routed |= headers.protocol == kRouting && segments_left;
        headers.protocol = frame.byte(extension);
        headers.transport += (frame.byte(extension + 1) + 1U) * 8;
    }
    return headers;
}

std::optional<Headers> find_network(const Bytes& frame) {
    constexpr std::uint32_t kVlan = 0x8100, kServiceVlan = 0x88a8, kIpv4 = 0x0800, kIpv6 = 0x86dd;
    constexpr std::size_t kTag = 4;
    std::size_t type = 12;  // after two addresses
    const auto is = [&](std::uint32_t wanted) {
        return frame.has(type, 2) && frame.number(type) == wanted;
    };
    while (is(kVlan) || is(kServiceVlan)) type += kTag;
    if (is(kIpv4)) return find_ipv4(frame, type + 2);
    if (is(kIpv6)) return find_ipv6(frame, type + 2);
    return {};
}

// Of the transport header; 0 if it is another protocol's or does not lie in the frame.
std::size_t transport_length(const Bytes& frame, const Headers& headers) {
    constexpr std::size_t kUdpLength = 8, kTcpLengthMin = 20;
    const std::size_t at = headers.transport;
    if (headers.protocol == Headers::kUdp) return frame.has(at, kUdpLength) ? kUdpLength : 0;
    if (headers.protocol != Headers::kTcp || !frame.has(at, kTcpLengthMin)) return 0;
    const std::size_t length = (frame.byte(at + 12) >> 4) * std::size_t{4};
    return length >= kTcpLengthMin && frame.has(at, length) ? length : 0;
}

}  // namespace

std::optional<Headers> Headers::find(std::span<const std::byte> frame) {
    const Bytes bytes(frame);
    auto headers = find_network(bytes);
    if (!headers) return {};
    const std::size_t length = transport_length(bytes, *headers);
    if (length == 0) return {};
    headers->end = headers->transport + length;
    return headers;
}

std::size_t Headers::checksum_offset() const {
    return protocol == kTcp ? 16 : 6;
}

std::uint16_t Headers::pseudo_header_sum(std::span<const std::byte> frame) const {
    Checksum checksum;
    // Source and destination lie next to each other.
    checksum.add(ipv4 ? frame.subspan(network + 12, 8) : frame.subspan(network + 8, 32));
    checksum.add(to_network(protocol));
    checksum.add(to_network(static_cast<std::uint32_t>(frame.size() - transport)));
    return checksum.sum();
}

}  // namespace ipn::core
