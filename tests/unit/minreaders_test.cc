// Option minreaders: a gate that holds writers until enough readers were there at once.
#include <gtest/gtest.h>

#include "world.h"

namespace ipn::test {
namespace {

class MinreadersTest : public CoreTest {
  protected:
    MinreadersTest() { set("minreaders", "2"); }
};

TEST_F(MinreadersTest, WritersWaitUntilThatManyReadersAreConnected) {
    TestEndpoint &from = writer(), &first = reader();
    EXPECT_EQ(from.write("early"), Send::would_block);
    EXPECT_FALSE(from.poll().writable);
    TestEndpoint& second = reader();
    EXPECT_TRUE(from.poll().writable);
    EXPECT_EQ(from.write("now"), Send::done);
    EXPECT_EQ(first.read_all(), "now");
    EXPECT_EQ(second.read_all(), "now");
}

TEST_F(MinreadersTest, BlockedWritersGoOnWhenTheGateOpens) {
    TestEndpoint &from = writer(), &asks = writer(), &first = reader();
    const Write& write = from.start_write("for both");
    asks.watch_writable();
    world.run_work();
    EXPECT_FALSE(write.finished());
    TestEndpoint& second = reader();
    world.run_work();
    EXPECT_EQ(write.outcome, Send::done);
    EXPECT_EQ(asks.told_writable, 1);
    EXPECT_EQ(first.read(), "for both");
    EXPECT_EQ(second.read(), "for both");
}

TEST_F(MinreadersTest, TheGateStaysOpenWhenReadersLeave) {
    TestEndpoint &from = writer(), &first = reader(), &second = reader();
    first.leave();
    second.leave();
    EXPECT_EQ(from.write("to nobody"), Send::done);
}

TEST_F(MinreadersTest, TheGateClosesWhenNoReaderAndNoWriterIsLeft) {
    TestEndpoint &from = writer(), &first = reader(), &second = reader();
    first.leave();
    second.leave();
    from.leave();
    EXPECT_EQ(writer().write("again too early"), Send::would_block);
}

TEST_F(MinreadersTest, ReadersMustBeThereAtOnce) {
    TestEndpoint& from = writer();
    reader().leave();
    reader().leave();
    EXPECT_EQ(from.write("x"), Send::would_block);
}

TEST_F(MinreadersTest, ANodeThatDoesBothCountsAsAReader) {
    TestEndpoint& first = both();
    both();
    EXPECT_EQ(first.write("x"), Send::done);
}

TEST_F(MinreadersTest, LoweringTheOptionOpensTheGate) {
    TestEndpoint& from = writer();
    reader();
    const Write& write = from.start_write("x");
    set("minreaders", "1");
    world.run_work();
    EXPECT_TRUE(write.finished());
}

TEST_F(MinreadersTest, RaisingTheOptionDoesNotCloseAnOpenGate) {
    TestEndpoint& from = writer();
    reader();
    reader();
    set("minreaders", "5");
    EXPECT_EQ(from.write("x"), Send::done);
}

TEST_F(MinreadersTest, OnAnEmptyNetworkTheOptionHoldsAtOnce) {
    set("minreaders", "0");
    EXPECT_EQ(writer().write("x"), Send::done);
    world.everybody_leaves();
    set("minreaders", "1");
    EXPECT_EQ(writer().write("x"), Send::would_block);
}

TEST_F(MinreadersTest, ANetworkMadeWithTheDefaultHasItsGateClosed) {
    world.set_default("minreaders", "1");
    core::Network& network = world.create("gated");
    EXPECT_EQ(world.join(network, Role::writer).write("x"), Send::would_block);
}

}  // namespace
}  // namespace ipn::test
