// The connector's parts by themselves: packets taken apart, values of options, requests and
// replies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "genealogy.h"
#include "message.h"
#include "messages.h"
#include "subscription.h"

namespace ipn::connector {
namespace {

using namespace std::string_literals;
using test::bytes_of;
using test::message;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsNull;
using testing::Not;

std::vector<Message> parsed(const std::string& packet) {
    std::vector<Message> messages;
    EXPECT_THAT(parse_packet(bytes_of(packet), messages), IsNull());
    return messages;
}
std::string wrong(const std::string& packet) {
    std::vector<Message> messages;
    const char* words = parse_packet(bytes_of(packet), messages);
    return words == nullptr ? "" : words;
}

// ---- packets

TEST(ConnectorMessageTest, OneMessage) {
    EXPECT_THAT(parsed(message({3, 1}, "hi", 7, 9)), ElementsAre(Message{{3, 1}, 7, 9, 0, 2}));
    EXPECT_THAT(parsed(message({3, 1}, "")), ElementsAre(Message{{3, 1}, 0, 0, 0, 0}));
}

TEST(ConnectorMessageTest, SeveralAreAlignedToFourBytes) {
    const std::string packet =
        message({1, 1}, "12345") + "\0\0\0"s + message({2, 2}, "1234") + message({3, 3}, "x");
    EXPECT_THAT(parsed(packet),
                ElementsAre(Message{{1, 1}, 0, 0, 0, 5}, Message{{2, 2}, 0, 0, 28, 4},
                            Message{{3, 3}, 0, 0, 52, 1}));
}

TEST(ConnectorMessageTest, PaddingBehindTheLastIsOptional) {
    for (const std::string& padding : {""s, "\0"s, "\0\0"s, "\0\0\0"s})
        EXPECT_EQ(parsed(message({1, 1}, "1") + padding).size(), 1U) << padding.size();
    EXPECT_NE(wrong(message({1, 1}, "1") + "\0\0\0\0"s), "") << "that is the next one's header";
}

TEST(ConnectorMessageTest, HeadersThatAreCutShort) {
    const std::string whole = message({1, 1}, "1234");
    for (std::size_t length = 0; length < 20; ++length) {
        EXPECT_THAT(wrong(whole.substr(0, length)), HasSubstr("header of 20 bytes"));
        if (length == 0) continue;
        EXPECT_THAT(wrong(whole + whole.substr(0, length)), HasSubstr("header of 20 bytes"));
    }
}

TEST(ConnectorMessageTest, LengthsThatLie) {
    const std::string whole = message({1, 1}, "1234");
    for (std::size_t length = 20; length < 24; ++length) {
        EXPECT_THAT(wrong(whole.substr(0, length)), HasSubstr("more bytes than follow"));
        EXPECT_THAT(wrong(whole + whole.substr(0, length)), HasSubstr("more bytes than follow"));
    }
    EXPECT_NE(wrong(message({1, 1}, "12345678", 0, 0, 65535)), "");
    EXPECT_NE(wrong(message({1, 1}, "12345678", 0, 0, 3)), "") << "what follows is no message";
}

TEST(ConnectorMessageTest, AHeaderThatIsWrittenIsRead) {
    const Message written{{1, UINT32_MAX}, 3, 4, 0, 0};
    std::string header(kHeader, 'x');
    write_header(reinterpret_cast<unsigned char*>(header.data()), written);
    EXPECT_THAT(parsed(header), ElementsAre(written));
}

// ---- ranges

std::string ranges_wrong(const std::string& payload) {
    std::vector<Range> ranges;
    const char* words = parse_ranges(bytes_of(payload), ranges);
    return words == nullptr ? "" : words;
}

TEST(ConnectorMessageTest, RangesOfIds) {
    std::vector<Range> ranges;
    const std::string payload = test::numbers({1, 2, 3, 4, 5, 5, 0, UINT32_MAX});
    ASSERT_THAT(parse_ranges(bytes_of(payload), ranges), IsNull());
    ASSERT_EQ(ranges.size(), 2U);
    EXPECT_TRUE(ranges[0].has_idx(1) && ranges[0].has_idx(2) && ranges[0].has_val(4));
    EXPECT_FALSE(ranges[0].has_idx(3) || ranges[0].has_idx(0) || ranges[0].has_val(5) ||
                 ranges[0].has_val(2));
    EXPECT_TRUE(ranges[1].has_val(UINT32_MAX));
    EXPECT_EQ(ranges_wrong(""), "") << "all";
}

TEST(ConnectorMessageTest, RangesThatAreNone) {
    EXPECT_NE(ranges_wrong(test::numbers({1, 2, 3})), "");
    EXPECT_NE(ranges_wrong(test::numbers({2, 1, 3, 4})), "");
    EXPECT_NE(ranges_wrong(test::numbers({1, 2, 4, 3})), "");
    std::string many;
    for (std::size_t i = 0; i < kRangesMax; ++i) many += test::numbers({0, 1, 0, 1});
    EXPECT_EQ(ranges_wrong(many), "");
    EXPECT_NE(ranges_wrong(many + test::numbers({0, 1, 0, 1})), "");
}

// ---- values of options

std::string ids_wrong(std::string_view text) {
    std::vector<Subscription> ids;
    const char* words = parse_subscriptions(text, ids);
    return words == nullptr ? "" : words;
}

TEST(ConnectorSubscriptionTest, WhatIsTakenIsShownAsItWasWritten) {
    for (const std::string_view text :
         {"", "3:1", "3:1 4:any", "3:1=thermal", "0:0 4294967295:4294967295", "7:any=a.B-c_9"}) {
        std::vector<Subscription> ids;
        ASSERT_THAT(parse_subscriptions(text, ids), IsNull()) << text;
        EXPECT_EQ(format(ids), text);
    }
}

TEST(ConnectorSubscriptionTest, IdsThatAreNone) {
    for (const std::string_view text :
         {"3",       "3:",   ":1",     "3:1:2",     "3:-1",         "-1:3",         "+3:1",
          "03:1",    "3:01", "3:0x1",  "3:1,4:1",   "4294967296:1", "1:4294967296", "any:1",
          "any:any", "any",  "3:Any",  "3:any:any", "a:b",          "3:1=",         "3:1=a=b",
          "3:1=a\n", "=a",   "3:1=a/b"})
        EXPECT_NE(ids_wrong(text), "") << text;
    EXPECT_EQ(ids_wrong("3:1=" + std::string(31, 'n')), "");
    EXPECT_NE(ids_wrong("3:1=" + std::string(32, 'n')), "");
}

TEST(ConnectorSubscriptionTest, OneBlankBetweenIds) {
    for (const std::string_view text : {" ", " 3:1", "3:1 ", "3:1  4:1", "3:1\t4:1"})
        EXPECT_NE(ids_wrong(text), "") << text;
}

TEST(ConnectorSubscriptionTest, IdsThatOverlap) {
    for (const std::string_view text :
         {"3:1 3:1", "3:1 4:1 3:1=name", "3:1 3:any", "3:any 3:4294967295", "3:any 3:any"})
        EXPECT_THAT(ids_wrong(text), HasSubstr("overlap")) << text;
    EXPECT_EQ(ids_wrong("3:any 4:any 5:1 5:2 1:3"), "");
}

TEST(ConnectorSubscriptionTest, SoManyIdsAndNoMore) {
    std::string text;
    for (std::size_t i = 0; i < kIdsMax; ++i)
        text += (i > 0 ? " " : "") + format(Id{1, static_cast<std::uint32_t>(i)});
    EXPECT_EQ(ids_wrong(text), "");
    EXPECT_THAT(ids_wrong(text + " 2:1"), HasSubstr("at most 1024"));
}

TEST(ConnectorSubscriptionTest, Destinations) {
    for (const std::string_view text : {"", "port:0", "port:7", "group:4294967295"}) {
        const auto to = parse_destination(text);
        ASSERT_TRUE(to) << text;
        EXPECT_EQ(format(*to), text);
    }
    for (const std::string_view text :
         {"port", "port:", "port:-1", "port:01", "port:1 ", "ports:1", "group:4294967296", "7"})
        EXPECT_FALSE(parse_destination(text)) << text;
}

// ---- requests and replies

class ConnectorGenealogyTest : public testing::Test {
  protected:
    void note(std::uint32_t from, std::uint32_t seq, std::uint32_t ack,
              const std::set<std::uint32_t>& reached = {1, 2, 3, 4}) {
        genealogy.note(from, {{3, 1}, seq, ack, 0, 0},
                       [&](std::uint32_t port) { return reached.contains(port); });
    }
    std::vector<std::uint32_t> pending(std::uint32_t port) {
        std::vector<std::uint32_t> seqs;
        if (const auto* requests = genealogy.requests(port))
            for (const Request& each : *requests) seqs.push_back(each.seq);
        return seqs;
    }
    Genealogy genealogy;
};

TEST_F(ConnectorGenealogyTest, AReplyHasTheSeqAskedAndAckPlusOne) {
    note(1, 10, 5);
    EXPECT_THAT(pending(1), ElementsAre(10));
    note(2, 10, 6);
    EXPECT_THAT(pending(1), IsEmpty());
    EXPECT_THAT(pending(2), IsEmpty()) << "a reply is no request";
    EXPECT_EQ(genealogy.pending(), 0U);
}

TEST_F(ConnectorGenealogyTest, WhatIsNoReplyIsARequest) {
    note(1, 10, 5);
    note(2, 10, 5);
    note(2, 10, 7);
    note(2, 11, 6);
    EXPECT_THAT(pending(1), ElementsAre(10));
    EXPECT_THAT(pending(2), ElementsAre(10, 10, 11));
}

TEST_F(ConnectorGenealogyTest, AReplyThatDoesNotReachWhoAskedIsNone) {
    note(1, 10, 5);
    note(2, 10, 6, {3, 4});
    EXPECT_THAT(pending(1), ElementsAre(10));
}

TEST_F(ConnectorGenealogyTest, AckCountsRound) {
    note(1, 10, UINT32_MAX);
    note(2, 10, 0);
    EXPECT_EQ(genealogy.pending(), 0U);
}

TEST_F(ConnectorGenealogyTest, TheSameRequestTwiceIsOne) {
    note(1, 10, 5);
    note(1, 10, 5);
    EXPECT_THAT(pending(1), ElementsAre(10));
    EXPECT_EQ(genealogy.pending(), 1U);
}

TEST_F(ConnectorGenealogyTest, TheOldestAreForgottenOfThatPortOnly) {
    note(1, 1, 0);
    for (std::uint32_t seq = 1; seq <= Genealogy::kRequestsMax + 2; ++seq) note(2, seq, 0);
    EXPECT_THAT(pending(1), ElementsAre(1));
    EXPECT_EQ(pending(2).size(), Genealogy::kRequestsMax);
    EXPECT_EQ(pending(2).front(), 3U);
    EXPECT_EQ(genealogy.forgotten(), 2U);
    note(3, 1, 1);
    EXPECT_THAT(pending(1), IsEmpty());
    EXPECT_THAT(pending(3), IsEmpty());
}

TEST_F(ConnectorGenealogyTest, WhoLeavesWaitsForNothing) {
    note(1, 10, 5);
    note(2, 10, 5);
    genealogy.forget(1);
    genealogy.forget(4);
    EXPECT_EQ(genealogy.requests(1), nullptr);
    EXPECT_EQ(genealogy.pending(), 1U);
    note(3, 10, 6);
    EXPECT_EQ(genealogy.pending(), 0U);
}

}  // namespace
}  // namespace ipn::connector
