// Writing: one packet a call, and waiting for room.
#include <gmock/gmock.h>

#include "proto_test.h"

namespace ipn::test {
namespace {

using testing::ElementsAre;

class WriteTest : public ProtoTest {};

TEST_F(WriteTest, NobodyNeedListen) {
    EXPECT_EQ(writer().write("hello"), written(5));
}

TEST_F(WriteTest, ASenderDoesNotReceiveItsOwnPacket) {
    File port = open(O_RDWR);
    port.write("hello");
    EXPECT_EQ(port.read(), error(EAGAIN));
}

TEST_F(WriteTest, AWriteOfNothingDoesNothing) {
    File to = reader();
    EXPECT_EQ(writer().write(""), written(0));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(WriteTest, LongerThanTheMtuIsAnErrorAndNothingIsSent) {
    set("mtu", "4");
    File to = reader(), from = writer();
    EXPECT_EQ(from.write("four"), written(4));
    EXPECT_EQ(from.write("five!"), error(EMSGSIZE));
    EXPECT_EQ(to.read(), packet("four"));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

// splice(2) counts it up, and with O_APPEND it is the size that the kernel believes in.
TEST_F(WriteTest, WhereAWriteBeginsMeansNothing) {
    File to = reader(), from = writer();
    EXPECT_EQ(call(ask::write(from.handle, "hello", 0, 4096)), written(5));
    EXPECT_EQ(call(ask::write(from.handle, "you", O_APPEND, UINT64_MAX)), written(3));
    EXPECT_EQ(to.read(), packet("hello"));
    EXPECT_EQ(to.read(), packet("you"));
}

TEST_F(WriteTest, AStreamIsCutIntoPackets) {
    set("type", "stream");
    set("mtu", "4");
    File to = reader(), from = writer();
    EXPECT_EQ(from.write("onetwothree"), written(11));
    EXPECT_EQ(to.read(4), packet("onet"));
    EXPECT_EQ(to.read(), packet("wothree"));
}

TEST_F(WriteTest, AStreamGoesOnWhereTheKernelGoesOn) {
    set("type", "stream");
    File to = reader(), from = writer();
    EXPECT_EQ(call(ask::write(from.handle, "more", 0, 1048576)), written(4));
    EXPECT_EQ(to.read(), packet("more"));
}

TEST_F(WriteTest, AFullLosslessNetworkLetsWritersWait) {
    make_lossless("1");
    File to = reader(), from = writer();
    EXPECT_EQ(outcome(from.start_write("one")), written(3));
    const Call write = from.start_write("two");
    EXPECT_EQ(outcome(write), kWaiting);
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(outcome(write), written(3));
    EXPECT_EQ(to.read(), packet("two"));
}

TEST_F(WriteTest, WithNonblockAFullNetworkIsAnError) {
    make_lossless("1");
    reader();
    File from = writer();
    from.write("one");
    EXPECT_EQ(from.write("two"), error(EAGAIN));
}

TEST_F(WriteTest, WritersGoOnInTheirOrder) {
    make_lossless("1");
    File to = reader(), alice = writer(), bob = writer();
    alice.write("zero");
    const Call one = alice.start_write("one"), two = bob.start_write("two");
    const Call three = alice.start_write("three");
    for (const char* data : {"zero", "one", "two", "three"})
        EXPECT_EQ(outcome(to.start_read()), packet(data));
    for (const Call write : {one, two, three}) EXPECT_EQ(outcome(write).value().error, 0);
}

TEST_F(WriteTest, AReaderThatLeavesMakesRoom) {
    make_lossless("1");
    File to = reader(), from = writer();
    from.write("one");
    const Call write = from.start_write("two");
    EXPECT_EQ(outcome(write), kWaiting);
    to.close();
    EXPECT_EQ(outcome(write), written(3));
}

TEST_F(WriteTest, BeforeEnoughReadersAreThereWritersWait) {
    set("minreaders", "1");
    File from = writer();
    const Call write = from.start_write("hello");
    EXPECT_EQ(outcome(write), kWaiting);
    File to = reader();
    EXPECT_EQ(outcome(write), written(5));
    EXPECT_EQ(to.read(), packet("hello"));
}

TEST_F(WriteTest, AFileIsReadAndWrittenAtOnce) {
    make_lossless("1");
    File one = open(O_RDWR), two = open(O_RDWR);
    one.write("zero");
    const Call write = one.start_write("one"), read = one.start_read();
    EXPECT_EQ(outcome(write), kWaiting);
    EXPECT_EQ(outcome(read), kWaiting);
    EXPECT_EQ(two.read(), packet("zero"));
    EXPECT_EQ(two.write("back"), error(EAGAIN)) << "a packet waits for whoever is behind";
    EXPECT_EQ(outcome(write), written(3));
    EXPECT_EQ(two.read(), packet("one"));
    EXPECT_EQ(two.write("back"), written(4));
    EXPECT_EQ(outcome(read), packet("back"));
}

TEST_F(WriteTest, EndingTheNetworkEndsWrites) {
    make_lossless("1");
    File to = reader(), from = writer();
    from.write("one");
    const Call write = from.start_write("two");
    EXPECT_EQ(outcome(write), kWaiting);
    set("state", "down");
    EXPECT_EQ(outcome(write), error(EPIPE));
    EXPECT_EQ(from.write("three"), error(EPIPE));
    EXPECT_EQ(to.read(), packet("one")) << "what was sent can still be read";
    EXPECT_EQ(to.read(), nothing());
}

TEST_F(WriteTest, CuttingTheWriterEndsItsWrites) {
    make_lossless("1");
    reader();
    File from = writer();
    from.write("one");
    const Call write = from.start_write("two");
    EXPECT_EQ(outcome(write), kWaiting);
    EXPECT_EQ(call(ask::unlink(ports_node(), "1")), nothing());
    EXPECT_EQ(outcome(write), error(ECONNRESET));
}

TEST_F(WriteTest, GivingUpWritingEndsTheWritesThatWait) {
    make_lossless("1");
    reader();
    File from = writer();
    from.write("one");
    const Call write = from.start_write("two");
    EXPECT_EQ(outcome(write), kWaiting);
    EXPECT_EQ(mount.set(from.node, "role", "none"), 0);
    EXPECT_EQ(outcome(write), error(EPIPE));
}

TEST_F(WriteTest, WhoMayNotWriteGetsEpipe) {
    EXPECT_EQ(reader().write("hello"), error(EPIPE));
}

TEST_F(WriteTest, AStalledReaderIsCut) {
    make_lossless("1");
    set("stall_timeout_ms", "50");
    File to = reader(), from = writer();
    from.write("one");
    const Call write = from.start_write("two");
    EXPECT_EQ(outcome(write), kWaiting);
    mount.world.advance(std::chrono::milliseconds(51));
    EXPECT_EQ(outcome(write), written(3));
    EXPECT_EQ(to.read(), error(ECONNRESET));
}

TEST_F(WriteTest, OfALonePacketTheReaderIsToldFirst) {
    File to = reader(), from = writer();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    kernel.take_answered();

    mount.world.registry.work().slept(core::WorkQueue::kRest);
    const Call lone = from.start_write("one");
    EXPECT_EQ(outcome(read), packet("one"));
    EXPECT_THAT(kernel.take_answered(), ElementsAre(read, lone));

    const Call next_read = to.start_read();
    EXPECT_EQ(outcome(next_read), kWaiting);
    const Call next = from.start_write("two");
    EXPECT_EQ(outcome(next_read), packet("two"));
    EXPECT_THAT(kernel.take_answered(), ElementsAre(next, next_read));
}

}  // namespace
}  // namespace ipn::test
