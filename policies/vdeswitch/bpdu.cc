#include "bpdu.h"

#include <algorithm>

namespace ipn::vdeswitch {
namespace {

using Bytes = std::span<const unsigned char>;

// Where what is, from the begin of the BPDU, and how long the types are.
constexpr std::size_t kVersion = 2, kType = 3, kFlags = 4, kRoot = 5, kCost = 13, kBridge = 17,
                      kPort = 25, kMessageAge = 27, kMaxAge = 29, kHello = 31, kForwardDelay = 33;
constexpr std::size_t kNotificationLength = 4, kConfigurationLength = 35, kRapidLength = 36;
constexpr unsigned char kNotification = 0x80, kConfiguration = 0x00, kRapid = 0x02;
constexpr unsigned char kStpVersion = 0, kRapidVersion = 2;

constexpr std::size_t kEthernet = 14;
constexpr std::array<unsigned char, 3> kLlc{0x42, 0x42, 0x03};
constexpr std::size_t kLlcEnd = kEthernet + kLlc.size();
constexpr std::size_t kLongestInLength = 1500;  // of the length field; above it is a type

std::uint64_t number(Bytes bytes, std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (const unsigned char byte : bytes.subspan(at, size)) value = value << 8 | byte;
    return value;
}

// In units of 1/256 s, rounded.
std::uint16_t seconds(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>((number(bytes, at, 2) + 128) / 256);
}

void put(unsigned char* to, std::uint64_t value, std::size_t size) {
    for (std::size_t i = size; i-- > 0; value >>= 8) to[i] = static_cast<unsigned char>(value);
}

// The BPDU within a frame, as long as the frame says; empty if it carries none.
Bytes payload(Bytes frame) {
    const auto length = number(frame, 12, 2);
    if (length > kLongestInLength || length < kLlc.size() || length > frame.size() - kEthernet)
        return {};
    const Bytes content = frame.subspan(kEthernet, length);
    if (!std::equal(kLlc.begin(), kLlc.end(), content.begin())) return {};
    return content.subspan(kLlc.size());
}

void read_flags(Bpdu& bpdu, unsigned flags) {
    bpdu.topology_change = (flags & 0x01) != 0;
    if (bpdu.type == Bpdu::Type::configuration) {
        bpdu.topology_change_ack = (flags & 0x80) != 0;
        return;
    }
    bpdu.proposal = (flags & 0x02) != 0;
    bpdu.role = static_cast<Bpdu::Role>(flags >> 2 & 3);
    bpdu.learning = (flags & 0x10) != 0;
    bpdu.forwarding = (flags & 0x20) != 0;
    bpdu.agreement = (flags & 0x40) != 0;
}

unsigned flags_of(const Bpdu& bpdu) {
    unsigned flags = bpdu.topology_change ? 0x01 : 0;
    if (bpdu.type == Bpdu::Type::configuration)
        return flags | (bpdu.topology_change_ack ? 0x80 : 0);
    flags |= bpdu.proposal ? 0x02 : 0;
    flags |= static_cast<unsigned>(bpdu.role) << 2;
    flags |= bpdu.learning ? 0x10 : 0;
    flags |= bpdu.forwarding ? 0x20 : 0;
    return flags | (bpdu.agreement ? 0x40 : 0);
}

// Which type it is; none: no protocol, version or length of ours (9.3.4).
std::optional<Bpdu::Type> type_of(Bytes bytes) {
    if (bytes.size() < kNotificationLength || number(bytes, 0, 2) != 0) return std::nullopt;
    const unsigned type = bytes[kType];
    if (type == kNotification) return Bpdu::Type::notification;
    if (type == kConfiguration && bytes.size() >= kConfigurationLength)
        return Bpdu::Type::configuration;
    if (type == kRapid && bytes[kVersion] >= kRapidVersion && bytes.size() >= kRapidLength)
        return Bpdu::Type::rapid;
    return std::nullopt;
}

}  // namespace

std::string to_string_id(BridgeId id) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 48; shift -= 4) text += kDigits[id >> shift & 0xf];
    return text + '.' + to_string(address_of(id));
}

std::optional<Bpdu> Bpdu::read(std::span<const unsigned char> frame) {
    const Bytes bytes = payload(frame);
    const auto type = type_of(bytes);
    if (!type) return std::nullopt;
    Bpdu bpdu{.type = *type};
    if (*type == Type::notification) return bpdu;
    read_flags(bpdu, bytes[kFlags]);
    bpdu.vector = {number(bytes, kRoot, 8), static_cast<std::uint32_t>(number(bytes, kCost, 4)),
                   number(bytes, kBridge, 8), static_cast<std::uint16_t>(number(bytes, kPort, 2))};
    bpdu.times = {seconds(bytes, kMessageAge), seconds(bytes, kMaxAge), seconds(bytes, kHello),
                  seconds(bytes, kForwardDelay)};
    // A bridge with unusual times is a bridge all the same: not to hear it would be a loop. A hello
    // time of 0, say, would have us count with nothing. The ranges are those of table 17-1, but for
    // the forward delay, which Linux lets be 2 seconds.
    Times& times = bpdu.times;
    times.max_age = std::clamp<std::uint16_t>(times.max_age, 6, 40);
    times.hello = std::clamp<std::uint16_t>(times.hello, 1, 10);
    times.forward_delay = std::clamp<std::uint16_t>(times.forward_delay, 2, 30);
    if (times.message_age >= times.max_age) return std::nullopt;
    return bpdu;
}

Bpdu::Frame Bpdu::write(Mac source) const {
    Frame frame;
    unsigned char* const bytes = frame.bytes.data();
    write_mac(bytes, kBridgeGroup);
    write_mac(bytes + 6, source);
    std::copy(kLlc.begin(), kLlc.end(), bytes + kEthernet);
    unsigned char* const content = bytes + kLlcEnd;

    std::size_t length = kNotificationLength;
    content[kType] = kNotification;
    if (type != Type::notification) {
        const bool rapid = type == Type::rapid;
        length = rapid ? kRapidLength : kConfigurationLength;  // the last byte of RSTP is 0
        content[kVersion] = rapid ? kRapidVersion : kStpVersion;
        content[kType] = rapid ? kRapid : kConfiguration;
        content[kFlags] = static_cast<unsigned char>(flags_of(*this));
        put(content + kRoot, vector.root, 8);
        put(content + kCost, vector.cost, 4);
        put(content + kBridge, vector.bridge, 8);
        put(content + kPort, vector.port, 2);
        put(content + kMessageAge, std::uint64_t{times.message_age} << 8, 2);
        put(content + kMaxAge, std::uint64_t{times.max_age} << 8, 2);
        put(content + kHello, std::uint64_t{times.hello} << 8, 2);
        put(content + kForwardDelay, std::uint64_t{times.forward_delay} << 8, 2);
    }
    put(bytes + 12, kLlc.size() + length, 2);
    frame.length = kLlcEnd + length;
    return frame;
}

}  // namespace ipn::vdeswitch
