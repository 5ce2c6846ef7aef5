// What is said about the rounds of one figure.
#include "report/distribution.h"

#include <gtest/gtest.h>

#include <cmath>

namespace bench {
namespace {

TEST(Distribution, IsOfTheRoundsThatWereMeasured) {
    const auto value = distribution_of({3, std::nan(""), 1, 2});
    ASSERT_TRUE(value);
    EXPECT_EQ(value->median, 2);
    EXPECT_EQ(value->min, 1);
    EXPECT_EQ(value->max, 3);
    EXPECT_FALSE(distribution_of({std::nan("")}));
}

TEST(Distribution, HasTwoModesWhereAGapIsWide) {
    const auto value = distribution_of({1.0, 2.1, 1.1, 2.0, 2.2});
    ASSERT_TRUE(value && value->modes);
    EXPECT_DOUBLE_EQ(value->modes->first, 1.05);
    EXPECT_DOUBLE_EQ(value->modes->second, 2.1);
}

TEST(Distribution, HasOneModeWhereOneRoundIsAlone) {
    EXPECT_FALSE(distribution_of({1.0, 2.0, 2.1, 2.2, 2.3})->modes);
    EXPECT_FALSE(distribution_of({1.0, 1.1, 1.3, 1.5, 1.7})->modes);
}

}  // namespace
}  // namespace bench
