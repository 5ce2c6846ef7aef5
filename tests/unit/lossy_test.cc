// Sending on a lossy network: who receives, in which order, and who loses what.
#include <gtest/gtest.h>

#include <string>

#include "world.h"

namespace ipn::test {
namespace {

class LossyTest : public CoreTest {
  protected:
    void fill(TestEndpoint& from, int packets) {
        for (int i = 0; i < packets; ++i) ASSERT_EQ(from.write(std::to_string(i)), Send::done);
    }
};

TEST_F(LossyTest, EveryReaderReceivesWhatAWriterSends) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    EXPECT_EQ(from.write("hello, everybody"), Send::done);
    EXPECT_EQ(first.read(), "hello, everybody");
    EXPECT_EQ(second.read(), "hello, everybody");
    EXPECT_EQ(first.read(), kNothing);
}

TEST_F(LossyTest, NobodyReceivesHisOwnPackets) {
    TestEndpoint &alice = both(), &bob = both();
    alice.write("from alice");
    bob.write("from bob");
    EXPECT_EQ(alice.read(), "from bob");
    EXPECT_EQ(alice.read(), kNothing);
    EXPECT_EQ(bob.read(), "from alice");
    EXPECT_EQ(bob.read(), kNothing);
}

TEST_F(LossyTest, AllSeePacketsInOneOrder) {
    TestEndpoint &first = reader(), &alice = writer(), &second = reader(), &bob = writer();
    alice.write("a1");
    bob.write("b1");
    alice.write("a2");
    EXPECT_EQ(first.read_all(), "a1 b1 a2");
    EXPECT_EQ(second.read_all(), "a1 b1 a2");
}

TEST_F(LossyTest, WhatWasSentBeforeOneJoinedIsNotReceived) {
    TestEndpoint& from = writer();
    from.write("early");
    TestEndpoint& late = reader();
    from.write("later");
    EXPECT_EQ(late.read_all(), "later");
}

TEST_F(LossyTest, ReadersMayLeaveInAnyOrder) {
    TestEndpoint &first = reader(), &second = reader(), &third = reader(), &fourth = reader();
    TestEndpoint& from = writer();
    first.leave();
    fourth.leave();
    from.write("1");
    second.leave();
    from.write("2");
    EXPECT_EQ(third.read_all(), "1 2");
    third.leave();
    EXPECT_EQ(lab().readers(), 0U);
}

TEST_F(LossyTest, SendingToNobodySucceedsAndKeepsNothing) {
    EXPECT_EQ(writer().write("anybody there?"), Send::done);
    EXPECT_EQ(world.registry.memory().used(), 0U);
}

TEST_F(LossyTest, OneReadReceivesOnePacketHoweverLargeTheBuffer) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("one");
    from.write("two");
    EXPECT_EQ(to.read(65536), "one");
    EXPECT_EQ(to.read(65536), "two");
}

TEST_F(LossyTest, AReaderKnowsWhoSentThePacket) {
    TestEndpoint &to = reader(), &first = writer(), &second = writer();
    EXPECT_EQ(to.node().last_from(), core::Node::kNobody);
    second.write("x");
    first.write("y");
    to.read();
    EXPECT_EQ(to.node().last_from(), second.number());
    to.read();
    EXPECT_EQ(to.node().last_from(), first.number());
}

TEST_F(LossyTest, APacketAsLongAsTheMtuIsTheLongest) {
    set("mtu", "10");
    TestEndpoint &to = reader(), &from = writer();
    EXPECT_EQ(from.write("0123456789"), Send::done);
    EXPECT_EQ(from.write("0123456789x"), Send::too_long);
    EXPECT_EQ(to.read_all(), "0123456789");
}

TEST_F(LossyTest, ASlowReaderLosesTheNewestAndNobodyElseNotices) {
    set("msgpoolsize", "3");
    TestEndpoint &slow = reader(), &fast = reader(), &from = writer();
    for (const char* packet : {"1", "2", "3", "4", "5"}) {
        EXPECT_EQ(from.write(packet), Send::done);
        EXPECT_EQ(fast.read(), packet);
    }
    EXPECT_EQ(slow.read_all(), "1 2 3");
    EXPECT_EQ(slow.counters().dropped, 2U);
    EXPECT_EQ(fast.counters().dropped, 0U);
}

TEST_F(LossyTest, AReaderThatReadsAgainReceivesAgain) {
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    fill(from, 2);
    EXPECT_EQ(to.read(), "0");
    from.write("new");
    EXPECT_EQ(to.read(), "new");
}

TEST_F(LossyTest, CountsWhatWasSentAndReceived) {
    TestEndpoint &to = reader(), &from = writer();
    fill(from, 3);
    to.read();
    EXPECT_EQ(from.counters().sent, 3U);
    EXPECT_EQ(from.counters().received, 0U);
    EXPECT_EQ(to.counters().received, 1U);
    EXPECT_EQ(to.counters().sent, 0U);
}

TEST_F(LossyTest, TheNetworkKnowsWhenTheLastPacketCame) {
    TestEndpoint& from = writer();
    world.clock.advance(std::chrono::seconds(5));
    from.write("x");
    EXPECT_EQ(lab().last_packet(), world.clock.wall());
    EXPECT_EQ(lab().last_packet() - lab().created(), std::chrono::seconds(5));
}

TEST_F(LossyTest, APacketIsHeldOnceForAllReaders) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    from.write("x");
    const std::size_t one = world.registry.memory().used();
    EXPECT_EQ(lab().backlog(), 1U);
    first.read();
    EXPECT_EQ(world.registry.memory().used(), one);
    second.read();
    EXPECT_EQ(world.registry.memory().used(), 0U);
    EXPECT_EQ(lab().backlog(), 0U);
}

TEST_F(LossyTest, ManyPacketsShareOneDelivery) {
    TestEndpoint &to = reader(), &from = writer();
    fill(from, 5);
    EXPECT_EQ(to.delivered, 0) << "not within the write";
    world.run_work();
    EXPECT_EQ(to.delivered, 1);
    world.run_work();
    EXPECT_EQ(to.delivered, 1);
}

TEST_F(LossyTest, WhoExpectsNoDeliveryIsNotWoken) {
    TestEndpoint &to = reader(), &from = writer();
    to.node().expect_delivery(false);
    from.write("x");
    world.run_work();
    EXPECT_EQ(to.delivered, 0);
    EXPECT_EQ(to.read(), "x");
}

// ---- buffers that are too small

TEST_F(LossyTest, TheRestOfAPacketComesWithTheNextRead) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("abcdefg");
    from.write("next");
    EXPECT_EQ(to.read(3), "abc");
    EXPECT_EQ(to.read(3), "def");
    EXPECT_EQ(to.read(3), "g") << "and nothing of the next packet";
    EXPECT_EQ(to.read(3), "nex");
    EXPECT_EQ(to.counters().received, 2U);
    EXPECT_EQ(to.counters().truncated, 0U);
}

TEST_F(LossyTest, WithTruncateTheRestIsLostAndCounted) {
    set("short_read", "truncate");
    TestEndpoint &to = reader(), &from = writer();
    from.write("abcdefg");
    from.write("next");
    EXPECT_EQ(to.read(3), "abc");
    EXPECT_EQ(to.read(4), "next") << "fits exactly";
    EXPECT_EQ(to.counters().truncated, 1U);
}

TEST_F(LossyTest, APacketReadInPartStillTakesItsPlace) {
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    from.write("abcdef");
    to.read(3);
    from.write("dropped");
    EXPECT_EQ(to.read(), "def");
    EXPECT_EQ(to.read(), kNothing);
}

// ---- option overrun_error

TEST_F(LossyTest, OverrunIsToldOnceWherePacketsAreMissing) {
    set("overrun_error", "1");
    set("msgpoolsize", "2");
    TestEndpoint &to = reader(), &from = writer();
    fill(from, 4);
    EXPECT_EQ(to.read(), "0");
    from.write("4");
    EXPECT_EQ(to.read(), "1");
    EXPECT_EQ(to.read(), kLost);
    EXPECT_EQ(to.read(), "4");
    EXPECT_EQ(to.read(), kNothing);
}

TEST_F(LossyTest, OverrunIsToldAlsoWhenNothingComesBehind) {
    set("overrun_error", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    fill(from, 2);
    EXPECT_EQ(to.read(), "0");
    EXPECT_TRUE(to.poll().readable);
    EXPECT_EQ(to.read(), kLost);
    EXPECT_FALSE(to.poll().readable);
    EXPECT_EQ(to.read(), kNothing);
}

TEST_F(LossyTest, OverrunComesOnlyAfterThePacketReadInPart) {
    set("overrun_error", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    from.write("abcd");
    to.read(2);
    from.write("dropped");
    EXPECT_EQ(to.read(), "cd");
    EXPECT_EQ(to.read(), kLost);
}

TEST_F(LossyTest, APacketThatWasBegunIsFinishedBeforeALossIsTold) {
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    fill(from, 2);
    to.read();
    from.write("abcd");
    EXPECT_EQ(to.read(2), "ab") << "the loss before it was not to be told";
    set("overrun_error", "1");
    EXPECT_EQ(to.read(2), "cd");
    EXPECT_EQ(to.read(2), kNothing);
}

TEST_F(LossyTest, WithoutTheOptionALossIsOnlyCounted) {
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    fill(from, 2);
    EXPECT_EQ(to.read(), "0");
    EXPECT_FALSE(to.poll().readable);
    EXPECT_EQ(to.read(), kNothing);
}

TEST_F(LossyTest, SwitchingTheOptionOnWakesWhoHasLostSomething) {
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    fill(from, 2);
    to.read();
    world.run_work();
    to.delivered = 0;
    set("overrun_error", "1");
    world.run_work();
    EXPECT_EQ(to.delivered, 1);
    EXPECT_EQ(to.read(), kLost);
}

// ---- max_memory

class LossyMemoryTest : public CoreTest {
  protected:
    LossyMemoryTest() : CoreTest(limits(4096)) {}
};

TEST_F(LossyMemoryTest, WhatFindsNoMemoryIsDroppedAtEveryReader) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    int kept = 0;
    while (first.counters().dropped == 0) {
        EXPECT_EQ(from.write(std::string(300, 'x')), Send::done);
        ++kept;
    }
    EXPECT_LE(world.registry.memory().used(), 2048U) << "one user gets half";
    EXPECT_EQ(second.counters().dropped, 1U);
    EXPECT_EQ(first.node().queued(), static_cast<std::uint32_t>(kept - 1));
}

TEST_F(LossyMemoryTest, APacketThatCanNeverFitIsRefused) {
    set("mtu", "65535");
    reader();
    EXPECT_EQ(writer().write(std::string(3000, 'x')), Send::never_fits);
}

TEST_F(LossyMemoryTest, AnotherUserStillHasItsHalf) {
    TestEndpoint& to = reader();
    TestEndpoint& greedy = world.join(lab(), Role::writer, IPN_PORT_ANY, 1);
    TestEndpoint& modest = world.join(lab(), Role::writer, IPN_PORT_ANY, 2);
    while (to.counters().dropped == 0) greedy.write(std::string(300, 'x'));
    modest.write("hello");
    EXPECT_EQ(to.counters().dropped, 1U);
}

}  // namespace
}  // namespace ipn::test
