// Offload: what is left to do before a packet is an ordinary frame.
#include "core/offload.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ipn::core
