// Segmenter: what a packet with offloads becomes, against frames that are built one by one.
#include "core/segmentation.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "bytes.h"
#include "ethernet_frames.h"

namespace ipn::test {
namespace {

using core::Offload;

// What comes out of `frame`, which must be acceptable.
std::vector<std::string> cut(const std::string& frame, const Offload::Wire& wire) {
    std::string copy = frame;
    const auto offload =
        Offload::from_wire(wire, std::as_writable_bytes(std::span(copy.data(), copy.size())));
    EXPECT_TRUE(offload);
    if (!offload) return {};
    const core::Segmenter segmenter(bytes(copy), *offload);
    EXPECT_EQ(segmenter.count(), offload->frames(static_cast<std::uint32_t>(copy.size())));
    std::vector<std::string> segments;
    for (std::uint32_t i = 0; i < segmenter.count(); ++i) {
        std::string segment(segmenter.length(i), '\0');
        segmenter.write(i,
                        std::as_writable_bytes(std::span(segment.data(), segment.size())).data());
        EXPECT_LE(segment.size(), offload->longest_frame(static_cast<std::uint32_t>(copy.size())));
        segments.push_back(std::move(segment));
    }
    return segments;
}

// Cuts the packet that `frame` describes and compares with what should come out, frame by frame.
void expect_cut_right(const Frame& frame, unsigned segment_size) {
    const auto segments = cut(frame.build_partial(), frame.wire(segment_size));
    const auto expected = frame.segments(segment_size);
    ASSERT_EQ(segments.size(), expected.size());
    for (std::size_t i = 0; i < segments.size(); ++i) ASSERT_EQ(segments[i], expected[i]) << i;
}

// Timestamps, as nearly every TCP segment has them.
const std::string kTimestamps("\x01\x01\x08\x0a\x11\x22\x33\x44\x55\x66\x77\x88", 12);

TEST(SegmentationTest, CompletesTheChecksumOfATcpPacket) {
    expect_cut_right({.payload = pattern(1000)}, 0);
    expect_cut_right({.ipv6 = true, .payload = pattern(1001)}, 0);
}

TEST(SegmentationTest, CompletesTheChecksumOfAUdpPacket) {
    expect_cut_right({.tcp = false, .payload = pattern(1000)}, 0);
    expect_cut_right({.ipv6 = true, .tcp = false, .payload = pattern(1001)}, 0);
}

TEST(SegmentationTest, CutsTcpOverIpv4) {
    expect_cut_right({.identification = 7,
                      .sequence = 1000,
                      .tcp_options = kTimestamps,
                      .payload = pattern(5000)},
                     1448);
}

TEST(SegmentationTest, CutsTcpOverIpv6) {
    expect_cut_right({.ipv6 = true, .tcp_options = kTimestamps, .payload = pattern(5000)}, 1428);
}

TEST(SegmentationTest, CutsUdpIntoDatagrams) {
    expect_cut_right({.identification = 7, .tcp = false, .payload = pattern(5000)}, 1472);
    expect_cut_right({.ipv6 = true, .tcp = false, .payload = pattern(5000)}, 1452);
}

TEST(SegmentationTest, TheLargestPacketThereIs) {
    expect_cut_right({.payload = pattern(65'535 - 40)}, 1460);
    expect_cut_right({.payload = pattern(65'535 - 40)}, 8960);
}

TEST(SegmentationTest, TheLastSegmentMayBeFullOrOfOneByte) {
    for (const std::size_t length : {999U, 1000U, 1001U, 1999U, 2000U, 2001U})
        expect_cut_right({.payload = pattern(length)}, 1000);
}

TEST(SegmentationTest, APacketThatNeedsNoCuttingIsOneSegment) {
    expect_cut_right({.payload = pattern(10)}, 1460);
    expect_cut_right({.payload = ""}, 1460);
    expect_cut_right({.tcp = false, .payload = ""}, 1460);
}

TEST(SegmentationTest, OnlyTheLastSegmentHasFinAndPsh) {
    expect_cut_right({.flags = 0x19, .payload = pattern(3000)}, 1000);
}

TEST(SegmentationTest, OnlyTheFirstSegmentHasCwr) {
    expect_cut_right({.flags = 0xd0, .payload = pattern(3000)}, 1000);
}

TEST(SegmentationTest, OtherFlagsAreOnAllSegments) {
    expect_cut_right({.flags = 0x7f, .payload = pattern(3000)}, 1000);
}

TEST(SegmentationTest, SequenceNumbersGoOnFromTheEndToTheBeginning) {
    expect_cut_right({.sequence = 0xfffffc00, .payload = pattern(3000)}, 1000);
}

TEST(SegmentationTest, IdentificationsGoOnFromTheEndToTheBeginning) {
    expect_cut_right({.identification = 0xffff, .payload = pattern(3000)}, 1000);
}

TEST(SegmentationTest, VlanTagsAreOnAllSegments) {
    const Frame::Tag customer{0x8100, 0x2007}, service{0x88a8, 0x0064};
    expect_cut_right({.tags = {customer}, .payload = pattern(3000)}, 1000);
    expect_cut_right({.tags = {service, customer}, .payload = pattern(3000)}, 1000);
    expect_cut_right(
        {.tags = {service, customer}, .ipv6 = true, .tcp = false, .payload = pattern(3000)}, 1000);
}

TEST(SegmentationTest, OptionsOfIpAndTcpAreOnAllSegments) {
    expect_cut_right(
        {.ip_options = pattern(40), .tcp_options = pattern(40), .payload = pattern(3000)}, 1000);
}

TEST(SegmentationTest, ExtensionHeadersAreOnAllSegments) {
    const Frame::Extension hop{0, std::string("\x05\x02\0\0\x01\0", 6)},
        destination{60, pattern(22)};
    expect_cut_right({.ipv6 = true, .extensions = {hop, destination}, .payload = pattern(3000)},
                     1000);
    expect_cut_right(
        {.ipv6 = true, .extensions = {destination}, .tcp = false, .payload = pattern(3000)}, 1000);
}

// A routing header (type 2, one segment left) whose address is the last destination.
Frame routed(bool tcp) {
    const std::string last = pattern(16, 5);
    return {.ipv6 = true,
            .extensions = {{43, std::string("\x02\x01\0\0\0\0", 6) + last}},
            .last_destination = last,
            .tcp = tcp,
            .payload = pattern(3000)};
}

TEST(SegmentationTest, BehindARoutingHeaderTheChecksumIsForTheLastDestination) {
    for (const bool tcp : {true, false})
        for (const unsigned segment_size : {0U, 1000U}) expect_cut_right(routed(tcp), segment_size);
}

TEST(SegmentationTest, AUdpChecksumIsNeverZero) {
    // The payload's last word makes the sum what would be written as 0.
    Frame frame{.tcp = false, .payload = std::string(10, '\0')};
    const std::string built = frame.build();
    frame.payload.replace(8, 2, built.substr(frame.transport_start() + 6, 2));
    const std::string expected = frame.build();
    ASSERT_EQ(expected.substr(frame.transport_start() + 6, 2), "\xff\xff");
    expect_cut_right(frame, 0);
    expect_cut_right(frame, 10);
}

TEST(SegmentationTest, ATcpChecksumThatIsOnlyCompletedIsNeverZeroEither) {
    Frame frame{.payload = std::string(10, '\0')};
    const std::string built = frame.build();
    frame.payload.replace(8, 2, built.substr(frame.transport_start() + 16, 2));
    ASSERT_EQ(frame.build().substr(frame.transport_start() + 16, 2), std::string(2, '\0'));
    ASSERT_EQ(frame.completed().substr(frame.transport_start() + 16, 2), "\xff\xff");
    expect_cut_right(frame, 0);
    expect_cut_right(frame, 10);
}

// A network card that joins packets has their checksums verified and leaves none to be completed.
TEST(SegmentationTest, APacketWithAWholeChecksumIsCutToo) {
    for (const bool ipv6 : {false, true})
        for (const bool tcp : {false, true}) {
            const Frame frame{.ipv6 = ipv6, .tcp = tcp, .payload = pattern(3000)};
            const auto header = static_cast<unsigned>(frame.header_length());
            const unsigned type = !tcp ? 5 : ipv6 ? 4 : 1;
            EXPECT_EQ(cut(frame.build(), wire(2, type, header, 1000, 0, 0)), frame.segments(1000));
            EXPECT_EQ(cut(frame.build(), wire(0, type, 0, 1000, 0, 0)), frame.segments(1000));
        }
}

TEST(SegmentationTest, IsTheSameBehindATagThatWasAddedMeanwhile) {
    const Frame frame{.payload = pattern(3000)};
    std::string partial = frame.build_partial();
    const auto offload = Offload::from_wire(
        frame.wire(1000), std::as_writable_bytes(std::span(partial.data(), partial.size())));
    ASSERT_TRUE(offload);
    Frame tagged = frame;
    tagged.tags = {{0x8100, 0x0123}};
    const std::string moved = tagged.build_partial();
    const core::Segmenter segmenter(bytes(moved), *offload->shifted(4));
    const auto expected = tagged.segments(1000);
    ASSERT_EQ(segmenter.count(), expected.size());
    for (std::uint32_t i = 0; i < segmenter.count(); ++i) {
        std::string segment(segmenter.length(i), '\0');
        segmenter.write(i,
                        std::as_writable_bytes(std::span(segment.data(), segment.size())).data());
        EXPECT_EQ(segment, expected[i]);
    }
}

// A packet of any kind, with lengths that are multiples of what they have to be.
Frame any_frame(std::mt19937& random) {
    const auto below = [&random](unsigned bound) {
        return static_cast<unsigned>(random() % bound);
    };
    Frame frame{.ipv6 = below(2) == 0,
                .identification = below(0x10000),
                .tcp = below(3) != 0,
                .sequence = static_cast<std::uint32_t>(random()),
                .flags = below(0x100)};
    for (unsigned left = below(4); left > 1; --left)
        frame.tags.push_back({below(2) == 0 ? 0x8100U : 0x88a8U, below(0x10000)});
    if (frame.ipv6)
        for (unsigned left = below(4); left > 1; --left)
            frame.extensions.push_back({below(2) == 0 ? 60U : 0U, pattern(6 + 8 * below(4))});
    else
        frame.ip_options = pattern(4 * below(11));
    if (frame.tcp) frame.tcp_options = pattern(4 * below(11));
    frame.payload = pattern(below(below(4) == 0 ? 60'000 : 3000), below(1000));
    return frame;
}

TEST(SegmentationTest, AnyPacketIsCutAsItsSegmentsWouldHaveBeenBuilt) {
    std::mt19937 random(4);
    for (int i = 0; i < 2000 && !testing::Test::HasFatalFailure(); ++i) {
        const Frame frame = any_frame(random);
        const auto length = static_cast<unsigned>(frame.payload.size());
        const auto segment_size = static_cast<unsigned>(random() % (length + 2));
        const bool too_many = segment_size > 0 && length / segment_size >= 2000;
        expect_cut_right(frame, too_many ? 0 : segment_size);
    }
}

}  // namespace
}  // namespace ipn::test
