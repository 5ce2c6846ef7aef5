// Type stream: a write is cut into packets, a read goes on in the middle of one.
#include <gtest/gtest.h>

#include <string>

#include "world.h"

namespace ipn::test {
namespace {

class StreamTest : public CoreTest {
  protected:
    StreamTest() {
        set("type", "stream");
        set("mtu", "4");
    }
};

TEST_F(StreamTest, AWriteIsCutIntoPacketsOfTheMtu) {
    TestEndpoint &to = reader(), &from = writer();
    const core::Network::Sent sent = from.send("abcdefghij");
    EXPECT_EQ(sent.outcome, Send::done);
    EXPECT_EQ(sent.taken, 10U);
    EXPECT_EQ(to.read_all(), "abcd efgh ij");
    EXPECT_EQ(from.counters().sent, 3U);
}

TEST_F(StreamTest, NothingIsLostByShortReadsWhateverTheOption) {
    set("short_read", "truncate");
    TestEndpoint &to = reader(), &from = writer();
    from.write("abcd");
    EXPECT_EQ(to.read(3), "abc");
    EXPECT_EQ(to.read(3), "d");
    EXPECT_EQ(to.counters().truncated, 0U);
}

TEST_F(StreamTest, AWriteThatFindsThePoolFullMidwaySaysWhatWasTaken) {
    set("lossless", "1");
    set("msgpoolsize", "2");
    TestEndpoint &to = reader(), &from = writer();
    const core::Network::Sent sent = from.send("abcdefghij");
    EXPECT_EQ(sent.outcome, Send::would_block);
    EXPECT_EQ(sent.taken, 8U);
    EXPECT_EQ(to.read_all(), "abcd efgh");
}

TEST_F(StreamTest, ABlockedWriteGoesOnWhereItStopped) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    const Write& write = from.start_write("abcdefghij");
    std::string all;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(write.finished(), i == 2);
        all += to.read();
        world.run_work();
    }
    EXPECT_EQ(write.outcome, Send::done);
    EXPECT_EQ(write.taken, 10U);
    EXPECT_EQ(all, "abcdefghij");
}

TEST_F(StreamTest, AnInterruptedWriteKnowsWhatWasTaken) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    Write& write = from.start_write("abcdefghij");
    to.read();
    world.run_work();
    from.interrupt(write);
    EXPECT_EQ(write.taken, 8U);
    EXPECT_EQ(to.read_all(), "efgh");
}

TEST_F(StreamTest, PacketsOfOneWriteMayBeFollowedByOthersButAreNeverCut) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &alice = writer(), &bob = writer();
    alice.start_write("aaaaAAAA");
    bob.start_write("bbbbBBBB");
    std::string all;
    for (int i = 0; i < 4; ++i) {
        all += to.read() + ' ';
        world.run_work();
    }
    EXPECT_EQ(all, "aaaa AAAA bbbb BBBB ");
}

TEST_F(StreamTest, ALossyStreamLosesWholePackets) {
    set("msgpoolsize", "2");
    TestEndpoint &to = reader(), &from = writer();
    EXPECT_EQ(from.write("abcdefghij"), Send::done);
    EXPECT_EQ(to.read_all(), "abcd efgh");
    EXPECT_EQ(to.counters().dropped, 1U);
}

TEST_F(StreamTest, AReaderKnowsHowMuchFollowsWithoutAGap) {
    set("overrun_error", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    EXPECT_EQ(to.node().follows(), 0U);
    from.write("abcdefgh");
    EXPECT_EQ(to.node().follows(), 4U);
    to.read();
    EXPECT_EQ(to.node().follows(), 0U);
    from.write("ijkl");
    EXPECT_EQ(to.node().follows(), 0U) << "efgh is missing before it";
    EXPECT_EQ(to.read(), kLost);
    EXPECT_EQ(to.node().follows(), 4U);
}

}  // namespace
}  // namespace ipn::test
