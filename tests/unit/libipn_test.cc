// libipn's stream, cut where ipnfs seldom cuts it: the node's descriptor is a pipe here.
// tests/kernel/libipn_test.cc has the rest of the library, on real mounts.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "frames.h"

extern "C" {
#include "lib/node.h"
}

namespace ipn::test {
namespace {

using Packets = std::vector<std::string>;

class LibipnStreamTest : public testing::Test {
  protected:
    static constexpr std::size_t kMtu = 1514;

    LibipnStreamTest() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_NONBLOCK) != 0) throw std::runtime_error("pipe2");
        reader.fd = ends[0];
        writer.fd = ends[1];
    }
    ~LibipnStreamTest() override {
        for (ipn_node* node : {&reader, &writer}) {
            close(node->fd);
            std::free(node->staged);
            std::free(node->kept.bytes);
        }
    }

    ssize_t send(const Packets& packets) {
        std::vector<ipn_packet> all;
        for (const std::string& packet : packets) all.push_back({packet.data(), packet.size()});
        return ipn_send_many(&writer, all.data(), all.size());
    }
    // What is in the pipe, up to `size` bytes.
    std::string drain(std::size_t size = 1 << 20) const {
        std::string bytes(size, '\0');
        const ssize_t got = read(reader.fd, bytes.data(), size);
        bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return bytes;
    }
    void put(const std::string& bytes) const {
        ASSERT_EQ(write(writer.fd, bytes.data(), bytes.size()), std::ssize(bytes));
    }
    // Packets received by one call, or the name of the error.
    Packets receive_many(std::size_t max = 100, std::size_t size = kMtu + 2) {
        std::string buffer(size, '\0');
        std::vector<ipn_packet> packets(max);
        const ssize_t count = ipn_receive_many(&reader, buffer.data(), size, packets.data(), max);
        if (count < 0) return {strerrorname_np(errno)};
        Packets all;
        for (ssize_t i = 0; i < count; ++i)
            all.emplace_back(static_cast<const char*>(packets[i].data), packets[i].length);
        return all;
    }
    std::string receive(std::size_t size = 70'000) {
        std::string buffer(size, '\0');
        const ssize_t length = ipn_receive(&reader, buffer.data(), size);
        return length < 0 ? strerrorname_np(errno) : buffer.substr(0, length);
    }
    // `take(received)` receives all there is, once before and once behind each place to cut at.
    template <typename Take>
    void expect_all_however_cut(Take take) {
        const Packets all{"one", "three", "x"};
        const std::string stream = frames({"one", "three", "x"});
        for (std::size_t cut = 1; cut < stream.size(); ++cut) {
            SCOPED_TRACE(cut);
            Packets received;
            for (const auto& piece : {stream.substr(0, cut), stream.substr(cut)}) {
                put(piece);
                take(received);
            }
            EXPECT_EQ(received, all);
        }
    }

    ipn_node reader{.fd = -1, .mtu = kMtu, .staged = nullptr, .rest = {}, .kept = {}};
    ipn_node writer = reader;
};

// ---- sending

TEST_F(LibipnStreamTest, APacketSentInPartCountsAndItsRestGoesFirst) {
    const std::string data(1000, 'x');
    const ssize_t sent = send(Packets(100, data));
    ASSERT_GT(sent, 0);
    ASSERT_LT(sent, 100);
    std::string stream = drain();
    ASSERT_NE(stream.size() % 1002, 0U) << "the pipe was full within a packet";
    EXPECT_EQ(send({"next"}), 1);
    stream += drain();

    std::string expected;
    for (ssize_t i = 0; i < sent; ++i) expected += frames({data});
    EXPECT_EQ(stream, expected + frames({"next"}));
}

TEST_F(LibipnStreamTest, TheRestGoesInPartsAsWell) {
    writer.mtu = 65'535;
    const std::string data(40'000, 'x');
    ASSERT_EQ(send({data, data}), 2) << "the second in part";
    std::string stream = drain(8192);
    EXPECT_EQ(send({"next"}), -1) << "there is room for it, but not for the rest";
    EXPECT_EQ(errno, EAGAIN);
    stream += drain();
    EXPECT_EQ(send({"next"}), 1);
    EXPECT_EQ(stream + drain(), frames({data, data, "next"}));
}

TEST_F(LibipnStreamTest, FlushSendsTheRest) {
    EXPECT_EQ(ipn_flush(&writer), 0) << "there is none";
    const ssize_t sent = send(Packets(100, std::string(1000, 'x')));
    EXPECT_EQ(ipn_flush(&writer), -1);
    EXPECT_EQ(errno, EAGAIN);
    const std::size_t before = drain().size();
    EXPECT_EQ(ipn_flush(&writer), 0);
    EXPECT_EQ(before + drain().size(), static_cast<std::size_t>(sent) * 1002);
    EXPECT_EQ(ipn_flush(&writer), 0);
    EXPECT_EQ(drain(), "") << "once";
}

// ---- receiving

TEST_F(LibipnStreamTest, OneByOneCutAnywhere) {
    expect_all_however_cut([this](Packets& received) {
        for (std::string got = receive(); got != "EAGAIN"; got = receive()) received.push_back(got);
    });
}

TEST_F(LibipnStreamTest, ManyAtOnceCutAnywhere) {
    expect_all_however_cut([this](Packets& received) {
        for (Packets got = receive_many(); got != Packets{"EAGAIN"}; got = receive_many())
            received.insert(received.end(), got.begin(), got.end());
    });
}

TEST_F(LibipnStreamTest, APacketLongerThanTheMtuIsReceivedWithRoomForIt) {
    const std::string longer(kMtu + 4, 'x');
    put(frames({longer, "next"}));
    EXPECT_EQ(receive_many(), Packets{"EMSGSIZE"});
    EXPECT_EQ(receive(kMtu), "EMSGSIZE");
    EXPECT_EQ(receive_many(100, kMtu + 6), Packets{longer});
    EXPECT_EQ(receive(), "next");
}

TEST_F(LibipnStreamTest, APacketOfAnyLengthHasRoomToBeKept) {
    const std::string longest(65'535, 'y');
    ASSERT_GE(fcntl(writer.fd, F_SETPIPE_SZ, 1 << 18), 1 << 18);
    put(frames({longest, longest}));
    EXPECT_EQ(receive_many(), Packets{"EMSGSIZE"}) << "of which a part is kept already";
    EXPECT_EQ(receive(), longest);
    EXPECT_EQ(receive_many(100, 1 << 17), Packets{longest});
}

TEST_F(LibipnStreamTest, WhatIsBegunIsNotPending) {
    put(frames({"one", "two"}).substr(0, 8));
    EXPECT_EQ(receive(), "one");
    EXPECT_EQ(ipn_pending(&reader), 0U);
    EXPECT_EQ(receive(), "EAGAIN");
}

TEST_F(LibipnStreamTest, TheEndWithinAPacketIsTheEnd) {
    put(frames({"one", "two"}).substr(0, 8));
    close(writer.fd);
    writer.fd = -1;
    EXPECT_EQ(receive(), "one");
    EXPECT_EQ(receive(), "");
    EXPECT_EQ(receive_many(), Packets{});
}

}  // namespace
}  // namespace ipn::test
