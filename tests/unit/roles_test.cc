// Roles: giving up reading or writing, and being disconnected from outside.
#include <gtest/gtest.h>

#include "world.h"

namespace ipn::test {
namespace {

using RolesTest = CoreTest;

TEST_F(RolesTest, ANodeThatOnlyWritesIsNeverSentPackets) {
    TestEndpoint &mute = writer(), &from = writer();
    from.write("x");
    EXPECT_EQ(mute.node().queued(), 0U);
    EXPECT_EQ(mute.counters().dropped, 0U);
    EXPECT_FALSE(mute.poll().readable);
}

TEST_F(RolesTest, ANodeThatOnlyReadsCannotSend) {
    TestEndpoint& to = reader();
    EXPECT_EQ(to.write("x"), Send::closed);
    EXPECT_FALSE(to.poll().writable);
}

TEST_F(RolesTest, ARoleCanOnlyBeNarrowed) {
    TestEndpoint& node = both();
    EXPECT_EQ(code(node.narrow(Role::writer)), 0);
    EXPECT_EQ(code(node.narrow(Role::both)), EPERM);
    EXPECT_EQ(code(node.narrow(Role::reader)), EPERM);
    EXPECT_EQ(code(node.narrow(Role::writer)), 0);
    EXPECT_EQ(code(node.narrow(Role::none)), 0);
    EXPECT_EQ(node.node().role(), Role::none);
    EXPECT_TRUE(node.poll().hung_up);
}

TEST_F(RolesTest, WhoGivesUpWritingStillReads) {
    TestEndpoint &node = both(), &other = both();
    ASSERT_TRUE(node.narrow(Role::reader));
    EXPECT_EQ(lab().writers(), 1U);
    EXPECT_EQ(node.write("x"), Send::closed);
    other.write("for you");
    EXPECT_EQ(node.read(), "for you");
}

TEST_F(RolesTest, WhoGivesUpReadingStillWritesAndHoldsNothing) {
    TestEndpoint &node = both(), &other = both();
    other.write("unread");
    ASSERT_TRUE(node.narrow(Role::writer));
    EXPECT_EQ(lab().readers(), 1U);
    EXPECT_EQ(world.registry.memory().used(), 0U);
    EXPECT_EQ(node.read(), kEndOfFile);
    EXPECT_EQ(node.write("x"), Send::done);
    EXPECT_EQ(other.read(), "x");
}

TEST_F(RolesTest, WhatWasGivenUpIsReadyToSaySo) {
    TestEndpoint &no_reader = both(), &no_writer = both();
    ASSERT_TRUE(no_reader.narrow(Role::writer));
    ASSERT_TRUE(no_writer.narrow(Role::reader));
    EXPECT_TRUE(no_reader.poll().readable);
    EXPECT_TRUE(no_writer.poll().writable);
    EXPECT_FALSE(no_writer.poll().readable);
}

TEST_F(RolesTest, WhoeverWaitsInTheNodeIsToldOfTheNarrowing) {
    TestEndpoint& node = both();
    ASSERT_TRUE(node.narrow(Role::writer));
    EXPECT_EQ(node.state_changes, 1);
}

TEST_F(RolesTest, GivingUpWritingEndsTheNodesBlockedWrites) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &node = both();
    node.write("1");
    const Write& write = node.start_write("2");
    ASSERT_TRUE(node.narrow(Role::reader));
    EXPECT_EQ(write.outcome, Send::closed);
    to.read();
    world.run_work();
    EXPECT_EQ(to.read(), kNothing);
}

TEST_F(RolesTest, GivingUpReadingMakesRoomOnALosslessNetwork) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &slow = both(), &from = writer();
    from.write("1");
    const Write& write = from.start_write("2");
    ASSERT_TRUE(slow.narrow(Role::writer));
    world.run_work();
    EXPECT_TRUE(write.finished());
}

TEST_F(RolesTest, ANarrowedPacketReadInPartIsForgotten) {
    TestEndpoint &node = both(), &other = both();
    other.write("abcd");
    node.read(2);
    ASSERT_TRUE(node.narrow(Role::writer));
    EXPECT_EQ(node.read(), kEndOfFile);
}

// ---- cut

TEST_F(RolesTest, ACutNodeIsReset) {
    TestEndpoint& node = both();
    world.cut(node);
    EXPECT_EQ(node.state_changes, 1);
    EXPECT_EQ(node.read(), kReset);
    EXPECT_EQ(node.write("x"), Send::reset);
    const core::Node::Readiness ready = node.poll();
    EXPECT_TRUE(ready.failed);
    EXPECT_TRUE(ready.hung_up);
}

TEST_F(RolesTest, ACutNodeIsNoLongerCountedAndItsPortIsFree) {
    TestEndpoint& node = both();
    world.cut(node);
    EXPECT_EQ(lab().nodes(), 0U);
    EXPECT_EQ(lab().readers(), 0U);
    EXPECT_EQ(lab().writers(), 0U);
    EXPECT_EQ(both().number(), 0U);
}

TEST_F(RolesTest, WhatACutNodeHadNotReadIsReleased) {
    TestEndpoint &node = reader(), &from = writer();
    from.write("1");
    from.write("2");
    world.cut(node);
    EXPECT_EQ(world.registry.memory().used(), 0U);
    EXPECT_EQ(node.read(), kReset) << "although packets were waiting";
}

TEST_F(RolesTest, ACutReaderLetsBlockedWritersGoOn) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &slow = reader(), &from = writer();
    from.write("1");
    const Write& write = from.start_write("2");
    world.cut(slow);
    world.run_work();
    EXPECT_EQ(write.outcome, Send::done);
}

TEST_F(RolesTest, ACutWritersBlockedWriteIsReset) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    reader();
    TestEndpoint& from = writer();
    from.write("1");
    const Write& write = from.start_write("2");
    world.cut(from);
    EXPECT_EQ(write.outcome, Send::reset);
}

TEST_F(RolesTest, WhatACutWriterHadSentStillArrives) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("last words");
    world.cut(from);
    from.leave();
    EXPECT_EQ(to.read(), "last words");
}

TEST_F(RolesTest, CuttingTwiceDoesNothingMore) {
    TestEndpoint& node = both();
    world.cut(node);
    world.cut(node);
    EXPECT_EQ(node.state_changes, 1);
}

TEST_F(RolesTest, ANodeMayLeaveAsSoonAsItIsCut) {
    TestEndpoint& node = both();
    node.on_state_changed = [&] { node.leave(); };
    world.cut(node);
    EXPECT_EQ(node.node().state(), core::Node::State::detached);
}

// ---- leaving

TEST_F(RolesTest, ANodeThatLeavesReleasesWhatItHadNotRead) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("unread");
    to.leave();
    EXPECT_EQ(world.registry.memory().used(), 0U);
}

TEST_F(RolesTest, ANodeThatLeavesIsNotCalledAgain) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("x");
    to.leave();
    world.run_work();
    EXPECT_EQ(to.delivered, 0);
}

TEST_F(RolesTest, ANodeMayLeaveWithinItsDelivery) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    first.on_deliver = [&] { first.leave(); };
    from.write("x");
    world.run_work();
    EXPECT_EQ(second.read(), "x");
    EXPECT_EQ(lab().readers(), 1U);
}

TEST_F(RolesTest, ANodeMayLeaveWhenItIsToldThatItCanWrite) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer(), &asks = writer(), &too = writer();
    from.write("x");
    asks.watch_writable();
    too.watch_writable();
    asks.on_writable = [&] { asks.leave(); };
    to.read();
    world.run_work();
    EXPECT_EQ(too.told_writable, 1);
}

TEST_F(RolesTest, APayersMemoryIsItsOwnUntilItsPacketsAreRead) {
    TestEndpoint& to = world.join(lab(), Role::reader, IPN_PORT_ANY, 1);
    TestEndpoint& from = world.join(lab(), Role::writer, IPN_PORT_ANY, 2);
    from.write("x");
    from.leave();
    EXPECT_EQ(world.registry.memory().accounts(), 2U);
    to.read();
    EXPECT_EQ(world.registry.memory().accounts(), 1U);
}

}  // namespace
}  // namespace ipn::test
