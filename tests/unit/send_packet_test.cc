// Sending a packet that somebody else filled: what interfaces do, which receive into packet memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "core/on_loop.h"
#include "world.h"

namespace ipn::test {
namespace {

using core::Memory;
using core::PacketRef;

class SendPacketTest : public CoreTest {
  protected:
    static constexpr auto kReceiving = Memory::Purpose::receiving;
    static constexpr std::uint32_t kBuffer = 65'600;

    explicit SendPacketTest(const core::Registry::Limits& limits = {}) : CoreTest(limits) {}

    PacketRef received(std::string_view data) {
        const core::AccountRef interface = world.registry.memory().account(0);
        PacketRef packet = world.registry.packets().allocate(kBuffer, *interface, kReceiving);
        packet->set_length(static_cast<std::uint32_t>(data.size()));
        std::copy(data.begin(), data.end(), reinterpret_cast<char*>(packet->data()));
        return packet;
    }
    core::Network::Sent send(TestEndpoint& from, const PacketRef& packet) {
        const core::AssumeLoop here;
        return lab().send(from.node(), packet);
    }
    std::size_t used() { return world.registry.memory().used(); }
};

TEST_F(SendPacketTest, IsReceivedByEverybodyElse) {
    TestEndpoint &one = reader(), &other = reader(), &from = both();
    const auto sent = send(from, received("frame"));
    EXPECT_EQ(sent.outcome, Send::done);
    EXPECT_EQ(sent.taken, 5U);
    EXPECT_EQ(one.read(), "frame");
    EXPECT_EQ(one.node().last_from(), from.number());
    EXPECT_EQ(other.read(), "frame");
    EXPECT_EQ(from.read(), kNothing);
    EXPECT_EQ(from.counters().sent, 1U);
    EXPECT_EQ(world.registry.memory().used(kReceiving), 0U);
}

TEST_F(SendPacketTest, AShortOneReceivesAgain) {
    TestEndpoint &to = reader(), &from = writer();
    const PacketRef packet = received("first");
    send(from, packet);
    ASSERT_TRUE(packet->receiving());
    std::fill_n(packet->data(), 5, std::byte{'x'});
    packet->set_length(2);
    send(from, packet);
    EXPECT_EQ(to.read_all(), "first xx");
}

TEST_F(SendPacketTest, ALongOneIsNotCopied) {
    set("mtu", "65535");
    TestEndpoint &to = reader(), &from = writer();
    PacketRef packet = received(std::string(60'000, 'x'));
    const std::byte* const data = packet->data();
    send(from, packet);
    EXPECT_FALSE(packet->receiving());
    packet = {};
    const core::AssumeLoop here;
    const auto got = to.node().receive(65'536);
    EXPECT_EQ(got.packet->data(), data);
    EXPECT_EQ(got.length, 60'000U);
}

TEST_F(SendPacketTest, IsPaidForByItsSenderWhileItWaits) {
    set("mtu", "65535");
    TestEndpoint& to = reader();
    TestEndpoint& from = world.join(lab(), Role::writer, IPN_PORT_ANY, 7);
    const core::Account& sender = from.node().account();
    send(from, received(std::string(60'000, 'x')));
    EXPECT_FALSE(world.registry.memory().has_room(sender, 128 * 1024 * 1024));
    EXPECT_GE(used(), 60'000U);
    to.read();
    EXPECT_EQ(used(), 0U);
}

TEST_F(SendPacketTest, OneThatWasAllocatedForTheSenderEntersAsItIs) {
    TestEndpoint &to = reader(), &from = writer();
    PacketRef packet = world.registry.packets().allocate(5, from.node().account());
    std::fill_n(packet->data(), 5, std::byte{'x'});
    const std::size_t cost = used();
    send(from, packet);
    EXPECT_EQ(used(), cost);
    EXPECT_EQ(lab().backlog(), 1U);
    packet = {};
    EXPECT_EQ(to.read(), "xxxxx");
    EXPECT_EQ(lab().backlog(), 0U);
}

TEST_F(SendPacketTest, LongerThanTheMtuIsTooLongWhateverTheType) {
    set("mtu", "10");
    for (const char* type : {"packet", "stream"}) {
        set("type", type);
        TestEndpoint &to = reader(), &from = writer();
        const PacketRef packet = received("01234567890");
        EXPECT_EQ(send(from, packet).outcome, Send::too_long);
        EXPECT_TRUE(packet->receiving());
        packet->set_length(10);
        EXPECT_EQ(send(from, packet).outcome, Send::done);
        EXPECT_EQ(to.read_all(), "0123456789");
        world.everybody_leaves();
    }
}

TEST_F(SendPacketTest, WhatCountsForTheMtuIsTheLongestFrameItStandsFor) {
    set("mtu", "10");
    TestEndpoint& from = writer();
    const PacketRef packet = received("01234567890123456789");
    packet->offload = {.segmentation = core::Offload::Segmentation::tcp4,
                       .partial_checksum = true,
                       .network_start = 1,
                       .checksum_start = 2,
                       .checksum_offset = 0,
                       .header_length = 4,
                       .segment_size = 7};
    EXPECT_EQ(send(from, packet).outcome, Send::too_long);
    packet->offload.segment_size = 6;
    EXPECT_EQ(send(from, packet).outcome, Send::done);
}

TEST_F(SendPacketTest, OffloadsTravelWithThePacket) {
    TestEndpoint &to = reader(), &from = writer();
    const PacketRef packet = received("frame");
    packet->offload.checksum_verified = true;
    send(from, packet);
    const core::AssumeLoop here;
    EXPECT_EQ(to.node().receive(100).packet->offload, packet->offload);
}

TEST_F(SendPacketTest, ANodeThatMayNotSendDoesNot) {
    TestEndpoint &to = reader(), &from = both();
    const PacketRef packet = received("frame");
    from.narrow(Role::reader);
    EXPECT_EQ(send(from, packet).outcome, Send::closed);
    world.cut(from);
    EXPECT_EQ(send(from, packet).outcome, Send::reset);
    EXPECT_EQ(to.read(), kNothing);
    EXPECT_TRUE(packet->receiving());
}

TEST_F(SendPacketTest, WaitsForRoomBehindThoseWhoWait) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &other = writer(), &from = writer();
    other.write("1");
    const PacketRef packet = received("3");
    EXPECT_EQ(send(from, packet).outcome, Send::would_block);
    other.start_write("2");
    to.read();
    EXPECT_EQ(send(from, packet).outcome, Send::would_block) << "somebody else was first";
    EXPECT_TRUE(packet->receiving());
    world.run_work();
    EXPECT_EQ(to.read(), "2");
    EXPECT_EQ(send(from, packet).outcome, Send::done);
    EXPECT_EQ(to.read(), "3");
}

// A mount whose users have room for one packet of 64 KiB, but not for two.
class SendPacketLittleMemoryTest : public SendPacketTest {
  protected:
    SendPacketLittleMemoryTest() : SendPacketTest(limits(400'000)) {
        set("mtu", "65535");
        while (PacketRef packet = world.registry.packets().allocate(40'000, *uid_1000))
            full.push_back(std::move(packet));
    }
    void TearDown() override {
        full.clear();
        uid_1000 = {};
        SendPacketTest::TearDown();
    }

    core::AccountRef uid_1000 = world.registry.memory().account(1000);
    std::vector<PacketRef> full;
    std::string large = std::string(60'000, 'x');
};

TEST_F(SendPacketLittleMemoryTest, WithoutMemoryALossyNetworkDropsIt) {
    TestEndpoint &to = reader(), &from = writer();
    const PacketRef packet = received(large);
    EXPECT_EQ(send(from, packet).outcome, Send::done);
    EXPECT_EQ(to.counters().dropped, 1U);
    EXPECT_EQ(to.read(), kNothing);
    EXPECT_TRUE(packet->receiving());
}

TEST_F(SendPacketLittleMemoryTest, WithoutMemoryALosslessNetworkLetsItWait) {
    set("lossless", "1");
    TestEndpoint &to = reader(), &from = writer();
    const PacketRef packet = received(large);
    EXPECT_EQ(send(from, packet).outcome, Send::would_block);
    EXPECT_TRUE(packet->receiving());
    from.watch_writable();
    full.clear();
    world.run_work();
    EXPECT_EQ(from.told_writable, 1);
    EXPECT_EQ(send(from, packet).outcome, Send::done);
    EXPECT_EQ(to.read(), large);
    EXPECT_EQ(to.counters().dropped, 0U);
}

}  // namespace
}  // namespace ipn::test
