// pcapng: blocks, byte for byte where it matters, and what a parser makes of them.
#include "fs/pcapng.h"

#include <gtest/gtest.h>

#include <string>

#include "capture_file.h"

namespace ipn::test {
namespace {

namespace pcapng = fs::pcapng;

std::string beginning() {
    return pcapng::section_header("ipnfs 9") +
           pcapng::interface_description(
               {.name = "lan", .linktype = 147, .snaplen = 96, .filter = "icmp"});
}

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(PcapngTest, ASectionAndItsInterface) {
    const CaptureFile file(beginning());
    EXPECT_EQ(file.application, "ipnfs 9");
    EXPECT_EQ(file.name, "lan");
    EXPECT_EQ(file.linktype, 147);
    EXPECT_EQ(file.snaplen, 96U);
    EXPECT_EQ(file.filter, std::string_view("\0icmp", 5));
}

TEST(PcapngTest, AFilterThatThereIsNotIsNotNamed) {
    const std::string with = pcapng::interface_description({"lan", 1, 96, "ip"});
    const std::string without = pcapng::interface_description({"lan", 1, 96, ""});
    EXPECT_EQ(with.size(), without.size() + 8);
}

TEST(PcapngTest, AFilterIsNamedHoweverShortItIs) {
    const CaptureFile file(pcapng::section_header("ipnfs") +
                           pcapng::interface_description({"lan", 1, 96, "1"}));
    EXPECT_EQ(file.filter, std::string(1, '\0') + "1");
}

TEST(PcapngTest, PacketsOfEveryLengthArePadded) {
    for (std::size_t length = 1; length <= 9; ++length) {
        const std::string data(length, 'x'), comment(length, 'c');
        const CaptureFile file(beginning() + pcapng::enhanced_packet(
                                                 {0x123456789abcdef0, bytes(data), 1500, comment}));
        ASSERT_EQ(file.packets.size(), 1U);
        EXPECT_EQ(file.packets[0].data, data);
        EXPECT_EQ(file.packets[0].comment, comment);
        EXPECT_EQ(file.packets[0].length, 1500U);
        EXPECT_EQ(file.packets[0].time_ns, 0x123456789abcdef0U);
    }
}

TEST(PcapngTest, ACommentThatIsTooLongIsCut) {
    const CaptureFile file(beginning() +
                           pcapng::enhanced_packet({1, {}, 7, std::string(70'000, 'c')}));
    EXPECT_EQ(file.packets.at(0).comment, std::string(65'535, 'c'));
}

TEST(PcapngTest, Statistics) {
    const CaptureFile file(
        beginning() + pcapng::interface_statistics(
                          {.start_ns = 1, .time_ns = 2, .seen = 30, .accepted = 20, .lost = 10}));
    ASSERT_EQ(file.statistics.size(), 1U);
    EXPECT_EQ(file.statistics[0].seen, 30U);
    EXPECT_EQ(file.statistics[0].accepted, 20U);
    EXPECT_EQ(file.statistics[0].lost, 10U);
}

}  // namespace
}  // namespace ipn::test
