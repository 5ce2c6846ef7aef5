// Writing `framed`: many packets a call, and packets that end beyond it.
#include "frames.h"
#include "proto_test.h"

namespace ipn::test {
namespace {

class FramedWriteTest : public ProtoTest {
  protected:
    explicit FramedWriteTest(const core::Registry::Limits& limits = {}) : ProtoTest(limits) {}

    File framed_writer() { return mount.open("lab/framed", O_WRONLY); }
    std::size_t kept() {
        return mount.world.registry.memory().used(core::Memory::Purpose::waiting);
    }
    // Every packet that waits for a reader of `port`.
    static std::vector<std::string> packets(File& to) {
        std::vector<std::string> all;
        for (Answer got = to.read(); got.error == 0; got = to.read()) all.push_back(got.data);
        return all;
    }
};

using Packets = std::vector<std::string>;

TEST_F(FramedWriteTest, OneWriteSendsManyPackets) {
    File to = reader(), from = framed_writer();
    const std::string stream = frames({"one", "two", "three"});
    EXPECT_EQ(from.write(stream), written(stream.size()));
    EXPECT_EQ(packets(to), (Packets{"one", "two", "three"}));
    EXPECT_EQ(mount.get(from.node, "sent"), "3");
}

TEST_F(FramedWriteTest, CutAnywhereItIsTheSameStream) {
    const std::string stream = frames({"one", "", "three", "x"});
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        for (std::size_t again = cut; again <= stream.size(); ++again) {
            File to = reader(), from = framed_writer();
            for (const auto& piece :
                 {stream.substr(0, cut), stream.substr(cut, again - cut), stream.substr(again)})
                EXPECT_EQ(from.write(piece), written(piece.size()));
            EXPECT_EQ(packets(to), (Packets{"one", "three", "x"})) << cut << ' ' << again;
            EXPECT_EQ(kept(), 0U);
            to.close();
            from.close();
        }
    }
}

TEST_F(FramedWriteTest, ByteByByteItIsTheSameStream) {
    File to = reader(), from = framed_writer();
    for (const char byte : frames({"one", "three", "", "x"}))
        EXPECT_EQ(from.write({&byte, 1}), written(1));
    EXPECT_EQ(packets(to), (Packets{"one", "three", "x"}));
}

TEST_F(FramedWriteTest, APacketIsNotSentBeforeItIsWhole) {
    File to = reader(), from = framed_writer();
    EXPECT_EQ(from.write(frame_header(5) + "hell"), written(6));
    EXPECT_EQ(to.read(), error(EAGAIN));
    EXPECT_EQ(mount.get(from.node, "sent"), "0");
    EXPECT_EQ(from.write("o"), written(1));
    EXPECT_EQ(to.read(), packet("hello"));
}

TEST_F(FramedWriteTest, ALengthOfZeroIsSkipped) {
    File to = reader(), from = framed_writer();
    const std::string stream = frames({"", "one", "", "", "two", ""});
    EXPECT_EQ(from.write(stream), written(stream.size()));
    EXPECT_EQ(packets(to), (Packets{"one", "two"}));
    EXPECT_EQ(mount.get(from.node, "sent"), "2");
}

TEST_F(FramedWriteTest, APacketAsLongAsTheMtuPasses) {
    set("mtu", "65535");
    const std::string large(65535, 'x');
    File to = reader(), from = framed_writer();
    EXPECT_EQ(from.write(frames({large})), written(large.size() + 2));
    EXPECT_EQ(to.read(), packet(large));
}

TEST_F(FramedWriteTest, ASenderDoesNotReceiveItsOwnPackets) {
    File both = mount.open("lab/framed", O_RDWR), other = mount.open("lab/framed", O_RDWR);
    both.write(frames({"one", "two"}));
    other.write(frames({"three"}));
    EXPECT_EQ(both.read(), packet(frames({"three"})));
    EXPECT_EQ(other.read(), packet(frames({"one", "two"})));
}

TEST_F(FramedWriteTest, WhatANodeWritesOnADescriptorAndAPortReadsIsTheSame) {
    File framed = mount.open("lab/framed", O_RDWR), port = open(O_RDWR);
    framed.write(frames({"ping"}));
    EXPECT_EQ(port.read(), packet("ping"));
    port.write("pong");
    EXPECT_EQ(framed.read(), packet(frames({"pong"})));
}

TEST_F(FramedWriteTest, TypeStreamDoesNotCutWhatIsFramed) {
    set("type", "stream");
    set("mtu", "4");
    File to = mount.open("lab/framed", O_RDONLY), from = framed_writer();
    EXPECT_EQ(from.write(frames({"four", "5five"})), written(6));
    EXPECT_EQ(from.write(frames({"5five"})), error(EINVAL));
    EXPECT_EQ(to.read(), packet(frames({"four"})));
}

// ---- a length above the MTU

TEST_F(FramedWriteTest, ALengthAboveTheMtuEndsTheStream) {
    set("mtu", "4");
    File to = reader(), from = framed_writer();
    EXPECT_EQ(from.write(frames({"5five"})), error(EINVAL));
    EXPECT_NE(mount.get(from.node, "error").find("5 bytes"), std::string::npos);
    EXPECT_NE(mount.get(from.node, "error").find("mtu, 4"), std::string::npos);
    EXPECT_EQ(from.write(frames({"four"})), error(EINVAL)) << "nobody knows where a packet begins";
    EXPECT_EQ(packets(to), Packets{});
}

TEST_F(FramedWriteTest, WhatComesBeforeItIsSentAndCounted) {
    set("mtu", "4");
    File to = reader(), from = framed_writer();
    EXPECT_EQ(from.write(frames({"one", "two", "5five", "six"})), written(10));
    EXPECT_EQ(from.write(frames({"six"})), error(EINVAL));
    EXPECT_EQ(packets(to), (Packets{"one", "two"}));
    EXPECT_EQ(mount.get(from.node, "sent"), "2");
}

TEST_F(FramedWriteTest, ItIsSeenAsSoonAsItsHeaderIsThere) {
    set("mtu", "256");
    File from = framed_writer();
    EXPECT_EQ(from.write("\x01"), written(1)) << "it may be 256 yet";
    EXPECT_EQ(from.write("\x01"), error(EINVAL));
}

TEST_F(FramedWriteTest, ItEndsTheStreamOfThatNodeOnly) {
    set("mtu", "4");
    File broken = mount.open("lab/framed", O_RDWR), other = framed_writer();
    EXPECT_EQ(broken.write(frames({"5five"})), error(EINVAL));
    EXPECT_EQ(other.write(frames({"four"})), written(6));
    EXPECT_EQ(broken.read(), packet(frames({"four"}))) << "reading goes on";
    EXPECT_EQ(framed_writer().write(frames({"four"})), written(6)) << "opened anew";
}

TEST_F(FramedWriteTest, ToPollAnEndedStreamIsWritable) {
    make_lossless("1");
    set("mtu", "4");
    reader();
    File from = framed_writer();
    EXPECT_EQ(from.write(frames({"one"})), written(5));
    EXPECT_EQ(from.poll(POLLOUT), polled(0)) << "the pool is full";
    EXPECT_EQ(from.write(frames({"5five"})), error(EINVAL));
    EXPECT_EQ(from.poll(POLLOUT), polled(POLLOUT | POLLWRNORM)) << "it fails without blocking";
}

// ---- back-pressure

TEST_F(FramedWriteTest, AFullPoolMidwayReturnsWhatWasTaken) {
    make_lossless("2");
    File to = reader(), from = framed_writer();
    EXPECT_EQ(from.write(frames({"one", "two", "three"})), written(10));
    EXPECT_EQ(from.write(frames({"three"})), error(EAGAIN));
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(from.write(frames({"three"})), written(7));
    EXPECT_EQ(packets(to), (Packets{"two", "three"}));
}

TEST_F(FramedWriteTest, APacketThatIsKeptIsNotTakenTwice) {
    make_lossless("1");
    File to = reader(), from = framed_writer();
    EXPECT_EQ(from.write(frames({"one"}) + frame_header(5) + "he"), written(9));
    EXPECT_EQ(from.write("llo"), error(EAGAIN));
    EXPECT_EQ(from.write("ll"), written(2)) << "not whole yet, so nothing to wait for";
    EXPECT_EQ(from.write("o" + frames({"x"})), error(EAGAIN));
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(from.write("o" + frames({"x"})), written(1));
    EXPECT_EQ(packets(to), (Packets{"hello"}));
}

TEST_F(FramedWriteTest, ABlockingWriteWaitsUntilAllIsTaken) {
    make_lossless("1");
    File to = reader(), from = framed_writer();
    const std::string stream = frames({"one", "two", "three"});
    const Call write = from.start_write(stream + frame_header(4) + "ab");
    for (const char* data : {"one", "two"}) {
        EXPECT_EQ(outcome(write), kWaiting);
        EXPECT_EQ(to.read(), packet(data));
    }
    EXPECT_EQ(outcome(write), written(stream.size() + 4));
    EXPECT_EQ(from.write("cd"), error(EAGAIN));
    EXPECT_EQ(to.read(), packet("three"));
    EXPECT_EQ(from.write("cd"), written(2));
    EXPECT_EQ(to.read(), packet("abcd"));
}

TEST_F(FramedWriteTest, ASignalMidwayReturnsWhatWasTaken) {
    make_lossless("1");
    File to = reader(), from = framed_writer();
    const Call write = from.start_write(frames({"one", "two", "three"}));
    EXPECT_EQ(outcome(write), kWaiting);
    EXPECT_EQ(to.read(), packet("one"));
    start(ask::interrupt(write));
    EXPECT_EQ(outcome(write), written(10));
    EXPECT_EQ(packets(to), (Packets{"two"}));
    EXPECT_EQ(from.write(frames({"three"})), written(7));
    EXPECT_EQ(packets(to), (Packets{"three"}));
}

TEST_F(FramedWriteTest, ASignalBeforeAnythingWasTakenIsEintr) {
    make_lossless("1");
    File to = reader(), from = framed_writer();
    from.write(frames({"one"}) + frame_header(3) + "t");
    const Call write = from.start_write("wo" + frames({"three"}));
    EXPECT_EQ(outcome(write), kWaiting);
    start(ask::interrupt(write));
    EXPECT_EQ(outcome(write), error(EINTR));
    EXPECT_EQ(packets(to), (Packets{"one"}));
    EXPECT_EQ(from.write("wo"), written(2)) << "what was kept is still there";
    EXPECT_EQ(packets(to), (Packets{"two"}));
}

TEST_F(FramedWriteTest, AWriteComesBehindThoseOfItsOwnStream) {
    make_lossless("1");
    File to = reader(), from = framed_writer();
    const Call first = from.start_write(frames({"one", "two"}) + frame_header(5) + "th");
    const Call second = from.start_write("ree" + frames({"four"}));
    const Call third = from.start_write(frames({"five"}));
    EXPECT_EQ(from.write(frames({"x"})), error(EAGAIN)) << "in the middle of three";
    EXPECT_EQ(from.poll(POLLOUT), polled(0));
    Packets all;
    for (int i = 0; i < 5; ++i) all.push_back(to.read().data);
    EXPECT_EQ(all, (Packets{"one", "two", "three", "four", "five"}));
    EXPECT_EQ(outcome(first), written(14));
    EXPECT_EQ(outcome(second), written(9));
    EXPECT_EQ(outcome(third), written(6));
    EXPECT_EQ(from.poll(POLLOUT), polled(POLLOUT | POLLWRNORM));
}

TEST_F(FramedWriteTest, AnInterruptedWriteLetsTheNextOfItsStreamGoOn) {
    make_lossless("1");
    File to = reader(), from = framed_writer();
    from.write(frames({"one"}));
    const Call first = from.start_write(frames({"two"})), second = from.start_write(frames({"xx"}));
    const Call third = from.start_write(frames({"yy"}));
    EXPECT_EQ(outcome(second), kWaiting);
    start(ask::interrupt(second));
    EXPECT_EQ(outcome(second), error(EINTR)) << "one that is not its turn yet";
    start(ask::interrupt(first));
    EXPECT_EQ(outcome(first), error(EINTR));
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(outcome(third), written(4));
    EXPECT_EQ(to.read(), packet("yy"));
}

TEST_F(FramedWriteTest, PacketsOfOthersComeBetweenAndNeverWithin) {
    make_lossless("1");
    File to = reader(), from = framed_writer(), other = writer();
    const Call many = from.start_write(frames({"one", "two"}));
    const Call one = other.start_write("other");
    Packets all;
    for (int i = 0; i < 3; ++i) all.push_back(to.read().data);
    EXPECT_EQ(all, (Packets{"one", "two", "other"})) << "the line is kept";
    EXPECT_EQ(outcome(many), written(10));
    EXPECT_EQ(outcome(one), written(5));
}

TEST_F(FramedWriteTest, BeforeEnoughReadersAreThereItWaits) {
    set("minreaders", "1");
    File from = framed_writer();
    const Call write = from.start_write(frames({"one", "two"}));
    EXPECT_EQ(outcome(write), kWaiting);
    File to = reader();
    EXPECT_EQ(outcome(write), written(10));
    EXPECT_EQ(packets(to), (Packets{"one", "two"}));
}

TEST_F(FramedWriteTest, AStreamThatEndsWakesWhoeverSleepsToWrite) {
    make_lossless("1");
    set("mtu", "4");
    File to = reader(), from = framed_writer();
    const Call write = from.start_write(frames({"one", "two", "5five"}));
    EXPECT_EQ(from.poll(POLLOUT), polled(0));
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(outcome(write), written(10));
    EXPECT_EQ(kernel.take_wakeups(), std::vector{from.poll_handle()}) << "though the pool is full";
    EXPECT_EQ(from.poll(POLLOUT), polled(POLLOUT | POLLWRNORM));
}

TEST_F(FramedWriteTest, BehindAStreamThatEndedNobodyWaits) {
    make_lossless("1");
    set("mtu", "4");
    File to = reader(), from = framed_writer();
    const Call write = from.start_write(frames({"one", "two", "5five"}));
    const Call next = from.start_write(frames({"six"}));
    EXPECT_EQ(to.read(), packet("one"));
    EXPECT_EQ(outcome(write), written(10));
    EXPECT_EQ(from.write(frames({"six"})), error(EINVAL));
    EXPECT_EQ(to.read(), packet("two"));
    EXPECT_EQ(outcome(next), error(EINVAL));
}

// ---- ends

TEST_F(FramedWriteTest, TheEndOfTheNetworkEndsWrites) {
    make_lossless("1");
    reader();
    File from = framed_writer();
    const Call first = from.start_write(frames({"one", "two"}));
    const Call second = from.start_write(frame_header(3));
    EXPECT_EQ(outcome(first), kWaiting);
    set("state", "down");
    EXPECT_EQ(outcome(first), written(5));
    EXPECT_EQ(outcome(second), error(EPIPE));
    EXPECT_EQ(from.write(frame_header(3)), error(EPIPE)) << "though it is not whole";
}

TEST_F(FramedWriteTest, CuttingTheNodeEndsItsWrites) {
    make_lossless("1");
    reader();
    File from = framed_writer();
    from.write(frames({"one"}) + frame_header(3) + "t");
    const Call write = from.start_write("wo");
    EXPECT_EQ(outcome(write), kWaiting);
    EXPECT_EQ(call(ask::unlink(ports_node(), "1")), nothing());
    EXPECT_EQ(outcome(write), error(ECONNRESET));
    EXPECT_EQ(kept(), 0U);
}

TEST_F(FramedWriteTest, GivingUpWritingLetsGoOfWhatWasKept) {
    File from = framed_writer();
    from.write(frame_header(3) + "t");
    EXPECT_GT(kept(), 0U);
    EXPECT_EQ(mount.set(from.node, "role", "none"), 0);
    EXPECT_EQ(kept(), 0U);
    EXPECT_EQ(from.write("wo"), error(EPIPE));
}

TEST_F(FramedWriteTest, ClosingThrowsTheBeginningOfAPacketAway) {
    File to = reader(), from = framed_writer();
    from.write(frames({"one"}) + frame_header(3) + "t");
    from.close();
    EXPECT_EQ(kept(), 0U);
    EXPECT_EQ(packets(to), (Packets{"one"}));
}

TEST_F(FramedWriteTest, WhoMayNotWriteGetsEpipe) {
    EXPECT_EQ(mount.open("lab/framed", O_RDONLY).write(frame_header(1)), error(EPIPE));
}

// ---- memory

class FramedMemoryTest : public FramedWriteTest {
  protected:
    FramedMemoryTest() : FramedWriteTest({.memory = 64 * 1024, .gather = {}}) {
        set("mtu", "65535");
    }
};

TEST_F(FramedMemoryTest, WhatIsKeptIsChargedToTheWriter) {
    const std::string begun = frame_header(1900) + "x";  // 2 KiB of the 8 that may wait
    std::vector<File> writers;
    for (int i = 0; i < 4; ++i) {
        writers.push_back(framed_writer());
        EXPECT_EQ(writers.back().write(begun), written(3));
    }
    File last = framed_writer();
    EXPECT_EQ(last.write(frames({"one"}) + begun), written(5)) << "what comes before it is sent";
    EXPECT_EQ(last.write(begun), error(ENOMEM));
    EXPECT_NE(mount.get(last.node, "error").find("max_memory"), std::string::npos);
    kernel.caller.uid = 1001;
    EXPECT_EQ(framed_writer().write(begun), written(3)) << "another user has memory of its own";
    writers.front().close();
    EXPECT_EQ(last.write(begun), written(3));
}

TEST_F(FramedMemoryTest, APacketThatCanNeverFitIsAnError) {
    File to = reader(), from = framed_writer();
    const std::string large(60'000, 'x');
    EXPECT_EQ(from.write(frames({"one", large})), written(5));
    EXPECT_EQ(from.write(frames({large})), error(ENOMEM));
    EXPECT_NE(mount.get(from.node, "error").find("max_memory"), std::string::npos);
    EXPECT_EQ(packets(to), (Packets{"one"}));
}

TEST_F(FramedMemoryTest, AWriteWhoseRestCannotWaitReturnsWhatWasTaken) {
    make_lossless("1");
    reader();
    const std::string many = frames({std::string(5000, 'x'), std::string(5000, 'y')});
    EXPECT_EQ(outcome(framed_writer().start_write(frames({"one"}) + many)), written(5));
}

TEST_F(FramedMemoryTest, ALosslessWriterWaitsForMemoryInTheMiddleOfAWrite) {
    set("lossless", "1");
    File to = reader(), from = framed_writer(), other = writer();
    const std::string piece(1900, 'x');
    int sent = 0;
    while (other.write(piece) == written(piece.size())) ++sent;
    const Call first = from.start_write(frames({piece}) + frame_header(4) + "ab");
    const Call second = from.start_write("cd" + frames({"x"}));
    EXPECT_EQ(outcome(first), kWaiting);
    EXPECT_EQ(outcome(second), kWaiting) << "small, but its turn has not come";
    for (int i = 0; i < sent; ++i) EXPECT_EQ(to.read(), packet(piece));
    EXPECT_EQ(outcome(first), written(1902 + 4));
    EXPECT_EQ(outcome(second), written(5));
    EXPECT_EQ(packets(to), (Packets{piece, "abcd", "x"}));
}

}  // namespace
}  // namespace ipn::test
