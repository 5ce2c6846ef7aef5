// PortSet: which port numbers are taken, and which is the lowest that is not.
#include "core/port_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace ipn::core {
namespace {

TEST(PortSetTest, IsEmptyAtFirst) {
    const PortSet ports;
    EXPECT_EQ(ports.lowest_free(), 0U);
    EXPECT_EQ(ports.end(), 0U);
    EXPECT_FALSE(ports.contains(0));
    EXPECT_FALSE(ports.contains(65535));
}

TEST(PortSetTest, FindsTheLowestFreeNumber) {
    PortSet ports;
    for (const std::uint32_t number : {0U, 1U, 3U}) ports.insert(number);
    EXPECT_EQ(ports.lowest_free(), 2U);
    ports.insert(2);
    EXPECT_EQ(ports.lowest_free(), 4U);
    ports.erase(1);
    EXPECT_EQ(ports.lowest_free(), 1U);
}

TEST(PortSetTest, KnowsItsEnd) {
    PortSet ports;
    ports.insert(700);
    ports.insert(3);
    EXPECT_EQ(ports.end(), 701U);
    ports.erase(700);
    EXPECT_EQ(ports.end(), 4U);
    ports.erase(3);
    EXPECT_EQ(ports.end(), 0U);
}

TEST(PortSetTest, HoldsEveryNumber) {
    PortSet ports;
    for (std::uint32_t number = 0; number < PortSet::kSize; ++number) {
        ASSERT_EQ(ports.lowest_free(), number);
        ports.insert(number);
    }
    EXPECT_EQ(ports.lowest_free(), PortSet::kSize);
    EXPECT_EQ(ports.end(), PortSet::kSize);
    ports.erase(40000);
    EXPECT_EQ(ports.lowest_free(), 40000U);
}

TEST(PortSetTest, AgreesWithAPlainSet) {
    PortSet ports;
    std::set<std::uint32_t> plain;
    std::mt19937 random(1);
    for (int step = 0; step < 20'000; ++step) {
        // Crowded below 200, so that whole words fill and empty; now and then far above.
        const auto number =
            static_cast<std::uint32_t>(random() % (step % 10 == 0 ? PortSet::kSize : 200));
        if (plain.insert(number).second) {
            ports.insert(number);
        } else {
            plain.erase(number);
            ports.erase(number);
        }
        std::uint32_t lowest = 0;
        while (plain.count(lowest) != 0) ++lowest;
        ASSERT_EQ(ports.lowest_free(), lowest);
        ASSERT_EQ(ports.end(), plain.empty() ? 0 : *plain.rbegin() + 1);
        ASSERT_EQ(ports.contains(number), plain.count(number) != 0);
    }
}

TEST(PortSetDeathTest, TakingTwiceOrReleasingWhatIsFreeIsAMistake) {
    PortSet ports;
    ports.insert(5);
    EXPECT_DEATH(ports.insert(5), "check failed");
    EXPECT_DEATH(ports.erase(6), "check failed");
}

}  // namespace
}  // namespace ipn::core
