// Option stall_timeout_ms: a reader that holds everybody up for too long is disconnected.
#include <gtest/gtest.h>

#include "world.h"

namespace ipn::test {
namespace {

using std::chrono::milliseconds;

class StallTest : public CoreTest {
  protected:
    explicit StallTest(const char* packets = "2", const core::Registry::Limits& limits = {})
        : CoreTest(limits) {
        set("lossless", "1");
        set("msgpoolsize", packets);
        set("stall_timeout_ms", "100");
    }

    bool is_cut(const TestEndpoint& endpoint) {
        return endpoint.node().state() == core::Node::State::cut;
    }
};

TEST_F(StallTest, TheReaderThatHoldsTheOldestPacketIsCut) {
    TestEndpoint &slow = reader(), &good = reader(), &from = writer();
    from.write("1");
    from.write("2");
    good.read();
    const Write& write = from.start_write("3");
    world.advance(milliseconds(99));
    EXPECT_FALSE(is_cut(slow));
    world.advance(milliseconds(1));
    EXPECT_TRUE(is_cut(slow));
    EXPECT_FALSE(is_cut(good));
    EXPECT_EQ(slow.state_changes, 1);
    EXPECT_EQ(slow.read(), kReset);
    EXPECT_EQ(write.outcome, Send::done);
    EXPECT_EQ(good.read_all(), "2 3");
}

TEST_F(StallTest, AllThatHoldTheOldestPacketAreCut) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.start_write("3");
    world.advance(milliseconds(100));
    EXPECT_TRUE(is_cut(first));
    EXPECT_TRUE(is_cut(second));
}

TEST_F(StallTest, NobodyIsCutWhileNobodyWaits) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    world.advance(milliseconds(1000));
    EXPECT_FALSE(is_cut(slow));
}

TEST_F(StallTest, ReadingTheOldestPacketGrantsNewTime) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.start_write("3");
    from.start_write("4");
    for (int i = 0; i < 2; ++i) {
        world.advance(milliseconds(80));
        slow.read();
        world.run_work();
    }
    EXPECT_FALSE(is_cut(slow));
}

TEST_F(StallTest, AReaderIsCutEvenIfItReadBeforeAndStoppedThen) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.start_write("3");
    from.start_write("4");
    world.advance(milliseconds(80));
    slow.read();
    world.run_work();
    world.advance(milliseconds(99));
    EXPECT_FALSE(is_cut(slow));
    world.advance(milliseconds(1));
    EXPECT_TRUE(is_cut(slow));
}

TEST_F(StallTest, AWriterThatGaveUpWaitingCutsNobody) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    Write& write = from.start_write("3");
    world.advance(milliseconds(10));
    from.interrupt(write);
    world.advance(milliseconds(1000));
    EXPECT_FALSE(is_cut(slow));
}

TEST_F(StallTest, TheTimeOfAWriterThatGaveUpIsNotAddedToTheNextOnes) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    Write& write = from.start_write("3");
    world.advance(milliseconds(90));
    from.interrupt(write);
    from.start_write("3");
    world.advance(milliseconds(90));
    EXPECT_FALSE(is_cut(slow));
    world.advance(milliseconds(10));
    EXPECT_TRUE(is_cut(slow));
}

TEST_F(StallTest, ANewOldestPacketGetsItsWholeTime) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.start_write("3");
    from.start_write("4");
    slow.read_all();
    world.clock.advance(milliseconds(60));  // the loop was busy with others
    world.run_work();
    from.start_write("5");
    world.advance(milliseconds(99));
    EXPECT_FALSE(is_cut(slow));
    world.advance(milliseconds(1));
    EXPECT_TRUE(is_cut(slow));
}

TEST_F(StallTest, WhoPollsForRoomWaitsToo) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.watch_writable();
    world.advance(milliseconds(100));
    EXPECT_TRUE(is_cut(slow));
    EXPECT_EQ(from.told_writable, 1);
}

TEST_F(StallTest, WhoPollsLaterDoesNotInheritTheTime) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.start_write("3");
    slow.read();
    world.run_work();
    world.advance(milliseconds(60));
    from.watch_writable();
    world.advance(milliseconds(99));
    EXPECT_FALSE(is_cut(slow));
    world.advance(milliseconds(1));
    EXPECT_TRUE(is_cut(slow));
}

TEST_F(StallTest, APollerThatLeftDoesNotWaitAnyMore) {
    TestEndpoint &slow = reader(), &first = writer(), &second = writer();
    first.write("1");
    first.write("2");
    first.watch_writable();
    world.advance(milliseconds(60));
    first.leave();
    second.watch_writable();
    world.advance(milliseconds(60));
    EXPECT_FALSE(is_cut(slow));
}

TEST_F(StallTest, SettingTheOptionCountsForWritersThatWaitAlready) {
    set("stall_timeout_ms", "0");
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.start_write("3");
    world.advance(milliseconds(1000));
    EXPECT_FALSE(is_cut(slow));
    set("stall_timeout_ms", "50");
    world.advance(milliseconds(50));
    EXPECT_TRUE(is_cut(slow));
}

TEST_F(StallTest, AShorterTimeoutHoldsAtOnce) {
    set("stall_timeout_ms", "100000");
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.start_write("3");
    set("stall_timeout_ms", "50");
    world.advance(milliseconds(50));
    EXPECT_TRUE(is_cut(slow));
}

TEST_F(StallTest, SwitchingTheOptionOffSavesTheReader) {
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    from.write("2");
    from.start_write("3");
    world.advance(milliseconds(99));
    set("stall_timeout_ms", "0");
    world.advance(milliseconds(1000));
    EXPECT_FALSE(is_cut(slow));
}

TEST_F(StallTest, ACutThatEndsAnEphemeralNetworkIsHarmless) {
    set("ephemeral", "1");
    TestEndpoint &self = both(), &gone = both();
    gone.write("1");
    gone.write("2");
    gone.leave();
    self.start_write("waits for its own reading");
    self.on_state_changed = [&] { self.leave(); };
    world.advance(milliseconds(100));
    EXPECT_FALSE(lab_exists());
}

// Who waits for memory while there is room in the pool, waits for the readers too when it is full.
class StallMemoryTest : public StallTest {
  protected:
    StallMemoryTest() : StallTest("3", limits(2048)) {
        const std::string half(300, 'x');  // two of them are all that one user gets
        greedy.write(half);
        greedy.write(half);
    }

    void expect_to_wait_as_soon_as_the_pool_is_full() {
        world.advance(milliseconds(1000));
        EXPECT_FALSE(is_cut(slow)) << "there is room in the pool";
        modest.write("fills the pool");
        world.advance(milliseconds(99));
        EXPECT_FALSE(is_cut(slow));
        world.advance(milliseconds(1));
        EXPECT_TRUE(is_cut(slow));
    }

    TestEndpoint &slow = reader(), &greedy = writer();
    TestEndpoint& modest = world.join(lab(), Role::writer, IPN_PORT_ANY, 2);
};

TEST_F(StallMemoryTest, AWriteThatLacksMemoryWaitsAsSoonAsThePoolIsFull) {
    greedy.start_write("more");
    world.run_work();
    expect_to_wait_as_soon_as_the_pool_is_full();
}

TEST_F(StallMemoryTest, WhoPollsForMemoryWaitsAsSoonAsThePoolIsFull) {
    greedy.watch_writable();
    expect_to_wait_as_soon_as_the_pool_is_full();
}

TEST_F(StallMemoryTest, MemoryFromElsewhereGrantsNoNewTime) {
    core::Network& other = world.create("other");
    TestEndpoint& reader_there = world.join(other, Role::reader);
    world.join(other, Role::writer, IPN_PORT_ANY, 2).write("there");
    greedy.start_write("more");
    world.run_work();
    modest.write("fills the pool");
    world.advance(milliseconds(60));
    reader_there.read();
    world.advance(milliseconds(40));
    EXPECT_TRUE(is_cut(slow));
}

}  // namespace
}  // namespace ipn::test
