// Checksum: the Internet's.
#include "core/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "bytes.h"

namespace ipn::core {
namespace {

std::uint16_t sum_of(std::span<const std::byte> bytes) {
    Checksum checksum;
    checksum.add(bytes);
    return checksum.sum();
}

// Byte by byte, in network order.
std::uint16_t naive_sum_of(std::span<const std::byte> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return to_network(sum);
}

TEST(ChecksumTest, TheExampleOfTheStandard) {
    const std::string_view bytes("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8);
    EXPECT_EQ(sum_of(test::bytes(bytes)), to_network(0xddf2));
}

TEST(ChecksumTest, NothingIsZero) {
    EXPECT_EQ(sum_of({}), 0);
}

TEST(ChecksumTest, AnOddByteIsTheFirstOfItsWord) {
    EXPECT_EQ(sum_of(test::bytes("\x12")), to_network(0x1200));
}

TEST(ChecksumTest, CarriesComeAroundHoweverManyThereAre) {
    const std::string bytes(65536, '\xff');
    for (std::size_t length = 2; length <= bytes.size(); length *= 2)
        EXPECT_EQ(sum_of(test::bytes(bytes).first(length)), 0xffff) << length;
}

TEST(ChecksumTest, SubtractingUndoesAdding) {
    Checksum checksum;
    checksum.add(test::bytes("\x12\x34\x56\x78"));
    const std::uint16_t before = checksum.sum();
    checksum.add(0xabcd);
    checksum.subtract(0xabcd);
    EXPECT_EQ(checksum.sum(), before);
}

TEST(ChecksumTest, EveryLengthAtEveryAlignmentIsWhatAddingByteByByteGives) {
    std::mt19937 random(1);
    std::vector<std::byte> bytes(400);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    for (std::size_t start = 0; start < 16; ++start)
        for (std::size_t length = 0; start + length <= bytes.size(); ++length) {
            const auto part = std::span<const std::byte>(bytes).subspan(start, length);
            ASSERT_EQ(sum_of(part), naive_sum_of(part)) << start << " " << length;
        }
}

TEST(ChecksumTest, CopyingAddsWhatItCopiesAndWritesNothingElse) {
    std::mt19937 random(2);
    std::vector<std::byte> bytes(300);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        const auto part = std::span<const std::byte>(bytes).first(length);
        std::vector<std::byte> copy(bytes.size(), std::byte{0x5a});
        Checksum checksum;
        checksum.copy(copy.data(), part);
        ASSERT_EQ(checksum.sum(), naive_sum_of(part)) << length;
        ASSERT_TRUE(std::equal(part.begin(), part.end(), copy.begin())) << length;
        for (std::size_t i = length; i < copy.size(); ++i) ASSERT_EQ(copy[i], std::byte{0x5a});
    }
}

}  // namespace
}  // namespace ipn::core
