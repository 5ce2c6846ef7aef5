// Offload: what is left to do before a packet is an ordinary frame.
#include "core/offload.h"

#include <gtest/gtest.h>

#include <string>

#include "ethernet_frames.h"

namespace ipn::core {
namespace {

using Segmentation = Offload::Segmentation;

// A checksum to complete: of what begins at 34, at 50.
constexpr Offload kChecksum{.partial_checksum = true, .checksum_start = 34, .checksum_offset = 16};
// TCP over IPv4 without options, in Ethernet.
constexpr Offload kTcp{.segmentation = Segmentation::tcp4,
                       .partial_checksum = true,
                       .network_start = 14,
                       .checksum_start = 34,
                       .checksum_offset = 16,
                       .header_length = 54,
                       .segment_size = 1460};

TEST(OffloadTest, NothingIsAPlainPacket) {
    constexpr Offload nothing;
    EXPECT_TRUE(nothing.plain());
    EXPECT_EQ(nothing.frames(1514), 1U);
    EXPECT_EQ(nothing.longest_frame(1514), 1514U);
}

TEST(OffloadTest, AVerifiedChecksumLeavesNothingToDo) {
    EXPECT_TRUE(Offload{.checksum_verified = true}.plain());
}

TEST(OffloadTest, AChecksumToCompleteIsOneFrameOfTheSameLength) {
    EXPECT_FALSE(kChecksum.plain());
    EXPECT_EQ(kChecksum.frames(1514), 1U);
    EXPECT_EQ(kChecksum.longest_frame(1514), 1514U);
}

TEST(OffloadTest, KnowsHowManyFramesItStandsFor) {
    EXPECT_EQ(kTcp.frames(54), 1U);
    EXPECT_EQ(kTcp.frames(55), 1U);
    EXPECT_EQ(kTcp.frames(54 + 1460), 1U);
    EXPECT_EQ(kTcp.frames(54 + 1461), 2U);
    EXPECT_EQ(kTcp.frames(54 + 2 * 1460), 2U);
    EXPECT_EQ(kTcp.frames(54 + 2 * 1460 + 1), 3U);
}

TEST(OffloadTest, KnowsTheLongestFrameItStandsFor) {
    EXPECT_EQ(kTcp.longest_frame(60'000), 1514U);
    EXPECT_EQ(kTcp.longest_frame(100), 100U);
}

TEST(OffloadTest, MovesAlongWithTheHeadersWhenAVlanTagIsAdded) {
    const auto tagged = kTcp.shifted(4);
    ASSERT_TRUE(tagged);
    EXPECT_EQ(tagged->network_start, 18);
    EXPECT_EQ(tagged->checksum_start, 38);
    EXPECT_EQ(tagged->header_length, 58);
    EXPECT_EQ(tagged->checksum_offset, 16);
    EXPECT_EQ(tagged->segment_size, 1460);
    EXPECT_EQ(tagged->shifted(-4), kTcp);
}

TEST(OffloadTest, AChecksumToCompleteMovesAlong) {
    const auto tagged = kChecksum.shifted(4);
    ASSERT_TRUE(tagged);
    EXPECT_EQ(tagged->checksum_start, 38);
    EXPECT_EQ(tagged->header_length, 0);
    EXPECT_EQ(tagged->shifted(-4), kChecksum);
}

TEST(OffloadTest, NothingToDoMovesAnywhere) {
    EXPECT_EQ(Offload{}.shifted(-1000), Offload{});
    constexpr Offload verified{.checksum_verified = true};
    EXPECT_EQ(verified.shifted(1000), verified);
}

TEST(OffloadTest, HeadersDoNotMoveOutOfTheFrame) {
    EXPECT_TRUE(kTcp.shifted(-14));
    EXPECT_FALSE(kTcp.shifted(-15));
    EXPECT_TRUE(kChecksum.shifted(-34));
    EXPECT_FALSE(kChecksum.shifted(-35));
    EXPECT_TRUE(kTcp.shifted(65'535 - 54));
    EXPECT_FALSE(kTcp.shifted(65'535 - 53));
}

// ---- what came from outside

using test::Frame;
using test::pattern;
using test::wire;

constexpr unsigned kNeedsChecksum = 1, kDataValid = 2;
constexpr unsigned kTypeTcp4 = 1, kTypeUfo = 3, kTypeTcp6 = 4, kTypeUdp = 5, kTypeEcn = 0x80;

std::optional<Offload> judge(const Offload::Wire& header, std::string frame) {
    return Offload::from_wire(header,
                              std::as_writable_bytes(std::span(frame.data(), frame.size())));
}

const Frame kTcp4Frame{.payload = pattern(3000)};
const Frame kTcp6Frame{.ipv6 = true, .payload = pattern(3000)};
const Frame kUdp4Frame{.tcp = false, .payload = pattern(3000)};

TEST(OffloadFromWireTest, ZerosAreAPlainPacketWhateverItIs) {
    EXPECT_EQ(judge({}, "anything"), Offload{});
}

TEST(OffloadFromWireTest, AVerifiedChecksum) {
    EXPECT_EQ(judge(wire(kDataValid, 0, 0, 0, 0, 0), "anything"),
              Offload{.checksum_verified = true});
}

TEST(OffloadFromWireTest, AChecksumToComplete) {
    EXPECT_EQ(judge(wire(kNeedsChecksum, 0, 54, 0, 34, 16), std::string(60, 'x')), kChecksum);
    EXPECT_EQ(judge(wire(kNeedsChecksum | kDataValid, 0, 0, 0, 34, 16), std::string(60, 'x')),
              kChecksum)
        << "one that is not there is not verified";
}

TEST(OffloadFromWireTest, AChecksumLiesInTheFrame) {
    EXPECT_TRUE(judge(wire(kNeedsChecksum, 0, 0, 0, 34, 16), std::string(52, 'x')));
    EXPECT_FALSE(judge(wire(kNeedsChecksum, 0, 0, 0, 34, 16), std::string(51, 'x')));
    EXPECT_FALSE(judge(wire(kNeedsChecksum, 0, 0, 0, 0xffff, 0xffff), std::string(65'535, 'x')));
    EXPECT_FALSE(judge(wire(kNeedsChecksum, 0, 0, 0, 0xffff, 0), std::string(100, 'x')));
    EXPECT_FALSE(judge(wire(kNeedsChecksum, 0, 0, 0, 0, 0xffff), std::string(100, 'x')));
}

TEST(OffloadFromWireTest, APacketToBeCut) {
    EXPECT_EQ(judge(kTcp4Frame.wire(1460), kTcp4Frame.build_partial()), kTcp);
    const auto udp = judge(kUdp4Frame.wire(1000), kUdp4Frame.build_partial());
    ASSERT_TRUE(udp);
    EXPECT_EQ(udp->segmentation, Segmentation::udp4);
    EXPECT_EQ(udp->header_length, 42);
    EXPECT_EQ(udp->checksum_offset, 6);
}

TEST(OffloadFromWireTest, HowLongTheHeadersAreIsLookedUp) {
    // The kernel says how much of a packet lies in one piece, which may be more or less.
    for (const unsigned header_length : {0U, 20U, 54U, 3054U})
        EXPECT_EQ(judge(wire(kNeedsChecksum, kTypeTcp4, header_length, 1460, 34, 16),
                        kTcp4Frame.build_partial()),
                  kTcp);
}

TEST(OffloadFromWireTest, HeadersDoNotExceedTheFrame) {
    EXPECT_FALSE(
        judge(wire(kNeedsChecksum, kTypeTcp4, 3055, 1460, 34, 16), kTcp4Frame.build_partial()));
    EXPECT_FALSE(judge(wire(0, 0, 9, 0, 0, 0), "anything"));
}

TEST(OffloadFromWireTest, HeadersThatAreCutShortAreNotCutFurther) {
    for (const Frame& frame : {kTcp4Frame, kTcp6Frame, kUdp4Frame}) {
        const std::string whole = frame.build_partial();
        const auto start = static_cast<unsigned>(frame.transport_start());
        const unsigned type = !frame.tcp ? kTypeUdp : frame.ipv6 ? kTypeTcp6 : kTypeTcp4;
        const auto header = wire(kNeedsChecksum, type, 0, 1000, start, frame.tcp ? 16 : 6);
        for (std::size_t length = 0; length < frame.header_length(); ++length)
            ASSERT_FALSE(judge(header, whole.substr(0, length))) << length;
        EXPECT_TRUE(judge(header, whole.substr(0, frame.header_length())));
    }
}

TEST(OffloadFromWireTest, ThePacketIsOfTheKindThatIsNamed) {
    for (const Frame& frame : {kTcp4Frame, kTcp6Frame, kUdp4Frame})
        for (const unsigned type : {kTypeTcp4, kTypeTcp6, kTypeUdp}) {
            const bool same =
                frame.tcp ? type == (frame.ipv6 ? kTypeTcp6 : kTypeTcp4) : type == kTypeUdp;
            const auto start = static_cast<unsigned>(frame.transport_start());
            EXPECT_EQ(judge(wire(kNeedsChecksum, type, 0, 1000, start, frame.tcp ? 16 : 6),
                            frame.build_partial())
                          .has_value(),
                      same);
        }
}

TEST(OffloadFromWireTest, UnknownKindsAndFlagsAreRefused) {
    const std::string frame = kTcp4Frame.build_partial();
    for (const unsigned type : {kTypeUfo, kTypeEcn, 2U, 6U, 0x21U, 0x41U})
        EXPECT_FALSE(judge(wire(kNeedsChecksum, type, 54, 1000, 34, 16), frame)) << type;
    for (unsigned flags = 4; flags < 256; flags *= 2)
        EXPECT_FALSE(judge(wire(flags, 0, 0, 0, 0, 0), frame)) << flags;
}

TEST(OffloadFromWireTest, OnlyTcpReducesCongestion) {
    Frame frame = kTcp4Frame;
    frame.flags |= 0x80;
    const auto tcp = judge(frame.wire(1000), frame.build_partial());
    ASSERT_TRUE(tcp);
    EXPECT_TRUE(tcp->congestion_reduced);
    EXPECT_FALSE(judge(wire(kNeedsChecksum, kTypeUdp | kTypeEcn, 42, 1000, 34, 6),
                       kUdp4Frame.build_partial()));
}

TEST(OffloadFromWireTest, TheChecksumIsTheTransportHeaders) {
    const std::string frame = kTcp4Frame.build_partial();
    EXPECT_FALSE(judge(wire(kNeedsChecksum, kTypeTcp4, 54, 1000, 33, 16), frame));
    EXPECT_FALSE(judge(wire(kNeedsChecksum, kTypeTcp4, 54, 1000, 35, 16), frame));
    EXPECT_FALSE(judge(wire(kNeedsChecksum, kTypeTcp4, 54, 1000, 34, 6), frame));
}

TEST(OffloadFromWireTest, SegmentsHaveAPayload) {
    EXPECT_FALSE(judge(wire(kNeedsChecksum, kTypeTcp4, 54, 0, 34, 16), kTcp4Frame.build_partial()));
}

TEST(OffloadFromWireTest, ThereAreNotTooManySegments) {
    const Frame frame{.payload = pattern(2 * Offload::kSegmentsMax)};
    EXPECT_TRUE(judge(frame.wire(2), frame.build_partial()));
    EXPECT_FALSE(judge(frame.wire(1), frame.build_partial()));
}

TEST(OffloadFromWireTest, HeadersAreNotTooLong) {
    const Frame::Extension longest{60, pattern(256 - 2)};
    const Frame once{.ipv6 = true, .extensions = {longest}, .payload = pattern(3000)};
    const Frame twice{.ipv6 = true, .extensions = {longest, longest}, .payload = pattern(3000)};
    EXPECT_TRUE(judge(once.wire(1000), once.build_partial()));
    EXPECT_FALSE(judge(twice.wire(1000), twice.build_partial()));
}

TEST(OffloadFromWireTest, FragmentsAreNotCut) {
    constexpr std::size_t kFragment = 14 + 6;
    const std::string more_follow("\x20\x00", 2), second("\x00\x01", 2), last("\x1f\xff", 2);
    for (const std::string& flags : {more_follow, second, last}) {
        std::string frame = kTcp4Frame.build_partial();
        frame.replace(kFragment, 2, flags);
        EXPECT_FALSE(judge(kTcp4Frame.wire(1000), frame));
    }
    const Frame fragmented{
        .ipv6 = true, .extensions = {{44, pattern(6)}}, .payload = pattern(3000)};
    EXPECT_FALSE(judge(fragmented.wire(1000), fragmented.build_partial()));
}

TEST(OffloadFromWireTest, VersionsAndHeaderLengthsAreWhatTheySay) {
    const auto with = [](std::size_t at, char byte) {
        std::string frame = kTcp4Frame.build_partial();
        frame[at] = byte;
        return judge(kTcp4Frame.wire(1000), frame).has_value();
    };
    EXPECT_TRUE(with(14, 0x45));
    EXPECT_FALSE(with(14, 0x65)) << "IP version";
    EXPECT_FALSE(with(14, 0x44)) << "IP header shorter than it can be";
    EXPECT_FALSE(with(14, 0x46)) << "IP header longer than the checksum's start says";
    EXPECT_FALSE(with(34 + 12, 0x40)) << "TCP header shorter than it can be";
    EXPECT_TRUE(with(34 + 12, 0x50));
}

// Its pseudo header needs the last destination, which nobody knows without having looked.
TEST(OffloadFromWireTest, AWholeChecksumBehindARoutingHeaderIsNotMadePartial) {
    Frame frame{.ipv6 = true,
                .extensions = {{43, std::string("\x02\x01\0\0\0\0", 6) + pattern(16)}},
                .payload = pattern(3000)};
    EXPECT_FALSE(judge(wire(0, kTypeTcp6, 0, 1000, 0, 0), frame.build()));
    frame.extensions[0].content[1] = 0;  // no segment left
    EXPECT_TRUE(judge(wire(0, kTypeTcp6, 0, 1000, 0, 0), frame.build()));
}

TEST(OffloadToWireTest, IsWhatWasTaken) {
    Frame reduced = kTcp4Frame;
    reduced.flags |= 0x80;
    for (const Frame& frame : {kTcp4Frame, kTcp6Frame, kUdp4Frame, reduced}) {
        const auto header = frame.wire(1000);
        const auto offload = judge(header, frame.build_partial());
        ASSERT_TRUE(offload);
        EXPECT_EQ(offload->to_wire(), header);
    }
    EXPECT_EQ(Offload{}.to_wire(), Offload::Wire{});
    EXPECT_EQ(Offload{.checksum_verified = true}.to_wire(), wire(kDataValid, 0, 0, 0, 0, 0));
    EXPECT_EQ(kChecksum.to_wire(), wire(kNeedsChecksum, 0, 0, 0, 34, 16));
}

}  // namespace
}  // namespace ipn::core
