// Reading: one packet a call, and waiting for it.
#include "proto_test.h"

namespace ipn::test {
namespace {

class ReadTest : public ProtoTest {};

TEST_F(ReadTest, APacketThatWaitsIsReadAtOnce) {
    File to = reader();
    writer().write("hello");
    EXPECT_EQ(outcome(to.start_read()), packet("hello"));
}

TEST_F(ReadTest, AReadWithNothingWaitingIsAnsweredByTheNextWrite) {
    File to = reader(), from = writer();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    from.write("hello");
    EXPECT_EQ(outcome(read), packet("hello"));
}

TEST_F(ReadTest, SeveralReadsAreServedInTheirOrder) {
    File to = reader(), from = writer();
    const Call first = to.start_read(), second = to.start_read(), third = to.start_read();
    from.write("one");
    from.write("two");
    EXPECT_EQ(outcome(first), packet("one"));
    EXPECT_EQ(outcome(second), packet("two"));
    EXPECT_EQ(outcome(third), kWaiting);
}

TEST_F(ReadTest, AReadDoesNotOvertakeThoseThatWait) {
    File to = reader(), from = writer();
    const Call first = to.start_read();
    mount.serve();
    const Call packet_comes = from.start_write("one");
    const Call second = to.start_read();
    EXPECT_EQ(outcome(first), packet("one"));
    EXPECT_EQ(outcome(packet_comes), written(3));
    EXPECT_EQ(outcome(second), kWaiting);
}

TEST_F(ReadTest, OneReadIsOnePacketHoweverLargeTheBuffer) {
    File to = reader(), from = writer();
    from.write("one");
    from.write("two");
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(to.read(), packet("two"));
}

TEST_F(ReadTest, EveryReaderGetsEveryPacket) {
    File one = reader(), two = reader(), from = writer();
    const Call parked = one.start_read();
    from.write("hello");
    EXPECT_EQ(outcome(parked), packet("hello"));
    EXPECT_EQ(two.read(), packet("hello"));
}

TEST_F(ReadTest, AReaderOfALargePacketGetsItWhole) {
    set("mtu", "65535");
    const std::string large(65535, 'x');
    File to = reader();
    writer().write(large);
    EXPECT_EQ(to.read(), packet(large));
}

TEST_F(ReadTest, WithNonblockNothingWaitingIsAnError) {
    File to = reader();
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(ReadTest, NonblockIsTakenFromEachRequest) {
    File to = reader();
    const Call waits = to.start_read();
    EXPECT_EQ(outcome(waits), kWaiting);
    EXPECT_EQ(to.read(), error(EAGAIN));
    const Call waits_too = to.start_read();
    EXPECT_EQ(outcome(waits_too), kWaiting);
}

TEST_F(ReadTest, WhereTheKernelGoesOnWithALargeReadThereIsNoMore) {
    File to = reader();
    writer().write("hello");
    EXPECT_EQ(call(ask::read(to.handle, 100, 0, 5)), nothing());
    EXPECT_EQ(to.read(), packet("hello"));
}

TEST_F(ReadTest, AReadOfNothingReturnsNothing) {
    File to = reader();
    EXPECT_EQ(call(ask::read(to.handle, 0)), nothing());
    writer().write("hello");
    EXPECT_EQ(call(ask::read(to.handle, 0)), nothing());
    EXPECT_EQ(to.read(), packet("hello"));
}

TEST_F(ReadTest, ASmallBufferLeavesTheRestForTheNextRead) {
    File to = reader(), from = writer();
    from.write("hello");
    from.write("you");
    EXPECT_EQ(to.read(2), packet("he"));
    EXPECT_EQ(to.read(2), packet("ll"));
    EXPECT_EQ(to.read(2), packet("o"));
    EXPECT_EQ(to.read(2), packet("yo"));
}

TEST_F(ReadTest, ASmallBufferLosesTheRestIfToldSo) {
    set("short_read", "truncate");
    File to = reader(), from = writer();
    from.write("hello");
    from.write("you");
    EXPECT_EQ(to.read(2), packet("he"));
    EXPECT_EQ(to.read(), packet("you"));
    EXPECT_EQ(mount.get(to.node, "truncated"), "1");
}

TEST_F(ReadTest, APiecemealReaderDoesNotDisturbAnother) {
    File one = reader(), two = reader(), from = writer();
    from.write("hello");
    EXPECT_EQ(one.read(2), packet("he"));
    EXPECT_EQ(two.read(), packet("hello"));
    EXPECT_EQ(one.read(), packet("llo"));
}

TEST_F(ReadTest, WaitingReadsGetTheRestsOfAPacketInTheirOrder) {
    File to = reader(), from = writer();
    const Call first = to.start_read(2), second = to.start_read(2);
    from.write("hello");
    EXPECT_EQ(outcome(first), packet("he"));
    EXPECT_EQ(outcome(second), packet("ll"));
    EXPECT_EQ(to.read(), packet("o"));
}

TEST_F(ReadTest, AStreamIsReadAcrossPackets) {
    set("type", "stream");
    File to = reader(), from = writer();
    from.write("one");
    from.write("two");
    from.write("three");
    EXPECT_EQ(to.read(8), packet("onetwoth"));
    EXPECT_EQ(to.read(), packet("ree"));
}

TEST_F(ReadTest, ALongReadOfAStreamTakesAllThatWaits) {
    set("type", "stream");
    File to = reader(), from = writer();
    const std::string packet_bytes(1000, 'x');
    for (int i = 0; i < 100; ++i) from.write(packet_bytes);
    EXPECT_EQ(to.read(1 << 20).data.size(), 100'000U);
}

TEST_F(ReadTest, AStreamGoesOnWhereTheKernelGoesOn) {
    set("type", "stream");
    File to = reader();
    writer().write("onetwo");
    EXPECT_EQ(to.read(3), packet("one"));
    EXPECT_EQ(call(ask::read(to.handle, 100, 0, 3)), packet("two"));
    EXPECT_EQ(call(ask::read(to.handle, 100, 0, 6)), nothing()) << "what was read is returned";
}

TEST_F(ReadTest, WhoMayNotReadIsAtItsEnd) {
    File to = writer();
    EXPECT_EQ(outcome(to.start_read()), nothing());
}

TEST_F(ReadTest, TheLastWriterLeavingEndsReadsIfToldSo) {
    set("eof", "last-writer");
    File to = reader(), from = writer();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    from.close();
    EXPECT_EQ(outcome(read), nothing());
}

TEST_F(ReadTest, LostPacketsAreToldOnceIfToldSo) {
    set("overrun_error", "1");
    set("msgpoolsize", "1");
    File to = reader(), from = writer();
    for (const char* data : {"one", "two", "three"}) from.write(data);
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(to.read(), error(ENOBUFS));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(ReadTest, GivingUpReadingEndsTheReadsThatWait) {
    File port = open(O_RDWR);
    const Call read = port.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    EXPECT_EQ(mount.set(port.node, "role", "writer"), 0);
    EXPECT_EQ(outcome(read), nothing());
}

TEST_F(ReadTest, RemovingTheFileOfAConnectedNodeCutsIt) {
    File to = reader();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    EXPECT_EQ(call(ask::unlink(ports_node(), "0")), nothing());
    EXPECT_EQ(outcome(read), error(ECONNRESET));
    EXPECT_EQ(to.read(), error(ECONNRESET));
}

TEST_F(ReadTest, EndingTheNetworkEndsReads) {
    File to = reader();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    set("state", "down");
    EXPECT_EQ(outcome(read), nothing());
}

TEST_F(ReadTest, ClosingOneFileLeavesTheReadsOfOthersAlone) {
    File one = reader(), two = reader(), from = writer();
    const Call read = two.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    one.close();
    EXPECT_EQ(outcome(read), kWaiting);
    from.write("hello");
    EXPECT_EQ(outcome(read), packet("hello"));
}

}  // namespace
}  // namespace ipn::test
