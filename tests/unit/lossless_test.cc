// Sending on a lossless network: writers wait, in one line, and nothing is ever lost.
#include <gtest/gtest.h>

#include <string>

#include "world.h"

namespace ipn::test {
namespace {

class LosslessTest : public CoreTest {
  protected:
    explicit LosslessTest(const core::Registry::Limits& limits = {}) : CoreTest(limits) {
        set("lossless", "1");
        set("msgpoolsize", "2");
    }

    // A blocked write that says so in `finished` when it ends.
    Write& blocked(TestEndpoint& from, std::string_view data) {
        from.on_write_finished = [this](const Write& write) {
            finished += (finished.empty() ? "" : " ") + write.data();
        };
        Write& write = from.start_write(data);
        EXPECT_FALSE(write.finished());
        return write;
    }

    std::string finished;
};

TEST_F(LosslessTest, AWriteWouldBlockWhileThePoolIsFull) {
    TestEndpoint &to = reader(), &from = writer();
    EXPECT_EQ(from.write("1"), Send::done);
    EXPECT_EQ(from.write("2"), Send::done);
    EXPECT_EQ(from.write("3"), Send::would_block);
    to.read();
    EXPECT_EQ(from.write("3"), Send::done);
    EXPECT_EQ(to.read_all(), "2 3");
    EXPECT_EQ(to.counters().dropped, 0U);
}

TEST_F(LosslessTest, ThePoolIsTheWholeNetworks) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    from.write("1");
    from.write("2");
    first.read_all();
    EXPECT_EQ(from.write("3"), Send::would_block) << "the second reader still holds both";
    second.read();
    EXPECT_EQ(from.write("3"), Send::done);
}

TEST_F(LosslessTest, APacketThatNobodyReceivesTakesNoRoom) {
    TestEndpoint& from = writer();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(from.write("x"), Send::done);
    EXPECT_EQ(lab().backlog(), 0U);
}

TEST_F(LosslessTest, AWriterThatNeverReadsSlowsNobody) {
    writer();
    TestEndpoint& from = writer();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(from.write("x"), Send::done);
}

TEST_F(LosslessTest, ABlockedWriteGoesOnWhenThereIsRoom) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("1");
    from.write("2");
    const Write& third = blocked(from, "3");
    world.run_work();
    EXPECT_FALSE(third.finished());
    to.read();
    world.run_work();
    EXPECT_EQ(third.outcome, Send::done);
    EXPECT_EQ(to.read_all(), "2 3");
}

TEST_F(LosslessTest, BlockedWritersGoOnInTheOrderInWhichTheyCame) {
    TestEndpoint &to = reader(), &alice = writer(), &bob = writer(), &carol = writer();
    alice.write("1");
    alice.write("2");
    blocked(bob, "b");
    blocked(alice, "a");
    blocked(carol, "c");
    to.read();
    world.run_work();
    EXPECT_EQ(finished, "b");
    to.read_all();
    world.run_work();
    EXPECT_EQ(finished, "b a c");
    EXPECT_EQ(to.read_all(), "a c");
}

TEST_F(LosslessTest, NobodyOvertakesThoseWhoWait) {
    TestEndpoint &to = reader(), &patient = writer(), &hasty = writer();
    patient.write("1");
    patient.write("2");
    blocked(patient, "3");
    to.read();
    EXPECT_EQ(hasty.write("now!"), Send::would_block) << "there is room, but for the other one";
    world.run_work();
    EXPECT_EQ(finished, "3");
}

TEST_F(LosslessTest, AnInterruptedWriteSendsNothingAndLeavesTheLine) {
    TestEndpoint &to = reader(), &alice = writer(), &bob = writer();
    alice.write("1");
    alice.write("2");
    Write& first = blocked(alice, "a");
    blocked(bob, "b");
    alice.interrupt(first);
    EXPECT_EQ(first.taken, 0U);
    to.read_all();
    world.run_work();
    EXPECT_EQ(to.read_all(), "b");
}

TEST_F(LosslessTest, WhenTheHeadOfTheLineGivesUpTheNextIsTried) {
    // The first waits with its second packet, although by now there is room: nobody has run yet.
    TestEndpoint &to = reader(), &alice = writer(), &bob = writer();
    alice.write("1");
    alice.write("2");
    Write& first = blocked(alice, "a");
    blocked(bob, "b");
    to.read();
    alice.interrupt(first);
    world.run_work();
    EXPECT_EQ(finished, "a b");
    EXPECT_EQ(to.read_all(), "2 b");
}

TEST_F(LosslessTest, AReaderThatLeavesMakesRoom) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    const Write& third = blocked(from, "3");
    slow.leave();
    world.run_work();
    EXPECT_TRUE(third.finished());
}

TEST_F(LosslessTest, APacketReadInPartIsStillHeld) {
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    from.write("abcd");
    to.read(2);
    EXPECT_EQ(from.write("next"), Send::would_block);
    to.read(2);
    EXPECT_EQ(from.write("next"), Send::done);
}

TEST_F(LosslessTest, PollSaysWhetherAWriteWouldBlock) {
    TestEndpoint &to = reader(), &from = writer();
    EXPECT_TRUE(from.poll().writable);
    from.write("1");
    from.write("2");
    EXPECT_FALSE(from.poll().writable);
    to.read();
    EXPECT_TRUE(from.poll().writable);
}

TEST_F(LosslessTest, WhoAskedIsToldOnceThatAWriteMayGoThrough) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.watch_writable();
    world.run_work();
    EXPECT_EQ(from.told_writable, 0);
    to.read_all();
    world.run_work();
    EXPECT_EQ(from.told_writable, 1);
    from.write("3");
    to.read_all();
    world.run_work();
    EXPECT_EQ(from.told_writable, 1);
}

TEST_F(LosslessTest, WhoAskedIsNotToldWhileOthersStillWait) {
    TestEndpoint &to = reader(), &asks = writer(), &waits = writer();
    asks.write("1");
    asks.write("2");
    asks.watch_writable();
    blocked(waits, "3");
    to.read();
    world.run_work();
    EXPECT_EQ(finished, "3");
    EXPECT_EQ(asks.told_writable, 0) << "the one who waited took the room";
    to.read();
    world.run_work();
    EXPECT_EQ(asks.told_writable, 1);
}

TEST_F(LosslessTest, WhoAskedIsToldWhenTheLastWaitingWriteGivesUp) {
    TestEndpoint &to = reader(), &asks = writer(), &waits = writer();
    asks.write("1");
    asks.write("2");
    Write& write = blocked(waits, "3");
    asks.watch_writable();
    to.read();
    waits.interrupt(write);
    world.run_work();
    EXPECT_EQ(asks.told_writable, 1);
}

// ---- max_memory

class LosslessMemoryTest : public LosslessTest {
  protected:
    LosslessMemoryTest() : LosslessTest(limits(2048)) { set("msgpoolsize", "100"); }

    const std::string half = std::string(300, 'x');  // two of them are all that one user gets
};

TEST_F(LosslessMemoryTest, WritersWaitForMemory) {
    TestEndpoint &to = reader(), &from = writer();
    EXPECT_EQ(from.write(half), Send::done);
    EXPECT_EQ(from.write(half), Send::done);
    EXPECT_EQ(from.write(half), Send::would_block);
    const Write& third = blocked(from, half);
    world.run_work();
    EXPECT_FALSE(third.finished());
    to.read();
    world.run_work();
    EXPECT_EQ(third.outcome, Send::done);
    EXPECT_EQ(to.counters().dropped, 0U);
}

TEST_F(LosslessMemoryTest, WhoLacksMemoryHoldsUpNobodyElse) {
    TestEndpoint &to = reader(), &greedy = writer();
    TestEndpoint& modest = world.join(lab(), Role::writer, IPN_PORT_ANY, 2);
    greedy.write(half);
    greedy.write(half);
    blocked(greedy, half);
    world.run_work();
    EXPECT_TRUE(modest.poll().writable);
    EXPECT_EQ(modest.write("mine"), Send::done);
    to.read();
    world.run_work();
    EXPECT_EQ(finished, half);
}

TEST_F(LosslessMemoryTest, WhoLackedMemoryComesFirstWhenThereIsSome) {
    TestEndpoint &to = reader(), &from = writer();
    from.write(half);
    from.write(half);
    blocked(from, half);
    blocked(from, "small");
    world.run_work();
    to.read();
    world.run_work();
    EXPECT_EQ(finished, half);
    to.read_all();
    world.run_work();
    EXPECT_EQ(finished, half + " small");
}

TEST_F(LosslessMemoryTest, PollKnowsThatMemoryLacks) {
    TestEndpoint &to = reader(), &from = writer();
    from.write(half);
    from.write(half);
    EXPECT_FALSE(from.poll().writable);
    from.watch_writable();
    world.run_work();
    to.read_all();
    world.run_work();
    EXPECT_TRUE(from.poll().writable);
    EXPECT_EQ(from.told_writable, 1);
}

TEST_F(LosslessMemoryTest, MemoryThatAnotherNetworkGivesBackLetsWritersGoOn) {
    core::Network& other = world.create("other");
    TestEndpoint& reader_there = world.join(other, Role::reader);
    TestEndpoint& writer_there = world.join(other, Role::writer);
    writer_there.write(half);
    writer_there.write(half);
    reader();
    const Write& here = blocked(writer(), half);
    world.run_work();
    EXPECT_FALSE(here.finished());
    reader_there.read();
    world.run_work();
    EXPECT_EQ(here.outcome, Send::done);
}

TEST_F(LosslessMemoryTest, APacketThatCanNeverFitIsRefusedInsteadOfWaiting) {
    reader();
    EXPECT_EQ(writer().write(std::string(1200, 'x')), Send::never_fits);
}

}  // namespace
}  // namespace ipn::test
