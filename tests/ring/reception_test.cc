// Receiving into provided buffers: what came is told with the buffer that it is in.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "netdev/ring/buffer_ring.h"
#include "netdev/ring/ring.h"

namespace ipn::test {
namespace {

using ring::BufferRing;
using ring::Operation;
using ring::Reception;
using ring::Ring;

constexpr std::uint16_t kBuffers = 4;
constexpr std::size_t kBytes = 64;

// Keeps what it received, and the buffers that it is in.
class Recorder final : public Reception {
  public:
    explicit Recorder(std::array<std::array<char, kBytes>, kBuffers>& memory) : memory_(memory) {}

    std::vector<std::string> came;
    std::vector<std::uint16_t> used;
    std::optional<int> end;  // the result of the completion after which there are no more

  private:
    void received(int result, std::optional<std::uint16_t> buffer, bool more) override {
        if (buffer && result > 0) {
            came.emplace_back(memory_[*buffer].data(), result);
            used.push_back(*buffer);
        }
        if (!more) end = result;
    }

    std::array<std::array<char, kBytes>, kBuffers>& memory_;
};

class ReceptionTest : public testing::Test {
  protected:
    ReceptionTest() {
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()), 0);
        for (std::uint16_t number = 0; number < kBuffers; ++number) provide(number);
    }
    ~ReceptionTest() override {
        for (const int end : ends) close(end);
    }
    void TearDown() override {
        ring.cancel(reception);
        while (ring.in_kernel() > 0) ring.turn(std::nullopt);
    }

    void provide(std::uint16_t number) {
        buffers.provide(std::as_writable_bytes(std::span(memory[number])), number);
    }
    void send(std::string_view packet) {
        EXPECT_EQ(::write(ends[1], packet.data(), packet.size()), packet.size());
    }
    // Turns until nothing more happens at once.
    void turn() {
        do ring.turn(std::chrono::nanoseconds(0));
        while (ring.pending());
    }

    std::array<int, 2> ends{};
    std::array<std::array<char, kBytes>, kBuffers> memory{};
    Ring ring{8};
    BufferRing buffers{ring, kBuffers};
    Recorder reception{memory};
};

using Packets = std::vector<std::string>;

TEST_F(ReceptionTest, OneReadReceivesAllThatComes) {
    if (!ring.multishot_reads()) GTEST_SKIP() << "this kernel has no multishot reads";
    ring.read(ends[0], buffers, reception);
    send("one");
    send("two");
    turn();
    send("three");
    turn();
    EXPECT_EQ(reception.came, Packets({"one", "two", "three"}));
    EXPECT_FALSE(reception.end);
    EXPECT_EQ(ring.in_kernel(), 1U);
}

TEST_F(ReceptionTest, WhatHasNoBufferIsLeftWhereItIs) {
    if (!ring.multishot_reads()) GTEST_SKIP() << "this kernel has no multishot reads";
    ring.read(ends[0], buffers, reception);
    for (const char* packet : {"1", "2", "3", "4", "5"}) send(packet);
    turn();
    EXPECT_EQ(reception.came, Packets({"1", "2", "3", "4"}));
    EXPECT_EQ(reception.end, -ENOBUFS);
    EXPECT_EQ(ring.in_kernel(), 0U);

    provide(reception.used.front());
    ring.read(ends[0], buffers, reception);
    turn();
    EXPECT_EQ(reception.came.back(), "5");
}

TEST_F(ReceptionTest, WithoutMultishotEachReadReceivesOnce) {
    ring.forgo_multishot_reads();
    send("one");
    send("two");
    ring.read(ends[0], buffers, reception);
    turn();
    EXPECT_EQ(reception.came, Packets({"one"}));
    EXPECT_EQ(reception.end, 3);
    ring.read(ends[0], buffers, reception);
    turn();
    EXPECT_EQ(reception.came, Packets({"one", "two"}));
}

TEST_F(ReceptionTest, AnEndOfFileUsesNoBuffer) {
    ring.read(ends[0], buffers, reception);
    shutdown(ends[1], SHUT_WR);
    turn();
    EXPECT_EQ(reception.end, 0);
    EXPECT_TRUE(reception.used.empty());
}

TEST_F(ReceptionTest, CancelledItHasEnded) {
    ring.read(ends[0], buffers, reception);
    turn();
    ring.cancel(reception);
    turn();
    EXPECT_EQ(reception.end, -ECANCELED);
    EXPECT_EQ(ring.in_kernel(), 0U);
}

TEST_F(ReceptionTest, MessagesComeWithTheirHeader) {
    msghdr form{};
    ring.receive(ends[0], form, buffers, reception);
    send("one");
    send("two");
    turn();
    ASSERT_EQ(reception.came.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        std::string& came = reception.came[i];
        io_uring_recvmsg_out* out =
            io_uring_recvmsg_validate(came.data(), static_cast<int>(came.size()), &form);
        ASSERT_NE(out, nullptr);
        const auto* payload = static_cast<const char*>(io_uring_recvmsg_payload(out, &form));
        EXPECT_EQ(std::string(payload, out->payloadlen), i == 0 ? "one" : "two");
    }
}

// A write that says how it ended.
class RecordedWrite final : public Operation {
  public:
    std::optional<int> result;

  private:
    void completed(int value) override { result = value; }
};

TEST_F(ReceptionTest, WhatIsWrittenInPartsIsOnePacket) {
    RecordedWrite write;
    char head[] = "head ";
    char tail[] = "tail";
    const std::array<iovec, 2> parts{{{head, 5}, {tail, 4}}};
    ring.read(ends[0], buffers, reception);
    ring.write(ends[1], parts, write);
    turn();
    EXPECT_EQ(write.result, 9);
    EXPECT_EQ(reception.came, Packets({"head tail"}));
}

}  // namespace
}  // namespace ipn::test
