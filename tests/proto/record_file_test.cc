// Files whose contents come while they are read, whatever these are: `oob` stands for all of them.
#include <gmock/gmock.h>

#include "proto_test.h"

namespace ipn::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class RecordFileTest : public ProtoTest {
  protected:
    static constexpr int kIn = POLLIN | POLLRDNORM;

    explicit RecordFileTest(const core::Registry::Limits& limits = {}) : ProtoTest(limits) {}

    static std::string numnodes(int readers, int writers) {
        return "{\"level\":0,\"tag\":\"numnodes\",\"readers\":" + std::to_string(readers) +
               ",\"writers\":" + std::to_string(writers) + "}\n";
    }
    // Makes two records.
    void come_and_go() { reader().close(); }
    std::size_t charged() {
        return mount.world.registry.memory().used(core::Memory::Purpose::waiting);
    }

    File oob = mount.open("lab/oob", O_RDONLY);
};

TEST_F(RecordFileTest, ABlockedReadGetsTheNextRecord) {
    EXPECT_EQ(oob.read(), packet(numnodes(0, 0)));
    EXPECT_EQ(oob.read(), error(EAGAIN));
    const Call read = oob.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    reader();
    EXPECT_EQ(outcome(read), packet(numnodes(1, 0)));
}

TEST_F(RecordFileTest, AReadTakesAsManyWholeRecordsAsFit) {
    come_and_go();
    const std::string three = numnodes(0, 0) + numnodes(1, 0) + numnodes(0, 0);
    EXPECT_EQ(oob.read(static_cast<std::uint32_t>(three.size()) - 1),
              packet(numnodes(0, 0) + numnodes(1, 0)));
    EXPECT_EQ(oob.read(), packet(numnodes(0, 0)));
}

TEST_F(RecordFileTest, ARecordCanBeReadInPieces) {
    const std::string line = numnodes(0, 0);
    EXPECT_EQ(oob.read(10), packet(line.substr(0, 10)));
    come_and_go();
    EXPECT_EQ(oob.read(1), packet(line.substr(10, 1)));
    EXPECT_EQ(oob.read(), packet(line.substr(11) + numnodes(1, 0) + numnodes(0, 0)));
}

TEST_F(RecordFileTest, AReadOfNothingTakesNothing) {
    EXPECT_EQ(oob.read(0), nothing());
    EXPECT_EQ(oob.read(), packet(numnodes(0, 0)));
    EXPECT_EQ(oob.read(0), nothing());
}

TEST_F(RecordFileTest, WhatTheKernelAsksBeyondOneReadIsNothing) {
    EXPECT_EQ(call(ask::read(oob.handle, 100, 0, 4096)), nothing());
    EXPECT_EQ(oob.read(), packet(numnodes(0, 0)));
}

TEST_F(RecordFileTest, BlockedReadsAreAnsweredInTheirOrder) {
    oob.read();
    const Call first = oob.start_read(), second = oob.start_read();
    EXPECT_EQ(oob.read(), error(EAGAIN));
    reader();
    EXPECT_EQ(outcome(first), packet(numnodes(1, 0)));
    EXPECT_EQ(outcome(second), kWaiting);
    reader();
    EXPECT_EQ(outcome(second), packet(numnodes(2, 0)));
}

TEST_F(RecordFileTest, ABlockedReadCanBeInterrupted) {
    oob.read();
    const Call first = oob.start_read(), second = oob.start_read();
    kernel.start(ask::interrupt(first));
    EXPECT_EQ(outcome(first), error(EINTR));
    reader();
    EXPECT_EQ(outcome(second), packet(numnodes(1, 0)));
}

TEST_F(RecordFileTest, IsNotWritten) {
    EXPECT_EQ(call(ask::open(mount.node("lab/oob"), O_WRONLY)), error(EPERM));
    EXPECT_EQ(call(ask::open(mount.node("lab/oob"), O_RDWR)), error(EPERM));
    EXPECT_EQ(oob.write("x"), error(EBADF));
}

TEST_F(RecordFileTest, IsPolled) {
    EXPECT_EQ(oob.poll(POLLIN), polled(kIn));
    oob.read();
    EXPECT_EQ(oob.poll(POLLIN), polled(0));
    EXPECT_EQ(kernel.take_wakeups(), std::vector<std::uint64_t>());
    come_and_go();
    EXPECT_EQ(kernel.take_wakeups(), std::vector{oob.poll_handle()});
    EXPECT_EQ(oob.poll(POLLIN, false), polled(kIn));
    come_and_go();
    EXPECT_EQ(kernel.take_wakeups(), std::vector<std::uint64_t>());
}

TEST_F(RecordFileTest, TheEndWakesWhoWaitsAndComesBehindWhatIsQueued) {
    oob.read();
    const Call read = oob.start_read();
    oob.poll(POLLIN);
    set("state", "down");
    EXPECT_EQ(outcome(read), nothing());
    EXPECT_EQ(kernel.take_wakeups(), std::vector{oob.poll_handle()});
    EXPECT_EQ(oob.poll(POLLIN), polled(kIn | POLLHUP));
    EXPECT_EQ(oob.read(), nothing());
}

TEST_F(RecordFileTest, WhatIsQueuedCanBeReadBehindTheEnd) {
    set("state", "down");
    EXPECT_EQ(oob.poll(POLLIN), polled(kIn | POLLHUP));
    EXPECT_EQ(oob.read(), packet(numnodes(0, 0)));
    EXPECT_EQ(oob.read(), nothing());
}

TEST_F(RecordFileTest, WhatIsQueuedIsChargedToTheReader) {
    EXPECT_EQ(charged(), numnodes(0, 0).size());
    come_and_go();
    EXPECT_EQ(charged(), 3 * numnodes(0, 0).size());
    oob.read(10);
    EXPECT_EQ(charged(), 3 * numnodes(0, 0).size());
    oob.read(static_cast<std::uint32_t>(numnodes(0, 0).size()));
    EXPECT_EQ(charged(), 2 * numnodes(0, 0).size());
    oob.close();
    EXPECT_EQ(charged(), 0U);
}

TEST_F(RecordFileTest, ASlowReaderLosesTheNewestAndIsToldHowManyWhereTheyAreMissing) {
    constexpr std::size_t kBytesMax = 256 * 1024;
    const std::size_t fit = kBytesMax / numnodes(0, 0).size();
    std::size_t made = 0;  // besides the first
    for (; made + 1 < fit; made += 2) come_and_go();
    const std::size_t full = charged();
    EXPECT_LE(full, kBytesMax);
    EXPECT_GT(full, kBytesMax - numnodes(0, 0).size());
    for (int i = 0; i < 5; ++i) come_and_go();
    EXPECT_EQ(charged(), full);

    std::string all;
    for (Answer part = oob.read(); part.error == 0; part = oob.read()) all += part.data;
    EXPECT_THAT(all, StartsWith(numnodes(0, 0) + numnodes(1, 0)));
    EXPECT_THAT(all, EndsWith("{\"level\":0,\"tag\":\"missed\",\"count\":" +
                              std::to_string(10 + (1 + made - fit)) + "}\n"));
    come_and_go();
    EXPECT_EQ(oob.read(), packet(numnodes(1, 0) + numnodes(0, 0)));
}

TEST_F(RecordFileTest, ASlowReaderDisturbsNobody) {
    File other = mount.open("lab/oob", O_RDONLY);
    other.read();
    for (int i = 0; i < 3000; ++i) {
        come_and_go();
        ASSERT_EQ(other.read(), packet(numnodes(1, 0) + numnodes(0, 0)));
    }
}

class SmallRecordFileTest : public RecordFileTest {
  protected:
    // One user may hold 256 bytes of it, an eighth.
    SmallRecordFileTest() : RecordFileTest({.memory = 2048, .gather = {}}) {}
};

TEST_F(SmallRecordFileTest, ALossThatCannotBeToldYetIsToldLater) {
    for (int i = 0; i < 5; ++i) come_and_go();
    EXPECT_LE(charged(), 256U);
    std::string all;
    for (Answer part = oob.read(); part.error == 0; part = oob.read()) all += part.data;
    EXPECT_THAT(all, HasSubstr("missed\",\"count\":7}"));
}

TEST_F(SmallRecordFileTest, ALossIsToldBeforeTheEnd) {
    for (int i = 0; i < 5; ++i) come_and_go();
    set("state", "down");
    std::string all;
    for (Answer part = oob.read(); !part.data.empty(); part = oob.read()) all += part.data;
    EXPECT_THAT(all, EndsWith("missed\",\"count\":7}\n"));
}

}  // namespace
}  // namespace ipn::test
