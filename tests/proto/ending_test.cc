// How a mount ends: the kernel hangs up, or the session goes, whatever still waits.
#include "proto_test.h"

namespace ipn::test {
namespace {

class EndingTest : public ProtoTest {
  protected:
    // Requests of every kind that can wait, waiting.
    void let_everything_wait();
};

void EndingTest::let_everything_wait() {
    make_lossless("1");
    File to = reader(), from = writer();
    from.write("first");
    File idle = open(O_RDWR);
    from.start_write("second");
    idle.start_write("third");
    idle.start_read();
    idle.start_read();
    idle.poll(POLLIN | POLLOUT);
    call(ask::opendir(ask::kRoot));
    call(ask::create(ports_node(), "9", O_RDWR));
    to.poll(POLLIN);
    mount.serve();
    EXPECT_EQ(kernel.unanswered(), 4U);
}

TEST_F(EndingTest, WhenTheKernelHangsUpTheSessionSaysSo) {
    EXPECT_FALSE(mount.ended);
    kernel.hang_up();
    mount.serve();
    EXPECT_TRUE(mount.ended);
}

TEST_F(EndingTest, TheKernelHangsUpOnAllThatWaits) {
    let_everything_wait();
    kernel.hang_up();
    mount.serve();
    EXPECT_TRUE(mount.ended);
}

TEST_F(EndingTest, TheKernelHangsUpAndTheNetworksAreEndedThen) {
    let_everything_wait();
    kernel.hang_up();
    mount.serve();
    mount.world.shut_down(lab());
    mount.serve();
}

TEST_F(EndingTest, TheSessionGoesWithAllThatWaits) {
    let_everything_wait();
    mount.end_session();
    kernel.collect();
    EXPECT_EQ(kernel.unanswered(), 0U);
    EXPECT_EQ(mount.filesystem.open_files(), 0U);
    EXPECT_EQ(lab().nodes(), 0U);
}

TEST_F(EndingTest, NetworksAreEndedFirst) {
    let_everything_wait();
    mount.world.shut_down(lab());
    mount.serve();
    EXPECT_EQ(kernel.unanswered(), 0U);
    mount.end_session();
}

TEST_F(EndingTest, WhatIsBeingSavedIsFinishedWithNobodyToHearIt) {
    mount.commit.hold();
    start(ask::mkdir(ask::kRoot, "new"));
    start(ask::create(ports_node(), "5", O_RDWR));
    start(ask::chmod(lab_node(), 0700));
    mount.serve();
    kernel.hang_up();
    mount.serve();
    EXPECT_TRUE(mount.ended);
    mount.commit.release();
    EXPECT_NE(mount.world.registry.find("new"), nullptr);
    EXPECT_EQ(mount.filesystem.open_files(), 0U) << "a file that nobody will release is not kept";
}

}  // namespace
}  // namespace ipn::test
