// poll(2): what it says, and when a sleeper is woken.
#include "proto_test.h"

namespace ipn::test {
namespace {

class PollTest : public ProtoTest {
  protected:
    using Wakeups = std::vector<std::uint64_t>;
    static constexpr int kIn = POLLIN | POLLRDNORM;
    static constexpr int kOut = POLLOUT | POLLWRNORM;
};

TEST_F(PollTest, SaysWhatCanBeDoneNow) {
    File port = open(O_RDWR), from = writer();
    EXPECT_EQ(port.poll(POLLIN | POLLOUT), polled(kOut));
    from.write("hello");
    EXPECT_EQ(port.poll(POLLIN | POLLOUT), polled(kIn | kOut));
    port.read();
    EXPECT_EQ(port.poll(POLLIN | POLLOUT), polled(kOut));
}

TEST_F(PollTest, AnswersForTheRoleOnly) {
    File to = reader(), from = writer();
    from.write("hello");
    EXPECT_EQ(to.poll(POLLIN | POLLOUT), polled(kIn));
    EXPECT_EQ(from.poll(POLLIN | POLLOUT), polled(kOut));
}

TEST_F(PollTest, ASleeperIsWokenByAPacket) {
    File to = reader(), from = writer();
    to.poll(POLLIN);
    from.write("hello");
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{to.poll_handle()});
}

TEST_F(PollTest, WhoDoesNotSleepIsNotWoken) {
    File to = reader(), from = writer();
    to.poll(POLLIN, false);
    from.write("hello");
    EXPECT_EQ(kernel.take_wakeups(), Wakeups());
}

TEST_F(PollTest, ManyPacketsWakeOnce) {
    File to = reader(), from = writer();
    to.poll(POLLIN);
    for (int i = 0; i < 10; ++i) from.start_write("hello");
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{to.poll_handle()});
}

TEST_F(PollTest, OnceWokenASleeperIsNotWokenAgainUntilItPolls) {
    File to = reader(), from = writer();
    to.poll(POLLIN);
    from.write("one");
    kernel.take_wakeups();
    from.write("two");
    EXPECT_EQ(kernel.take_wakeups(), Wakeups());
    to.poll(POLLIN);
    from.write("three");
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{to.poll_handle()});
}

TEST_F(PollTest, EveryReaderThatSleepsIsWoken) {
    File one = reader(), two = reader(), from = writer();
    one.poll(POLLIN);
    two.poll(POLLIN);
    from.write("hello");
    EXPECT_EQ(kernel.take_wakeups(), (Wakeups{one.poll_handle(), two.poll_handle()}));
}

TEST_F(PollTest, TheNewestHandleIsWoken) {
    File to = reader(), from = writer();
    call(ask::poll(to.handle, 1, POLLIN, true));
    call(ask::poll(to.handle, 2, POLLIN, true));
    from.write("hello");
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{2});
}

TEST_F(PollTest, WithAFullNetworkWritingWouldBlock) {
    make_lossless("1");
    reader();
    File from = writer();
    from.write("one");
    EXPECT_EQ(from.poll(POLLOUT), polled(0));
}

TEST_F(PollTest, ASleepingWriterIsWokenByRoom) {
    make_lossless("1");
    File to = reader(), from = writer();
    from.write("one");
    from.poll(POLLOUT);
    EXPECT_EQ(kernel.take_wakeups(), Wakeups());
    to.read();
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{from.poll_handle()});
    EXPECT_EQ(from.poll(POLLOUT), polled(kOut));
}

TEST_F(PollTest, RoomThatAWaitingWriterTookWakesNobody) {
    make_lossless("1");
    File to = reader(), from = writer(), other = writer();
    from.write("one");
    const Call write = other.start_write("two");
    from.poll(POLLOUT);
    to.read();
    EXPECT_EQ(outcome(write), written(3));
    EXPECT_EQ(kernel.take_wakeups(), Wakeups());
    to.read();
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{from.poll_handle()});
}

TEST_F(PollTest, WhoAskedForReadingIsNotWokenByRoom) {
    make_lossless("1");
    File to = reader(), from = open(O_RDWR);
    from.write("one");
    from.poll(POLLIN);
    to.read();
    EXPECT_EQ(kernel.take_wakeups(), Wakeups());
}

TEST_F(PollTest, TheEndOfTheNetworkWakesAndHangsUp) {
    File to = reader(), from = writer();
    to.poll(POLLIN);
    from.poll(POLLOUT);
    set("state", "down");
    EXPECT_EQ(kernel.take_wakeups(), (Wakeups{to.poll_handle(), from.poll_handle()}));
    EXPECT_EQ(to.poll(POLLIN), polled(kIn | POLLHUP));
    EXPECT_EQ(from.poll(POLLOUT), polled(kOut | POLLHUP));
}

TEST_F(PollTest, BeingCutWakesWithAnError) {
    File to = reader();
    to.poll(POLLIN);
    call(ask::unlink(ports_node(), "0"));
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{to.poll_handle()});
    EXPECT_EQ(to.poll(POLLIN), polled(POLLHUP | POLLERR));
}

TEST_F(PollTest, TheEndOfAFileIsReadableAndHungUp) {
    set("eof", "last-writer");
    File to = reader(), from = writer();
    to.poll(POLLIN);
    from.close();
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{to.poll_handle()});
    EXPECT_EQ(to.poll(POLLIN), polled(kIn | POLLHUP));
    writer();
    EXPECT_EQ(to.poll(POLLIN), polled(0));
}

TEST_F(PollTest, AFileThatWasClosedWakesNobody) {
    File to = reader(), from = writer();
    to.poll(POLLIN);
    to.close();
    from.write("hello");
    EXPECT_EQ(kernel.take_wakeups(), Wakeups());
}

TEST_F(PollTest, AReadAndASleeperShareAFile) {
    File to = reader(), from = writer();
    const Call read = to.start_read();
    to.poll(POLLIN);
    from.write("hello");
    EXPECT_EQ(outcome(read), packet("hello"));
    EXPECT_EQ(kernel.take_wakeups(), Wakeups{to.poll_handle()}) << "it looks and sleeps again";
}

}  // namespace
}  // namespace ipn::test
