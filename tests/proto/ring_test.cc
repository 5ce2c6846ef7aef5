// FUSE over io_uring: what is different there from /dev/fuse. All the other stories are told over
// both.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "proto_test.h"

namespace ipn::test {
namespace {

class RingTest : public ProtoTest {
  protected:
    explicit RingTest(const RingSupport& support = {.wanted = true}) : ProtoTest({}, support) {}

    // Reads that block, all of them asked before the daemon sees the first.
    std::vector<Call> start_reads(File& file, std::size_t count) {
        std::vector<Call> reads;
        for (std::size_t i = 0; i < count; ++i) reads.push_back(file.start_read());
        return reads;
    }
    std::size_t answered_with(const std::vector<Call>& reads, const Answer& wanted) {
        std::size_t count = 0;
        for (const Call read : reads) count += outcome(read) == wanted ? 1 : 0;
        return count;
    }
    void pass_time(core::Duration time) {
        mount.world.clock.advance(time);
        mount.world.registry.timers().run(mount.world.clock.now());
        mount.serve();
    }

    FakeRing& ring = kernel.ring;
};

TEST_F(RingTest, IsAgreedOn) {
    EXPECT_NE(mount.init.as<fuse_init_out>().flags & fs::kInitExtended, 0U);
    EXPECT_NE(mount.init.as<fuse_init_out>().flags2 & fs::kOverIoUring, 0U);
    EXPECT_TRUE(mount.protocol->over_ring);
    EXPECT_TRUE(ring.ready());
}

TEST_F(RingTest, ARequestIsAnsweredThatComesWhileItStarts) {
    const auto answer = outcome(kernel.first_over_ring);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error, 0);
}

TEST_F(RingTest, AReadThatWaitsKeepsItsEntry) {
    File to = reader(), from = writer();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    EXPECT_EQ(ring.taken(), 1U);
    from.write("hello");
    EXPECT_EQ(outcome(read), packet("hello"));
    EXPECT_EQ(ring.taken(), 0U);
}

TEST_F(RingTest, AMillionBytesFit) {
    set("msgpoolsize", "8192");
    File to = mount.open("lab/framed", O_RDONLY), from = mount.open("lab/framed", O_WRONLY);
    std::string frames;
    while (frames.size() < 900'000) frames += std::string("\x01\x00", 2) + std::string(256, 'x');
    EXPECT_EQ(from.write(frames), written(frames.size()));
    EXPECT_EQ(to.read(1 << 20).data.size(), frames.size());
}

// ---- many that wait

TEST_F(RingTest, ManyReadsWaitAtOnce) {
    File to = reader(), from = writer();
    const auto reads = start_reads(to, 300);
    EXPECT_EQ(answered_with(reads, packet("x")), 0U);
    EXPECT_EQ(ring.waiting(), 0U) << "in the kernel";
    EXPECT_EQ(ring.taken(), 300U);
    for (int i = 0; i < 300; ++i) from.write("x");
    EXPECT_EQ(answered_with(reads, packet("x")), 300U);
}

TEST_F(RingTest, WhatCameWhenEveryEntryWasTakenIsNotLeftWaiting) {
    File to = reader(), from = writer();
    const auto reads = start_reads(to, fs::RingTransport::kEntriesAtFirst);
    const Call write = from.start_write("hello");
    EXPECT_EQ(ring.waiting(), 1U);
    EXPECT_EQ(outcome(write), written(5));
    EXPECT_EQ(outcome(reads.front()), packet("hello"));
}

TEST_F(RingTest, OneQueueDoesNotMakeTheOtherWait) {
    File to = reader(), from = writer();
    start_reads(to, 100);
    kernel.cpu = 1;
    EXPECT_EQ(from.write("hello"), written(5));
}

TEST_F(RingTest, WhereWeMayNotRunARequestThatWaitsGoesOn) {
    ring.may_run_anywhere = false;
    File to = reader(), from = writer();
    const auto reads = start_reads(to, fs::RingTransport::kEntriesAtFirst);
    const Call write = from.start_write("hello");
    EXPECT_EQ(outcome(write), written(5));
    EXPECT_GE(answered_with(reads, error(EINTR)), 1U);
}

class FullRingTest : public RingTest {
  protected:
    static constexpr std::size_t kEntries = 16;  // of both queues
    FullRingTest() : RingTest({.wanted = true, .entries_max = kEntries}) {}
};

TEST_F(FullRingTest, RefusesWhatWouldWaitAndTakesTheRest) {
    File to = reader(), from = writer();
    const auto reads = start_reads(to, 100);
    const std::size_t refused = answered_with(reads, error(ENOMEM));
    const std::size_t let_go = answered_with(reads, error(EINTR));
    EXPECT_LE(let_go, 1U) << "only if the last entry was lost before it was known to be the last";
    EXPECT_EQ(refused + let_go + ring.taken(), 100U);
    EXPECT_EQ(ring.waiting(), 0U);
    EXPECT_LT(ring.taken(), kEntries);
    EXPECT_EQ(from.write("hello"), written(5));
    EXPECT_EQ(answered_with(reads, packet("hello")), 1U);
}

TEST_F(FullRingTest, SaysWhy) {
    File to = reader();
    const auto reads = start_reads(to, 100);
    ASSERT_GT(answered_with(reads, error(ENOMEM)), 0U);
    EXPECT_NE(mount.get(mount.node("lab/port"), "error").find("waiting already"),
              std::string::npos);
}

TEST_F(FullRingTest, AWriteThatWouldWaitIsRefusedToo) {
    make_lossless("1");
    File to = reader(), from = writer();
    from.write("first");
    std::vector<Call> writes;
    for (std::size_t i = 0; i < 2 * kEntries; ++i) writes.push_back(from.start_write("more"));
    EXPECT_GT(answered_with(writes, error(ENOMEM)), 0U);
    EXPECT_EQ(to.read(), packet("first"));
}

// ---- where there is none

class NoRingTest : public RingTest {
  protected:
    explicit NoRingTest(const RingSupport& support = {.wanted = true, .offered = false})
        : RingTest(support) {}

    void expect_the_device_is_used() {
        EXPECT_FALSE(mount.protocol->over_ring);
        EXPECT_FALSE(ring.ready());
        File to = reader(), from = writer();
        const Call read = to.start_read();
        from.write("hello");
        EXPECT_EQ(outcome(read), packet("hello"));
    }
};
class RefusedRingTest : public NoRingTest {
  protected:
    RefusedRingTest() : NoRingTest({.wanted = true, .entries_max = 1}) {}
};
class UnwantedRingTest : public NoRingTest {
  protected:
    UnwantedRingTest() : NoRingTest({.wanted = false}) {}
};

TEST_F(NoRingTest, NotOffered) {
    expect_the_device_is_used();
}

TEST_F(RefusedRingTest, NoEntriesTaken) {
    expect_the_device_is_used();
}

TEST_F(UnwantedRingTest, NotAskedFor) {
    expect_the_device_is_used();
    EXPECT_EQ(mount.init.as<fuse_init_out>().flags2 & fs::kOverIoUring, 0U);
}

// ---- signals that the kernel does not tell of

// A process that is stopped; its signals are pending.
class Stopped {
  public:
    Stopped() : pid_(fork()) {
        if (pid_ == 0) {
            raise(SIGSTOP);
            _exit(0);
        }
        waitpid(pid_, nullptr, WUNTRACED);
    }
    ~Stopped() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    Stopped(const Stopped&) = delete;
    Stopped& operator=(const Stopped&) = delete;

    std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
    void get(int signal) const { kill(pid_, signal); }

  private:
    const pid_t pid_;
};

TEST_F(RingTest, AClientWithASignalFromBeforeIsLetGo) {
    const Stopped client;
    client.get(SIGTERM);
    kernel.caller.pid = client.pid();
    File to = reader();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    pass_time(fs::RingTransport::kUnsure);
    pass_time(fs::RingTransport::kUnsure);
    EXPECT_EQ(outcome(read), error(EINTR));
}

TEST_F(RingTest, AClientWithoutGoesOnWaitingAndNothingTicks) {
    const Stopped client;
    kernel.caller.pid = client.pid();
    File to = reader();
    const Call read = to.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    pass_time(fs::RingTransport::kUnsure);
    pass_time(fs::RingTransport::kUnsure);
    EXPECT_EQ(outcome(read), kWaiting);
    EXPECT_EQ(mount.world.registry.timers().next(), std::nullopt);
}

// ---- what an entry holds

class MessageInTest : public testing::Test {
  protected:
    static constexpr std::size_t kHeader = sizeof(fuse_in_header);

    std::optional<fs::Message> message(std::size_t length, std::size_t payload_size) {
        fuse_in_header header{};
        header.len = static_cast<std::uint32_t>(length);
        std::memcpy(headers.in_out, &header, sizeof header);
        headers.payload_size = static_cast<std::uint32_t>(payload_size);
        return fs::message_in(headers, payload, channel);
    }
    bool is_message(std::size_t length, std::size_t payload_size) {
        return message(length, payload_size).has_value();
    }

    fs::RingHeaders headers{};
    std::vector<std::byte> payload{4096};
    fs::Channel channel;
};

TEST_F(MessageInTest, IsTakenApartByItsLengths) {
    const auto found = message(kHeader + 40 + 100, 100);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->arguments.size(), 40U);
    EXPECT_EQ(found->rest.size(), 100U);
    EXPECT_EQ(found->rest.data(), payload.data());
}

TEST_F(MessageInTest, CannotBeLongerThanItsPlaces) {
    EXPECT_TRUE(is_message(kHeader + 128 + 4096, 4096));
    EXPECT_FALSE(is_message(kHeader + 129 + 4096, 4096)) << "the arguments";
    EXPECT_FALSE(is_message(kHeader + 128 + 4097, 4097)) << "the payload";
    EXPECT_FALSE(is_message(UINT32_MAX, UINT32_MAX));
}

TEST_F(MessageInTest, CannotBeShorterThanItsParts) {
    EXPECT_TRUE(is_message(kHeader, 0));
    EXPECT_FALSE(is_message(kHeader - 1, 0));
    EXPECT_FALSE(is_message(0, 0));
    EXPECT_FALSE(is_message(kHeader + 99, 100));
}

}  // namespace
}  // namespace ipn::test
