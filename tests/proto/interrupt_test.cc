// Signals: INTERRUPT ends what waits, at once, and nothing else.
#include "proto_test.h"

namespace ipn::test {
namespace {

class InterruptTest : public ProtoTest {
  protected:
    void interrupt(Call pending) { start(ask::interrupt(pending)); }
};

TEST_F(InterruptTest, AReadThatWaitsEnds) {
    File to = reader();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    interrupt(read);
    EXPECT_EQ(outcome(read), error(EINTR));
}

TEST_F(InterruptTest, TheOtherReadsGoOnWaiting) {
    File to = reader(), from = writer();
    const Call first = to.start_read(), second = to.start_read(), third = to.start_read();
    interrupt(second);
    EXPECT_EQ(outcome(second), error(EINTR));
    from.write("one");
    from.write("two");
    EXPECT_EQ(outcome(first), packet("one"));
    EXPECT_EQ(outcome(third), packet("two"));
}

TEST_F(InterruptTest, NoPacketIsLostToAnInterruptedRead) {
    File to = reader(), from = writer();
    const Call read = to.start_read();
    interrupt(read);
    EXPECT_EQ(outcome(read), error(EINTR));
    from.write("hello");
    EXPECT_EQ(to.read(), packet("hello"));
}

TEST_F(InterruptTest, AWriteThatWaitsEndsAndSendsNothing) {
    make_lossless("1");
    File to = reader(), from = writer();
    from.write("one");
    const Call write = from.start_write("two");
    EXPECT_EQ(outcome(write), kWaiting);
    interrupt(write);
    EXPECT_EQ(outcome(write), error(EINTR));
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(InterruptTest, AnInterruptedWriterLetsTheNextOneGoOn) {
    make_lossless("1");
    set("minreaders", "1");
    File alice = writer(), bob = writer();
    const Call one = alice.start_write("one"), two = bob.start_write("two");
    EXPECT_EQ(outcome(one), kWaiting);
    interrupt(one);
    EXPECT_EQ(outcome(one), error(EINTR));
    File to = reader();
    EXPECT_EQ(outcome(two), written(3));
    EXPECT_EQ(to.read(), packet("two"));
}

TEST_F(InterruptTest, AWriteOfWhichAPartWentReturnsHowMuch) {
    make_lossless("2");
    set("type", "stream");
    set("mtu", "4");
    File to = reader(), from = writer();
    const Call write = from.start_write("onetwothree!");
    EXPECT_EQ(outcome(write), kWaiting);
    interrupt(write);
    EXPECT_EQ(outcome(write), written(8));
    EXPECT_EQ(to.read(), packet("onetwoth"));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(InterruptTest, AWriteThatWentFurtherWhileItWaitedReturnsAllOfIt) {
    make_lossless("1");
    set("type", "stream");
    set("mtu", "4");
    File to = reader(), from = writer();
    const Call write = from.start_write("onetwothree!");
    EXPECT_EQ(outcome(to.start_read()), packet("onet"));
    EXPECT_EQ(outcome(write), kWaiting);
    interrupt(write);
    EXPECT_EQ(outcome(write), written(8));
    EXPECT_EQ(to.read(), packet("woth"));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(InterruptTest, ARequestThatWasAnsweredMeanwhileIsLeftAlone) {
    File to = reader();
    writer().write("hello");
    const Call read = to.start_read();
    interrupt(read);
    EXPECT_EQ(outcome(read), packet("hello"));
}

TEST_F(InterruptTest, TwiceIsOnce) {
    File to = reader();
    const Call read = to.start_read();
    interrupt(read);
    interrupt(read);
    EXPECT_EQ(outcome(read), error(EINTR));
}

TEST_F(InterruptTest, RequestsThatNeverWereAreLeftAlone) {
    File to = reader();
    const Call read = to.start_read();
    for (const std::uint64_t junk : {std::uint64_t{0}, read + 1, read + 2048, UINT64_MAX})
        interrupt(junk);
    EXPECT_EQ(outcome(read), kWaiting);
}

TEST_F(InterruptTest, OfManyWaitingReadsTheRightOneEnds) {
    File to = reader();
    std::vector<Call> reads;
    for (int i = 0; i < 3000; ++i) {
        reads.push_back(to.start_read());
        if (i % 100 == 0) mount.serve();
    }
    interrupt(reads[1234]);
    EXPECT_EQ(outcome(reads[1234]), error(EINTR));
    EXPECT_EQ(kernel.unanswered(), 2999U);
}

TEST_F(InterruptTest, ARequestOfAFileThatIsClosedMeanwhileIsLeftAlone) {
    File to = reader();
    const Call read = to.start_read();
    interrupt(read);
    EXPECT_EQ(outcome(read), error(EINTR));
    to.close();
    interrupt(read);
    mount.serve();
}

}  // namespace
}  // namespace ipn::test
