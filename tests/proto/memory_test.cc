// What happens when max_memory is reached.
#include "frames.h"
#include "proto_test.h"

namespace ipn::test {
namespace {

class MemoryTest : public ProtoTest {
  protected:
    // What was sent may hold 64 KiB, one user's half of it; what waits to be sent, an eighth more.
    MemoryTest() : ProtoTest({.memory = 64 * 1024, .gather = {}}) {}

    // Fills one user's memory. Returns how many pieces that took.
    int fill(File& from);

    const std::string piece = std::string(1900, 'x');  // 2 KiB with what it takes to keep it
    static constexpr int kFit = 16;
};

int MemoryTest::fill(File& from) {
    int sent = 0;
    while (sent < 2 * kFit && from.write(piece) == written(piece.size())) ++sent;
    return sent;
}

TEST_F(MemoryTest, APacketThatCanNeverFitIsAnError) {
    set("mtu", "65535");
    File from = writer();
    EXPECT_EQ(from.write(std::string(60'000, 'x')), error(ENOMEM));
    EXPECT_NE(mount.get(from.node, "error").find("max_memory"), std::string::npos);
}

TEST_F(MemoryTest, ALossyNetworkDropsAndCounts) {
    set("mtu", "2000");
    File to = reader(), from = writer();
    EXPECT_EQ(fill(from), 2 * kFit) << "a writer does not notice";
    EXPECT_EQ(mount.get(to.node, "dropped"), std::to_string(kFit));
    EXPECT_EQ(to.read(), packet(piece));
}

TEST_F(MemoryTest, ALosslessWriterWaitsForMemory) {
    set("mtu", "2000");
    set("lossless", "1");
    File to = reader(), from = writer();
    EXPECT_EQ(fill(from), kFit);
    const Call write = from.start_write(piece);
    EXPECT_EQ(outcome(write), kWaiting);
    EXPECT_EQ(to.read(), packet(piece));
    EXPECT_EQ(outcome(write), written(piece.size()));
}

TEST_F(MemoryTest, OneUserLeavesHalfToTheOthers) {
    set("mtu", "2000");
    set("lossless", "1");
    reader();
    File from = writer();
    fill(from);
    kernel.caller.uid = 1001;
    File other = writer();
    EXPECT_EQ(fill(other), kFit);
}

TEST_F(MemoryTest, WhatWaitsHoldsLittleAndLosesNothing) {
    make_lossless("1");
    set("mtu", "2000");
    File to = reader(), from = writer();
    from.write("first");
    std::vector<Call> waiting;
    for (int i = 0; i < 4; ++i) {
        waiting.push_back(from.start_write(piece));
        EXPECT_EQ(outcome(waiting.back()), kWaiting);
    }
    EXPECT_EQ(outcome(from.start_write(piece)), error(ENOMEM));
    EXPECT_NE(mount.get(from.node, "error").find("max_memory"), std::string::npos);
    EXPECT_EQ(to.read(), packet("first"));
    for (const Call write : waiting) {
        EXPECT_EQ(outcome(write), written(piece.size()));
        EXPECT_EQ(to.read(), packet(piece));
    }
}

TEST_F(MemoryTest, AStreamWriteTooLongToBeKeptWaitsWithItsBeginning) {
    make_lossless("1");
    set("type", "stream");
    set("mtu", "500");
    File to = reader(), from = writer();
    const Call write = from.start_write(std::string(100'000, 'x'));
    EXPECT_EQ(outcome(write), kWaiting);
    EXPECT_EQ(outcome(to.start_read()), packet(std::string(500, 'x')));
    EXPECT_EQ(outcome(to.start_read()), packet(std::string(500, 'x')));
    EXPECT_EQ(outcome(write), written(1012)) << "a packet, and a sixteenth of what may wait";
    EXPECT_EQ(to.read(), packet(std::string(12, 'x')));
}

TEST_F(MemoryTest, AFramedWriteTooLongToBeKeptEndsBetweenTwoPackets) {
    make_lossless("1");
    set("mtu", "3000");
    struct Case {
        std::size_t length, packets, taken;
    };
    File to = reader(), from = mount.open("lab/framed", O_WRONLY);
    for (const Case& one : {Case{100, 50, 1 + 29}, Case{3000, 4, 1 + 1}}) {
        SCOPED_TRACE(one.length);
        const std::string data(one.length, 'x');
        std::string stream;
        for (std::size_t i = 0; i < one.packets; ++i) stream += frames({data});
        const Call write = from.start_write(stream);
        EXPECT_EQ(outcome(write), kWaiting);
        for (std::size_t i = 0; i < one.taken; ++i) EXPECT_EQ(to.read(), packet(data));
        EXPECT_EQ(to.read(), error(EAGAIN));
        EXPECT_EQ(outcome(write), written(one.taken * (2 + one.length)));
    }
}

TEST_F(MemoryTest, ManyStreamWritesCanWaitAndThenNoMore) {
    make_lossless("1");
    set("type", "stream");
    set("mtu", "100");
    reader();
    File from = writer();
    const std::string data(8000, 'x');  // all that one user's writes may hold
    Call write = from.start_write(data);
    int waiting = 0;
    for (; waiting < 100 && outcome(write) == kWaiting; ++waiting) write = from.start_write(data);
    EXPECT_GE(waiting, 10);
    EXPECT_EQ(outcome(write), error(ENOMEM));
}

TEST_F(MemoryTest, AStreamWriteWhoseRestCannotWaitReturnsWhatWasTaken) {
    set("type", "stream");
    set("mtu", "9000");  // more than an eighth of the memory, with what it takes to keep it
    set("lossless", "1");
    reader();
    EXPECT_EQ(outcome(writer().start_write(std::string(60'000, 'x'))), written(18'000));
}

}  // namespace
}  // namespace ipn::test
