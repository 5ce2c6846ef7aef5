// The end of a network: by force, by rmdir, or with its last node (option ephemeral).
#include <gtest/gtest.h>

#include "world.h"

namespace ipn::test {
namespace {

using ShutdownTest = CoreTest;

TEST_F(ShutdownTest, ReadersGetWhatIsWaitingAndThenEndOfFile) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("last words");
    world.shut_down(lab());
    EXPECT_EQ(to.read(), "last words");
    EXPECT_EQ(to.read(), kEndOfFile);
}

TEST_F(ShutdownTest, WhatIsNotReadIsReleasedWhenTheReaderLeaves) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("unread");
    world.shut_down(lab());
    EXPECT_GT(world.registry.memory().used(), 0U);
    to.leave();
    EXPECT_EQ(world.registry.memory().used(), 0U);
}

TEST_F(ShutdownTest, WritersAreClosed) {
    TestEndpoint& from = writer();
    world.shut_down(lab());
    EXPECT_EQ(from.write("x"), Send::closed);
}

TEST_F(ShutdownTest, EveryPollSaysHungUp) {
    TestEndpoint &to = reader(), &from = writer();
    world.shut_down(lab());
    EXPECT_TRUE(to.poll().readable);
    EXPECT_TRUE(to.poll().hung_up);
    EXPECT_FALSE(to.poll().failed);
    EXPECT_TRUE(from.poll().writable) << "a write would not block, it fails";
    EXPECT_TRUE(from.poll().hung_up);
}

TEST_F(ShutdownTest, EverybodyIsToldOnce) {
    TestEndpoint &to = reader(), &from = writer();
    world.shut_down(lab());
    world.shut_down(lab());
    EXPECT_EQ(to.state_changes, 1);
    EXPECT_EQ(from.state_changes, 1);
}

TEST_F(ShutdownTest, BlockedWritesEnd) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    reader();
    TestEndpoint &from = writer(), &second = writer();
    from.write("1");
    const Write &write = from.start_write("2"), &another = second.start_write("3");
    world.shut_down(lab());
    EXPECT_EQ(write.outcome, Send::closed);
    EXPECT_EQ(another.outcome, Send::closed);
}

TEST_F(ShutdownTest, NobodyIsConnectedAnyMoreAndNobodyCanJoin) {
    reader();
    core::Network& network = lab();
    world.shut_down(network);
    EXPECT_EQ(network.state(), core::Network::State::shutting_down);
    EXPECT_EQ(network.nodes(), 0U);
    EXPECT_EQ(world.try_join(network, Role::reader), EPIPE);
    EXPECT_EQ(world.reserve(network, 9), EPIPE);
}

TEST_F(ShutdownTest, TheNetworkGoesWhenItsLastNodeHasLeft) {
    TestEndpoint &first = reader(), &second = writer();
    world.shut_down(lab());
    EXPECT_TRUE(lab_exists());
    first.leave();
    EXPECT_TRUE(lab_exists());
    second.leave();
    EXPECT_FALSE(lab_exists());
    EXPECT_EQ(world.registry.size(), 0U);
}

TEST_F(ShutdownTest, AnEmptyNetworkGoesAtOnce) {
    world.shut_down(lab());
    EXPECT_FALSE(lab_exists());
}

TEST_F(ShutdownTest, NodesMayLeaveAsSoonAsTheyAreTold) {
    for (TestEndpoint* node : {&reader(), &both(), &writer()})
        node->on_state_changed = [node] { node->leave(); };
    world.shut_down(lab());
    EXPECT_FALSE(lab_exists());
    EXPECT_EQ(world.registry.size(), 0U);
}

TEST_F(ShutdownTest, ACutNodeStillHoldsTheNetworkUntilItLeaves) {
    TestEndpoint& node = reader();
    world.cut(node);
    world.shut_down(lab());
    EXPECT_TRUE(lab_exists());
    EXPECT_EQ(node.read(), kReset);
    node.leave();
    EXPECT_FALSE(lab_exists());
}

TEST_F(ShutdownTest, TheLastLossIsToldBeforeTheEnd) {
    set("overrun_error", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    from.write("kept");
    from.write("lost");
    world.shut_down(lab());
    EXPECT_EQ(to.read(), "kept");
    EXPECT_EQ(to.read(), kLost);
    EXPECT_EQ(to.read(), kEndOfFile);
}

// ---- rmdir

TEST_F(ShutdownTest, ANetworkWithNodesCannotBeRemoved) {
    TestEndpoint& node = reader();
    EXPECT_EQ(world.remove(lab()), EBUSY);
    node.leave();
    EXPECT_EQ(world.remove(lab()), 0);
    EXPECT_FALSE(lab_exists());
    EXPECT_EQ(world.registry.size(), 0U);
}

TEST_F(ShutdownTest, ARemovedNetworkWaitsForNodesThatWereCut) {
    TestEndpoint& node = reader();
    world.cut(node);
    EXPECT_EQ(world.remove(lab()), 0);
    EXPECT_FALSE(lab_exists());
    EXPECT_EQ(world.registry.size(), 1U);
    node.leave();
    EXPECT_EQ(world.registry.size(), 0U);
}

// ---- option ephemeral

class EphemeralTest : public CoreTest {
  protected:
    EphemeralTest() { set("ephemeral", "1"); }
};

TEST_F(EphemeralTest, TheNetworkGoesWithItsLastNode) {
    TestEndpoint &first = reader(), &second = writer();
    first.leave();
    EXPECT_TRUE(lab_exists());
    second.leave();
    EXPECT_FALSE(lab_exists());
}

TEST_F(EphemeralTest, AnEmptyNetworkWaitsForItsFirstNode) {
    world.run_work();
    EXPECT_TRUE(lab_exists());
}

TEST_F(EphemeralTest, AReservedPortKeepsNothingAlive) {
    world.reserve(lab(), 3);
    reader().leave();
    EXPECT_FALSE(lab_exists());
}

TEST_F(EphemeralTest, WhoeverWasCutFindsTheNetworkShuttingDown) {
    TestEndpoint &cut = reader(), &last = reader();
    world.cut(cut);
    last.leave();
    EXPECT_FALSE(lab_exists()) << "the name is free";
    EXPECT_EQ(world.registry.size(), 1U);
    EXPECT_EQ(cut.read(), kReset);
    cut.leave();
    EXPECT_EQ(world.registry.size(), 0U);
}

TEST_F(EphemeralTest, ItsNameCanBeUsedAgain) {
    reader().leave();
    world.create("lab");
    EXPECT_TRUE(lab_exists());
}

TEST_F(EphemeralTest, SwitchedOffItStays) {
    TestEndpoint& node = reader();
    set("ephemeral", "0");
    node.leave();
    EXPECT_TRUE(lab_exists());
}

TEST_F(EphemeralTest, TheLastNodeMayLeaveWithinItsDelivery) {
    TestEndpoint& to = reader();
    TestEndpoint& from = writer();
    to.on_deliver = [&] { to.leave(); };
    from.write("x");
    from.leave();
    world.run_work();
    EXPECT_FALSE(lab_exists());
}

}  // namespace
}  // namespace ipn::test
