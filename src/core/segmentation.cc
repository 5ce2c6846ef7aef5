#include "core/segmentation.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/checksum.h"

namespace ipn::core {
namespace {

using Segmentation = Offload::Segmentation;

// Where fields are in their header.
namespace ipv4 {
constexpr std::size_t kTotalLength = 2, kIdentification = 4, kChecksum = 10, kLengthMin = 20;
}
namespace ipv6 {
constexpr std::size_t kPayloadLength = 4, kLength = 40;
}
namespace tcp {
constexpr std::size_t kSequence = 4, kFlags = 13, kLengthMin = 20;
constexpr std::byte kFin{0x01}, kPsh{0x08}, kCwr{0x80};
}  // namespace tcp
namespace udp {
constexpr std::size_t kDatagramLength = 4, kLength = 8;
}

bool is_tcp(Segmentation kind) {
    return kind == Segmentation::tcp4 || kind == Segmentation::tcp6;
}
bool is_ipv4(Segmentation kind) {
    return kind == Segmentation::tcp4 || kind == Segmentation::udp4;
}

std::uint16_t load16(const std::byte* from) {
    std::uint16_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
}
// As it lies in memory.
void store16(std::byte* to, std::uint16_t word) {
    std::memcpy(to, &word, sizeof word);
}
void store_number16(std::byte* to, std::uint32_t number) {
    store16(to, to_network(number));
}

// Adds in network order.
void increase16(std::byte* number, std::uint32_t by) {
    store_number16(number, to_network(load16(number)) + by);
}
void increase32(std::byte* number, std::uint32_t by) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(number[i]);
    value += by;
    for (int i = 3; i >= 0; --i, value >>= 8) number[i] = static_cast<std::byte>(value);
}

std::uint16_t never_zero(std::uint16_t checksum) {
    return checksum == 0 ? 0xffff : checksum;
}

void check(const Offload& offload, std::size_t length) {
    IPN_CHECK(!offload.plain());
    IPN_CHECK(offload.checksum_start + offload.checksum_offset + 2U <= length);
    if (offload.segmentation == Segmentation::none) return;
    const std::size_t network = is_ipv4(offload.segmentation) ? ipv4::kLengthMin : ipv6::kLength;
    const std::size_t transport = is_tcp(offload.segmentation) ? tcp::kLengthMin : udp::kLength;
    IPN_CHECK(offload.segment_size > 0);
    IPN_CHECK(offload.network_start + network <= offload.checksum_start);
    IPN_CHECK(offload.checksum_start + transport <= offload.header_length);
    IPN_CHECK(offload.checksum_start + offload.checksum_offset + 2U <= offload.header_length);
    IPN_CHECK(offload.header_length <= length);
}

}  // namespace

Segmenter::Segmenter(std::span<const std::byte> frame, const Offload& offload)
    : frame_(frame),
      offload_(offload),
      count_(offload.frames(static_cast<std::uint32_t>(frame.size()))) {
    check(offload, frame.size());
}

std::span<const std::byte> Segmenter::payload(std::uint32_t index) const {
    IPN_CHECK(index < count_);
    const std::size_t start = offload_.header_length + std::size_t{index} * offload_.segment_size;
    return frame_.subspan(start,
                          std::min<std::size_t>(offload_.segment_size, frame_.size() - start));
}

std::uint32_t Segmenter::length(std::uint32_t index) const {
    if (offload_.segmentation == Segmentation::none)
        return static_cast<std::uint32_t>(frame_.size());
    return offload_.header_length + static_cast<std::uint32_t>(payload(index).size());
}

void Segmenter::write(std::uint32_t index, std::byte* to) const {
    if (offload_.segmentation == Segmentation::none) return complete_checksum(to);

    const std::span<const std::byte> data = payload(index);
    const std::uint32_t length = offload_.header_length + static_cast<std::uint32_t>(data.size());
    std::byte* const transport = to + offload_.checksum_start;
    const std::uint32_t transport_length = length - offload_.checksum_start;
    std::memcpy(to, frame_.data(), offload_.header_length);
    write_network_header(index, to + offload_.network_start, length - offload_.network_start);
    if (is_tcp(offload_.segmentation))
        write_tcp_header(index, transport);
    else
        store_number16(transport + udp::kDatagramLength, transport_length);

    // The field has the sum of the pseudo header of the whole packet.
    Checksum checksum;
    checksum.subtract(
        to_network(static_cast<std::uint32_t>(frame_.size()) - offload_.checksum_start));
    checksum.add(to_network(transport_length));
    checksum.add({transport, to + offload_.header_length});
    checksum.copy(to + offload_.header_length, data);
    const auto complement = static_cast<std::uint16_t>(~checksum.sum());
    store16(transport + offload_.checksum_offset,
            is_tcp(offload_.segmentation) ? complement : never_zero(complement));
}

void Segmenter::complete_checksum(std::byte* to) const {
    Checksum checksum;
    std::memcpy(to, frame_.data(), offload_.checksum_start);
    checksum.copy(to + offload_.checksum_start, frame_.subspan(offload_.checksum_start));
    store16(to + offload_.checksum_start + offload_.checksum_offset,
            never_zero(static_cast<std::uint16_t>(~checksum.sum())));
}

void Segmenter::write_network_header(std::uint32_t index, std::byte* header,
                                     std::uint32_t length) const {
    if (!is_ipv4(offload_.segmentation))
        return store_number16(header + ipv6::kPayloadLength,
                              length - static_cast<std::uint32_t>(ipv6::kLength));
    store_number16(header + ipv4::kTotalLength, length);
    increase16(header + ipv4::kIdentification, index);
    store16(header + ipv4::kChecksum, 0);
    Checksum checksum;
    checksum.add({header, header + (offload_.checksum_start - offload_.network_start)});
    store16(header + ipv4::kChecksum, static_cast<std::uint16_t>(~checksum.sum()));
}

void Segmenter::write_tcp_header(std::uint32_t index, std::byte* header) const {
    increase32(header + tcp::kSequence, index * offload_.segment_size);
    std::byte& flags = header[tcp::kFlags];
    if (index > 0) flags &= ~tcp::kCwr;
    if (index + 1 < count_) flags &= ~(tcp::kFin | tcp::kPsh);
}

}  // namespace ipn::core
