// Reading `framed`: as many whole packets as fit, each behind its length.
#include "frames.h"
#include "proto_test.h"

namespace ipn::test {
namespace {

class FramedReadTest : public ProtoTest {
  protected:
    File framed_reader() { return mount.open("lab/framed", O_RDONLY); }
    static Answer read_frames(std::initializer_list<std::string_view> packets) {
        return packet(frames(packets));
    }
};

TEST_F(FramedReadTest, APacketComesBehindItsLength) {
    File to = framed_reader();
    writer().write("hello");
    EXPECT_EQ(to.read(), packet(std::string("\0\5hello", 7)));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(FramedReadTest, TheLengthIsBigEndian) {
    const std::string long_one(0x123, 'x');
    File to = framed_reader();
    writer().write(long_one);
    EXPECT_EQ(to.read(), packet("\x01\x23" + long_one));
}

TEST_F(FramedReadTest, OneReadTakesManyPackets) {
    File to = framed_reader(), from = writer();
    for (const char* data : {"one", "two", "three"}) from.write(data);
    EXPECT_EQ(to.read(), read_frames({"one", "two", "three"}));
}

TEST_F(FramedReadTest, APacketThatDoesNotFitWaitsForTheNextRead) {
    File to = framed_reader(), from = writer();
    for (const char* data : {"one", "two", "three"}) from.write(data);
    EXPECT_EQ(to.read(5 + 4), read_frames({"one"}));
    EXPECT_EQ(to.read(5 + 6), read_frames({"two"}));
    EXPECT_EQ(to.read(7), read_frames({"three"}));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(FramedReadTest, ABufferThatPacketsFillExactlyGetsThemAll) {
    File to = framed_reader(), from = writer();
    for (const char* data : {"one", "two", "three"}) from.write(data);
    EXPECT_EQ(to.read(5), read_frames({"one"}));
    EXPECT_EQ(to.read(5 + 7), read_frames({"two", "three"}));
}

TEST_F(FramedReadTest, InAnyPiecesItIsTheSameStream) {
    const std::string stream = frames({"one", "three", "x"});
    for (std::uint32_t size = 1; size <= stream.size(); ++size) {
        File to = framed_reader(), from = writer();
        for (const char* data : {"one", "three", "x"}) from.write(data);
        std::string all;
        for (Answer got = to.read(size); got.error == 0; got = to.read(size)) {
            EXPECT_GT(got.data.size(), 0U);
            EXPECT_LE(got.data.size(), size);
            all += got.data;
        }
        EXPECT_EQ(all, stream) << "read by " << size;
        EXPECT_EQ(mount.get(to.node, "received"), "3");
        EXPECT_EQ(mount.get(to.node, "truncated"), "0");
        to.close();
        from.close();
    }
}

TEST_F(FramedReadTest, BehindTheRestOfAPacketComeWholeOnes) {
    File to = framed_reader(), from = writer();
    for (const char* data : {"hello", "two", "three"}) from.write(data);
    EXPECT_EQ(to.read(4), packet(std::string("\0\5he", 4)));
    EXPECT_EQ(to.read(3 + 5 + 6), packet("llo" + frames({"two"})));
    EXPECT_EQ(to.read(), read_frames({"three"}));
}

TEST_F(FramedReadTest, HeaderThenPacketAsAProgramMightRead) {
    File to = framed_reader(), from = writer();
    for (const char* data : {"hello", "two"}) from.write(data);
    EXPECT_EQ(to.read(2), packet(frame_header(5)));
    EXPECT_EQ(to.read(5), packet("hello"));
    EXPECT_EQ(to.read(2), packet(frame_header(3)));
    EXPECT_EQ(to.read(3), packet("two"));
}

TEST_F(FramedReadTest, ShortReadTruncateMeansNothingHere) {
    set("short_read", "truncate");
    File to = framed_reader();
    writer().write("hello");
    EXPECT_EQ(to.read(3), packet(std::string("\0\5h", 3)));
    EXPECT_EQ(to.read(), packet("ello"));
    EXPECT_EQ(mount.get(to.node, "truncated"), "0");
}

TEST_F(FramedReadTest, TypeStreamShowsItsPackets) {
    set("type", "stream");
    set("mtu", "4");
    File to = framed_reader();
    writer().write("onetwothree");
    EXPECT_EQ(to.read(), read_frames({"onet", "woth", "ree"}));
}

TEST_F(FramedReadTest, AReadThatWaitsGetsAllThatCameBeforeItWasAnswered) {
    File to = framed_reader(), from = writer();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    for (const char* data : {"one", "two"}) from.start_write(data);
    EXPECT_EQ(outcome(read), read_frames({"one", "two"}));
}

TEST_F(FramedReadTest, ReadsThatWaitShareTheStreamInTheirOrder) {
    File to = framed_reader(), from = writer();
    const Call first = to.start_read(1), second = to.start_read(4), third = to.start_read();
    from.start_write("hello");
    from.start_write("you");
    EXPECT_EQ(outcome(first), packet(std::string("\0", 1)));
    EXPECT_EQ(outcome(second), packet("\5hel"));
    EXPECT_EQ(outcome(third), packet("lo" + frames({"you"})));
}

TEST_F(FramedReadTest, OnePacketForReadersOfBothKinds) {
    set("mtu", "65535");
    const std::string large(65535, 'x');
    File one = framed_reader(), two = framed_reader(), port = reader(), from = writer();
    from.write(large);
    for (File* to : {&one, &two}) EXPECT_EQ(to->read(1 << 20), read_frames({large}));
    EXPECT_EQ(port.read(), packet(large));
}

// An answer like the last one is not made again: of these, each is like the last one only in part.
TEST_F(FramedReadTest, ReadersAtDifferentPlacesEachGetTheirOwn) {
    File one = framed_reader(), two = framed_reader(), from = writer();
    from.write("one");
    File late = framed_reader();
    for (const char* data : {"two", "three", "four"}) from.write(data);
    EXPECT_EQ(one.read(), read_frames({"one", "two", "three", "four"}));
    EXPECT_EQ(late.read(), read_frames({"two", "three", "four"})) << "begins elsewhere";
    EXPECT_EQ(two.read(5 + 5), read_frames({"one", "two"})) << "ends elsewhere";
    EXPECT_EQ(two.read(), read_frames({"three", "four"}));
    from.write("five");
    EXPECT_EQ(one.read(3), packet(std::string("\0\4f", 3))) << "ends within a packet";
    EXPECT_EQ(two.read(), read_frames({"five"}));
    EXPECT_EQ(one.read(), packet("ive"));
    EXPECT_EQ(late.read(), read_frames({"five"}));
}

TEST_F(FramedReadTest, PacketsInMemoryThatOthersHadAreNotTakenForThem) {
    File one = framed_reader(), two = framed_reader(), from = writer();
    for (const char* data : {"one", "two", "new"}) {
        from.write(data);
        EXPECT_EQ(one.read(), read_frames({data}));
        EXPECT_EQ(two.read(), read_frames({data}));
    }
}

TEST_F(FramedReadTest, WhatElseIsReadInBetweenDoesNotMixIn) {
    File one = framed_reader(), two = framed_reader(), from = writer();
    for (const char* data : {"one", "two"}) from.write(data);
    EXPECT_EQ(one.read(), read_frames({"one", "two"}));
    EXPECT_EQ(mount.open("lab/stats", O_RDONLY).read().error, 0);
    EXPECT_EQ(two.read(), read_frames({"one", "two"}));
}

TEST_F(FramedReadTest, MorePacketsThanAreRememberedAreStillTheSame) {
    set("msgpoolsize", "1000");
    File one = framed_reader(), two = framed_reader(), from = writer();
    std::string all;
    for (int i = 0; i < 600; ++i) {
        const std::string data = std::to_string(i);
        from.write(data);
        all += frames({data});
    }
    EXPECT_EQ(one.read(1 << 20), packet(all));
    EXPECT_EQ(two.read(1 << 20), packet(all));
}

TEST_F(FramedReadTest, AMegabyteInOneRead) {
    set("mtu", "65535");
    const std::string large(65535, 'x');
    File to = framed_reader(), from = writer();
    for (int i = 0; i < 20; ++i) from.write(large);
    EXPECT_EQ(to.read(1 << 20).data.size(), 15 * (large.size() + 2)) << "whole ones only";
    EXPECT_EQ(to.read(1 << 20).data.size(), 5 * (large.size() + 2));
}

TEST_F(FramedReadTest, ALargeReadGoesOnWhereTheKernelGoesOn) {
    File to = framed_reader(), from = writer();
    for (const char* data : {"one", "two", "three"}) from.write(data);
    EXPECT_EQ(to.read(5), read_frames({"one"}));
    EXPECT_EQ(call(ask::read(to.handle, 100, 0, 5)), read_frames({"two", "three"}));
    EXPECT_EQ(call(ask::read(to.handle, 100, 0, 17)), nothing()) << "what was read is returned";
}

TEST_F(FramedReadTest, TheKernelsGoingOnLosesNoError) {
    set("overrun_error", "1");
    set("msgpoolsize", "1");
    File to = framed_reader(), from = writer();
    for (const char* data : {"one", "two"}) from.write(data);
    EXPECT_EQ(to.read(5), read_frames({"one"}));
    EXPECT_EQ(call(ask::read(to.handle, 100, 0, 5)), nothing());
    EXPECT_EQ(to.read(), error(ENOBUFS));
    EXPECT_EQ(to.read(), error(EAGAIN));
}

TEST_F(FramedReadTest, LostPacketsAreToldBetweenPackets) {
    set("overrun_error", "1");
    set("msgpoolsize", "2");
    File to = framed_reader(), from = writer();
    for (const char* data : {"one", "two", "three"}) from.write(data);
    EXPECT_EQ(to.read(5), read_frames({"one"}));
    from.write("four");
    EXPECT_EQ(to.read(), read_frames({"two"})) << "three is missing behind it";
    EXPECT_EQ(to.read(), error(ENOBUFS));
    EXPECT_EQ(to.read(), read_frames({"four"}));
}

TEST_F(FramedReadTest, APacketThatWasBegunIsNotPartedByAnError) {
    set("msgpoolsize", "1");
    File to = framed_reader(), from = writer();
    from.write("one");
    from.write("two");
    EXPECT_EQ(to.read(1 + 4), read_frames({"one"}));
    from.write("three");
    EXPECT_EQ(to.read(1), packet(std::string("\0", 1)));
    set("overrun_error", "1");
    EXPECT_EQ(to.read(1), packet("\5"));
    EXPECT_EQ(to.read(), packet("three"));
}

TEST_F(FramedReadTest, APacketBegunIsReadableToPoll) {
    File to = framed_reader();
    writer().write("x");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(to.poll(POLLIN), polled(POLLIN | POLLRDNORM));
        EXPECT_EQ(to.read(1).data.size(), 1U);
    }
    EXPECT_EQ(to.poll(POLLIN), polled(0));
}

TEST_F(FramedReadTest, APacketHoldsTheLosslessPoolUntilItsLastByteIsRead) {
    make_lossless("1");
    File to = framed_reader(), from = writer();
    from.write("x");
    EXPECT_EQ(to.read(2).data.size(), 2U);
    EXPECT_EQ(from.write("y"), error(EAGAIN));
    EXPECT_EQ(to.read(1).data.size(), 1U);
    EXPECT_EQ(from.write("y"), written(1));
}

TEST_F(FramedReadTest, TheLastWriterLeavingEndsTheStream) {
    set("eof", "last-writer");
    File to = framed_reader(), from = writer();
    from.write("hello");
    from.close();
    EXPECT_EQ(to.read(3), packet(std::string("\0\5h", 3)));
    EXPECT_EQ(to.read(), packet("ello")) << "not before it is whole";
    EXPECT_EQ(to.read(), nothing());
}

TEST_F(FramedReadTest, WhatIsQueuedIsReadAfterTheEndOfTheNetwork) {
    File to = framed_reader(), from = writer();
    from.write("one");
    from.write("two");
    EXPECT_EQ(to.read(1).data.size(), 1U);
    set("state", "down");
    EXPECT_EQ(to.read(), packet("\3one" + frames({"two"})));
    EXPECT_EQ(to.read(), nothing());
}

TEST_F(FramedReadTest, CuttingANodeEndsItAtOnce) {
    File to = framed_reader();
    writer().write("hello");
    EXPECT_EQ(to.read(3).data.size(), 3U);
    EXPECT_EQ(call(ask::unlink(ports_node(), "0")), nothing());
    EXPECT_EQ(to.read(), error(ECONNRESET));
}

TEST_F(FramedReadTest, ThePortThatTheLastPacketOfAReadCameFrom) {
    File to = framed_reader(), one = writer(), two = writer();
    one.write("one");
    two.write("two");
    to.read();
    EXPECT_EQ(mount.get(to.node, "from"), "2");
}

TEST_F(FramedReadTest, AnInterruptedReadTookNothing) {
    File to = framed_reader();
    const Call read = to.start_read();
    start(ask::interrupt(read));
    EXPECT_EQ(outcome(read), error(EINTR));
    writer().write("hello");
    EXPECT_EQ(to.read(), read_frames({"hello"}));
}

TEST_F(FramedReadTest, AReadOfNothingReturnsNothing) {
    File to = framed_reader();
    writer().write("hello");
    EXPECT_EQ(to.read(0), nothing());
    EXPECT_EQ(to.read(), read_frames({"hello"}));
}

TEST_F(FramedReadTest, ItIsListedBesideThePortAndBelongsToTheNetwork) {
    const fuse_entry_out entry = mount.look_up("lab/framed");
    EXPECT_EQ(entry.attr.mode & S_IFMT, static_cast<std::uint32_t>(S_IFREG));
    EXPECT_NE(entry.attr.ino, mount.look_up("lab/port").attr.ino);
    EXPECT_NE(entry.nodeid, mount.look_up("lab/framed").nodeid) << "fresh, as every port's";
    EXPECT_EQ(call(ask::unlink(lab_node(), "framed")), error(EPERM));
    EXPECT_EQ(call(ask::opendir(entry.nodeid)), error(ENOTDIR));
}

TEST_F(FramedReadTest, ItsModeAndOwnerAreItsOwn) {
    EXPECT_EQ(call(ask::chmod(mount.node("lab/framed"), 0600)).error, 0);
    EXPECT_EQ(call(ask::chown(mount.node("lab/framed"), 5, 6)).error, 0);
    EXPECT_EQ(call(ask::chmod(mount.node("lab/framed"), 0700)), error(EPERM));
    const fuse_attr framed = mount.stat(mount.node("lab/framed"));
    const fuse_attr port = mount.stat(mount.node("lab/port"));
    EXPECT_EQ(framed.mode, static_cast<std::uint32_t>(S_IFREG | 0600));
    EXPECT_EQ(framed.uid, 5U);
    EXPECT_EQ(port.mode, static_cast<std::uint32_t>(S_IFREG | 0644));
    EXPECT_NE(port.uid, 5U);
}

TEST_F(FramedReadTest, ItsOpenIsANodeLikeAnyOther) {
    framed_reader();
    File both = mount.open("lab/framed", O_RDWR);
    EXPECT_EQ(mount.get(lab_node(), "readers"), "2");
    EXPECT_EQ(mount.get(lab_node(), "writers"), "1");
    EXPECT_EQ(mount.get(both.node, "role"), "both");
    EXPECT_EQ(mount.get(both.node, "kind"), "file");
    EXPECT_TRUE(mount.exists("lab/ports/1"));
    EXPECT_EQ(mount.set(both.node, "role", "writer"), 0);
    EXPECT_EQ(both.read(), nothing());
}

}  // namespace
}  // namespace ipn::test
