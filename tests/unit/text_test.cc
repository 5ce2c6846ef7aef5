// is_text: what may be shown to people.
#include "core/text.h"

#include <gtest/gtest.h>

namespace ipn::core {
namespace {

using namespace std::string_view_literals;

TEST(TextTest, PlainWordsAreText) {
    EXPECT_TRUE(is_text(""));
    EXPECT_TRUE(is_text("port of the second machine"));
}

TEST(TextTest, EveryLengthOfUtf8IsText) {
    EXPECT_TRUE(is_text("\u00a0"));  // the first behind the control characters
    EXPECT_TRUE(is_text("\u07ff"));
    EXPECT_TRUE(is_text("\u0800"));
    EXPECT_TRUE(is_text("\ud7ff"));
    EXPECT_TRUE(is_text("\uffff"));
    EXPECT_TRUE(is_text("\U00010000"));
    EXPECT_TRUE(is_text("\U0010ffff"));
    EXPECT_TRUE(is_text("größer 中 🐦"));
}

TEST(TextTest, ControlCharactersAreNotText) {
    EXPECT_FALSE(is_text("a\nb"));
    EXPECT_FALSE(is_text("\x1b[31m"));
    EXPECT_FALSE(is_text("\0"sv));
    EXPECT_FALSE(is_text("\x7f"));
    EXPECT_FALSE(is_text("\xc2\x80"));
    EXPECT_FALSE(is_text("\xc2\x9f"));
}

TEST(TextTest, BrokenSequencesAreNotText) {
    EXPECT_FALSE(is_text("\xc3"));  // ends early
    EXPECT_FALSE(is_text("\xe2\x82"));
    EXPECT_FALSE(is_text("\xf0\x9f\x90"));
    EXPECT_FALSE(is_text("\x80"));   // a continuation without a beginning
    EXPECT_FALSE(is_text("\xc3("));  // no continuation
    EXPECT_FALSE(is_text("\xff"));
}

TEST(TextTest, OverlongSequencesAreNotText) {
    EXPECT_FALSE(is_text("\xc0\xaf"));
    EXPECT_FALSE(is_text("\xc1\xbf"));
    EXPECT_FALSE(is_text("\xe0\x9f\xbf"));
    EXPECT_FALSE(is_text("\xf0\x8f\xbf\xbf"));
}

TEST(TextTest, SurrogatesAndWhatIsBeyondUnicodeAreNotText) {
    EXPECT_FALSE(is_text("\xed\xa0\x80"));
    EXPECT_FALSE(is_text("\xed\xbf\xbf"));
    EXPECT_FALSE(is_text("\xf4\x90\x80\x80"));
    EXPECT_FALSE(is_text("\xf5\x80\x80\x80"));
}

}  // namespace
}  // namespace ipn::core
