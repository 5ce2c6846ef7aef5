// Option retain: the last packets are given first to a reader that joins.
#include <gtest/gtest.h>

#include <string>

#include "policy_world.h"
#include "world.h"

namespace ipn::test {
namespace {

class RetainTest : public CoreTest {
  protected:
    explicit RetainTest(const core::Registry::Limits& limits = {}) : CoreTest(limits) {}
    void TearDown() override {
        if (lab_exists()) set("retain", "0");  // the fixture expects that no memory is charged
        CoreTest::TearDown();
    }
    std::size_t charged() { return world.registry.memory().used(core::Memory::Purpose::retained); }
};

TEST_F(RetainTest, AReaderThatJoinsGetsTheLastPacketsFirst) {
    set("retain", "2");
    TestEndpoint& from = writer();
    for (const char* packet : {"1", "2", "3"}) from.write(packet);
    TestEndpoint& late = reader();
    from.write("4");
    EXPECT_EQ(late.read_all(), "2 3 4");
    EXPECT_EQ(reader().read_all(), "3 4");
}

TEST_F(RetainTest, WhoWasThereGetsThemOnce) {
    set("retain", "2");
    TestEndpoint &early = reader(), &from = writer();
    from.write("1");
    reader();
    EXPECT_EQ(early.read_all(), "1");
}

TEST_F(RetainTest, AWriterIsGivenNothing) {
    set("retain", "2");
    TestEndpoint& from = writer();
    from.write("1");
    EXPECT_EQ(writer().read(), kEndOfFile);
}

TEST_F(RetainTest, TheySayWhoSentThemEvenToTheNextOnThatPort) {
    set("retain", "1");
    TestEndpoint& from = world.join(lab(), Role::writer, 5);
    from.write("1");
    from.leave();
    TestEndpoint& next = world.join(lab(), Role::reader, 5);
    EXPECT_EQ(next.read(), "1");
    EXPECT_EQ(next.node().last_from(), 5U);
}

TEST_F(RetainTest, WithLessToRetainTheOldestGo) {
    set("retain", "3");
    TestEndpoint& from = writer();
    for (const char* packet : {"1", "2", "3"}) from.write(packet);
    set("retain", "1");
    EXPECT_EQ(reader().read_all(), "3");
    set("retain", "0");
    EXPECT_EQ(reader().read(), kNothing);
    EXPECT_EQ(charged(), 0U);
}

TEST_F(RetainTest, TheyHoldNoLosslessNetworkUp) {
    set("lossless", "1");
    set("msgpoolsize", "2");
    set("retain", "10");
    TestEndpoint& from = writer();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(from.write("x"), Send::done);
    TestEndpoint& late = reader();
    EXPECT_EQ(from.write("1"), Send::done);
    EXPECT_EQ(from.write("2"), Send::done);
    EXPECT_EQ(from.write("3"), Send::would_block);
    EXPECT_EQ(late.read_all(), "x x x x x x x x x x 1 2");
}

TEST_F(RetainTest, WhoHasThemStillToReadIsCutAsAnyoneThatHoldsWritersUp) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    set("retain", "1");
    set("stall_timeout_ms", "100");
    TestEndpoint& from = writer();
    from.write("1");
    TestEndpoint& late = reader();
    from.write("2");
    from.start_write("3");
    EXPECT_EQ(lab().slowest_port(), late.number());
    world.advance(std::chrono::milliseconds(100));
    EXPECT_EQ(late.read(), kReset);
    EXPECT_EQ(lab().slowest_port(), std::nullopt);
}

TEST_F(RetainTest, OnALossyOneNoMoreThanAQueueHolds) {
    set("msgpoolsize", "2");
    set("retain", "10");
    TestEndpoint& from = writer();
    for (const char* packet : {"1", "2", "3"}) from.write(packet);
    TestEndpoint& late = reader();
    EXPECT_EQ(late.read_all(), "2 3");
    EXPECT_EQ(late.counters().dropped, 0U);
}

TEST_F(RetainTest, OtherRulesForgetThem) {
    set("retain", "2");
    {
        TestEndpoint& from = writer();
        from.write("longer than four bytes");
        from.leave();
    }
    set("mtu", "4");
    EXPECT_EQ(reader().read(), kNothing);
}

TEST_F(RetainTest, TheEndOfTheNetworkForgetsThem) {
    set("retain", "2");
    TestEndpoint& from = writer();
    from.write("1");
    world.shut_down(lab());
    EXPECT_EQ(charged(), 0U);
}

class RetainMemoryTest : public RetainTest {
  protected:
    RetainMemoryTest() : RetainTest(limits(64 * 1024)) { set("retain", "1000"); }
};

TEST_F(RetainMemoryTest, TheyTakeAtMostTheirShareAndNoneOfThePackets) {
    TestEndpoint& from = writer();
    const std::string packet(1000, 'x');
    for (int i = 0; i < 100; ++i) EXPECT_EQ(from.write(packet), Send::done);
    EXPECT_LE(charged(), 64U * 1024 / 8);
    EXPECT_GT(charged(), 64U * 1024 / 16);
    EXPECT_EQ(from.write("the last"), Send::done);
    std::string all = reader().read_all();
    EXPECT_TRUE(all.ends_with("x the last")) << "the oldest have gone";
}

TEST_F(RetainMemoryTest, WhatIsTooLongForItIsNotRetained) {
    set("mtu", "20000");
    TestEndpoint& from = writer();
    EXPECT_EQ(from.write(std::string(20000, 'x')), Send::done);
    EXPECT_EQ(reader().read(), kNothing);
}

class RetainPolicyTest : public PolicyTest {};

TEST_F(RetainPolicyTest, OnlyWhatWentToEverybody) {
    set("retain", "5");
    TestEndpoint &to = reader(), &from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        policy.host.send(port(sender, to.number()), msg, depth);
        return 0;
    };
    from.write("for one");
    EXPECT_EQ(to.read(), "for one");
    EXPECT_EQ(reader().read(), kNothing);
    set("retain", "0");
}

}  // namespace
}  // namespace ipn::test
