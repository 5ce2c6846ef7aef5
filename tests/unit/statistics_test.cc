// What is counted of a network and its nodes.
#include "core/statistics.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "policy_world.h"
#include "world.h"

namespace ipn::test {
namespace {

using std::chrono::milliseconds;
using Numbers = std::map<std::string, std::uint64_t>;

Numbers numbers(const std::vector<core::Statistic>& list) {
    Numbers numbers;
    for (const core::Statistic& each : list) {
        EXPECT_FALSE(numbers.contains(each.name)) << each.name;
        numbers[each.name] = each.value;
    }
    return numbers;
}

class StatisticsTest : public CoreTest {
  protected:
    Numbers of_lab() {
        const core::AssumeLoop here;
        return numbers(core::statistics_of(lab()));
    }
    std::uint64_t of_lab(const std::string& name) { return of_lab().at(name); }
    static Numbers of(const TestEndpoint& endpoint) {
        return numbers(core::statistics_of(endpoint.node()));
    }
};

TEST_F(StatisticsTest, WhatIsSentIsCountedOnceAndWhatIsReceivedForEachReader) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    from.write("four");
    from.write("1");
    first.read_all();
    second.read();
    EXPECT_EQ(of_lab("packets_in"), 2U);
    EXPECT_EQ(of_lab("bytes_in"), 5U);
    EXPECT_EQ(of_lab("packets_out"), 3U);
    EXPECT_EQ(of_lab("bytes_out"), 9U);
    EXPECT_EQ(
        of(first),
        (Numbers{{"received", 2}, {"sent", 0}, {"dropped", 0}, {"truncated", 0}, {"queued", 0}}));
    EXPECT_EQ(of(second).at("queued"), 1U);
    EXPECT_EQ(of(from).at("sent"), 2U);
}

TEST_F(StatisticsTest, APacketReadInPiecesIsCountedOnce) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("12345");
    to.read(2);
    to.read(2);
    to.read(2);
    EXPECT_EQ(of_lab("packets_out"), 1U);
    EXPECT_EQ(of_lab("bytes_out"), 5U);
}

TEST_F(StatisticsTest, WhoHasLeftStaysCounted) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("1");
    to.read();
    to.leave();
    from.leave();
    EXPECT_EQ(of_lab("packets_in"), 1U);
    EXPECT_EQ(of_lab("packets_out"), 1U);
    EXPECT_EQ(of_lab("nodes"), 0U);
}

TEST_F(StatisticsTest, DropsAreCountedForEachReaderThatLost) {
    set("msgpoolsize", "1");
    reader();
    reader();
    TestEndpoint& from = writer();
    for (int i = 0; i < 3; ++i) from.write("x");
    EXPECT_EQ(of_lab("dropped"), 4U);
}

TEST_F(StatisticsTest, TruncatedPacketsAreCounted) {
    set("short_read", "truncate");
    TestEndpoint &to = reader(), &from = writer();
    from.write("12345");
    to.read(2);
    EXPECT_EQ(of_lab("truncated"), 1U);
}

TEST_F(StatisticsTest, ThePoolIsWhatWaitsAndItsPeakStays) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("1");
    from.write("22");
    from.write("333");
    to.read();
    EXPECT_EQ(of_lab("pool_packets"), 2U);
    EXPECT_EQ(of_lab("pool_bytes"), 5U);
    EXPECT_EQ(of_lab("pool_packets_peak"), 3U);
    to.read_all();
    EXPECT_EQ(of_lab("pool_packets"), 0U);
    EXPECT_EQ(of_lab("pool_bytes"), 0U);
    EXPECT_EQ(of_lab("pool_packets_peak"), 3U);
}

TEST_F(StatisticsTest, BlockedIsTheTimeInWhichSomebodyWaits) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer(), &other = writer();
    from.write("1");
    world.advance(milliseconds(5));
    EXPECT_EQ(of_lab("blocked_ns"), 0U);
    from.start_write("2");
    world.advance(milliseconds(3));
    EXPECT_EQ(of_lab("blocked_ns"), 3'000'000U) << "while it lasts";
    other.start_write("3");
    world.advance(milliseconds(4));
    to.read();
    world.run_work();  // 3 still waits
    world.advance(milliseconds(1));
    to.read();
    world.run_work();
    world.advance(milliseconds(100));
    EXPECT_EQ(of_lab("blocked_ns"), 8'000'000U);
}

TEST_F(StatisticsTest, AWriteThatIsInterruptedIsBlockedNoMore) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    reader();
    TestEndpoint& from = writer();
    from.write("1");
    Write& waiting = from.start_write("2");
    world.advance(milliseconds(3));
    from.interrupt(waiting);
    world.advance(milliseconds(100));
    EXPECT_EQ(of_lab("blocked_ns"), 3'000'000U);
}

TEST_F(StatisticsTest, TimesOfBeingBlockedAddUp) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    reader();
    TestEndpoint& from = writer();
    from.write("1");
    for (const int time : {3, 4}) {
        Write& waiting = from.start_write("2");
        world.advance(milliseconds(time));
        from.interrupt(waiting);
        world.advance(milliseconds(100));
    }
    EXPECT_EQ(of_lab("blocked_ns"), 7'000'000U);
}

TEST_F(StatisticsTest, TheSlowestPortHasTheOldestPacket) {
    set("lossless", "1");
    TestEndpoint &fast = reader(), &slow = reader(), &from = writer();
    EXPECT_FALSE(of_lab().contains("slowest_port"));
    from.write("1");
    fast.read();
    EXPECT_EQ(of_lab("slowest_port"), slow.number());
    slow.read();
    EXPECT_FALSE(of_lab().contains("slowest_port"));
}

TEST_F(StatisticsTest, OnALossyNetworkNobodyHoldsItUp) {
    reader();
    writer().write("1");
    EXPECT_FALSE(of_lab().contains("slowest_port"));
}

class PolicyStatisticsTest : public PolicyTest {
  protected:
    Numbers of_lab() {
        const core::AssumeLoop here;
        return numbers(core::statistics_of(lab()));
    }
};

TEST_F(PolicyStatisticsTest, ThePolicysOwnStandBehind) {
    EXPECT_EQ(of_lab().at("full.handled"), 0U);
}

TEST_F(PolicyStatisticsTest, WhatIsTooShortIsCounted) {
    TestEndpoint& from = writer();
    from.write("1");
    EXPECT_EQ(of_lab().at("too_short"), 1U);
    EXPECT_EQ(of_lab().at("packets_in"), 0U);
}

TEST_F(PolicyStatisticsTest, WhatIsInjectedTooOftenIsCounted) {
    TestEndpoint& from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        policy.host.inject(sender, msg, depth);
        return 0;
    };
    from.write("round and round");
    EXPECT_EQ(of_lab().at("hops_exceeded"), 1U);
}

TEST_F(StatisticsTest, RolesAreCounted) {
    reader();
    both();
    writer();
    EXPECT_EQ(of_lab("readers"), 2U);
    EXPECT_EQ(of_lab("writers"), 2U);
    EXPECT_EQ(of_lab("nodes"), 3U);
}

}  // namespace
}  // namespace ipn::test
