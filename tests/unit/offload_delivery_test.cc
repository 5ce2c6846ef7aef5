// Delivering packets with offloads: whole to nodes that accept them, as ordinary frames to others.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "core/on_loop.h"
#include "ethernet_frames.h"
#include "recording_policy.h"
#include "world.h"

namespace ipn::test {
namespace {

using core::Memory;
using core::Node;
using core::Offload;
using core::PacketRef;

class OffloadDeliveryTest : public CoreTest {
  protected:
    explicit OffloadDeliveryTest(const core::Registry::Limits& limits = {}) : CoreTest(limits) {}

    // A node that accepts offloads: a TAP.
    TestEndpoint& accepting(Role role = Role::both) {
        return world.join(lab(),
                          {.role = role, .credentials = {1000, 1000, 1}, .accepts_offloads = true});
    }

    core::Network::Sent send(TestEndpoint& from, std::string frame, const Offload::Wire& wire) {
        const core::AssumeLoop here;
        const core::AccountRef interface = world.registry.memory().account(0);
        const PacketRef packet =
            world.registry.packets().allocate(kReceivedMax, *interface, kReceiving);
        packet->set_length(static_cast<std::uint32_t>(frame.size()));
        std::copy(frame.begin(), frame.end(), reinterpret_cast<char*>(packet->data()));
        const auto offload = Offload::from_wire(wire, {packet->data(), packet->length()});
        IPN_CHECK(offload);
        packet->offload = *offload;
        return lab().send(from.node(), packet);
    }
    // Sends the packet that `frame` describes, to be cut into segments of so much payload.
    Send send(TestEndpoint& from, const Frame& frame, unsigned segment_size) {
        return send(from, frame.build_partial(), frame.wire(segment_size)).outcome;
    }

    static PacketRef receive(TestEndpoint& at) {
        const core::AssumeLoop here;
        return at.node().receive(65'536).packet;
    }
    static std::vector<std::string> receive_all(TestEndpoint& at) {
        std::vector<std::string> all;
        while (at.node().queued() > 0) all.push_back(at.read());
        return all;
    }
    static std::string received_as(const PacketRef& packet) {
        return text(packet->data(), packet->length());
    }
    std::size_t used() { return world.registry.memory().used(); }

    static constexpr auto kReceiving = Memory::Purpose::receiving;
    static constexpr std::uint32_t kReceivedMax = 65'600;
    const Frame large{.identification = 7, .payload = pattern(60'000)};
    static constexpr unsigned kSegment = 1460;
    static constexpr unsigned kFrames = 42;
};

TEST_F(OffloadDeliveryTest, ANodeThatAcceptsThemReceivesThePacketWhole) {
    TestEndpoint &to = accepting(), &from = accepting();
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    const PacketRef packet = receive(to);
    ASSERT_TRUE(packet);
    EXPECT_EQ(text(packet->data(), packet->length()), large.build_partial());
    EXPECT_EQ(packet->offload.to_wire(), large.wire(kSegment));
    EXPECT_EQ(to.node().queued(), 0U);
}

TEST_F(OffloadDeliveryTest, AnyOtherReceivesFramesOfTheMtuWithRightChecksums) {
    TestEndpoint &to = reader(), &from = accepting();
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    const auto frames = receive_all(to);
    EXPECT_EQ(frames.size(), kFrames);
    EXPECT_EQ(frames, large.segments(kSegment));
    EXPECT_EQ(to.node().last_from(), from.number());
    EXPECT_EQ(to.counters().received, kFrames);
    EXPECT_EQ(from.counters().sent, 1U);
}

TEST_F(OffloadDeliveryTest, FramesHaveNothingLeftToDo) {
    TestEndpoint &to = reader(), &from = accepting();
    send(from, large, kSegment);
    for (unsigned i = 0; i < kFrames; ++i) EXPECT_EQ(receive(to)->offload, Offload{});
}

TEST_F(OffloadDeliveryTest, AChecksumIsCompletedForThoseWhoDoNotAccept) {
    const Frame frame{.payload = pattern(1000)};
    TestEndpoint &plain = reader(), &to = accepting(), &from = accepting();
    send(from, frame, 0);
    EXPECT_EQ(plain.read(), frame.build());
    EXPECT_EQ(to.read(), frame.build_partial());
}

TEST_F(OffloadDeliveryTest, AVerifiedChecksumIsNobodysWork) {
    TestEndpoint &plain = reader(), &to = accepting(), &from = accepting();
    send(from, "frame", wire(2, 0, 0, 0, 0, 0));
    EXPECT_EQ(receive(plain).get(), receive(to).get()) << "one packet for both";
}

TEST_F(OffloadDeliveryTest, FramesAreMadeOnceHoweverManyReceiveThem) {
    TestEndpoint &one = reader(), &other = reader(), &from = accepting();
    send(from, large, kSegment);
    for (unsigned i = 0; i < kFrames; ++i) EXPECT_EQ(receive(one).get(), receive(other).get()) << i;
    EXPECT_EQ(one.read() + other.read(), std::string(kNothing) + std::string(kNothing));
}

TEST_F(OffloadDeliveryTest, EveryPacketIsCutAnew) {
    TestEndpoint &to = reader(), &from = accepting();
    const Frame first{.payload = pattern(3000, 1)}, second{.payload = pattern(3000, 2)};
    send(from, first, 1000);
    send(from, second, 1000);
    auto expected = first.segments(1000);
    for (const std::string& frame : second.segments(1000)) expected.push_back(frame);
    EXPECT_EQ(receive_all(to), expected);
}

TEST_F(OffloadDeliveryTest, NothingIsCutForThoseWhoDoNotRead) {
    TestEndpoint& from = accepting();
    writer();
    reader().narrow(Role::none);
    TestEndpoint& to = accepting();
    send(from, large, kSegment);
    EXPECT_EQ(to.node().queued(), 1U);
    EXPECT_EQ(used(), core::PacketPool::cost(kReceivedMax)) << "the packet's memory alone";
}

TEST_F(OffloadDeliveryTest, ASenderThatDoesNotAcceptThemReceivesNothingOfItsOwn) {
    TestEndpoint &to = reader(), &from = both();
    send(from, large, kSegment);
    EXPECT_EQ(from.node().queued(), 0U);
    EXPECT_EQ(receive_all(to).size(), kFrames);
}

TEST_F(OffloadDeliveryTest, HoweverManyFramesItIsOnePacketThatWaits) {
    TestEndpoint &plain = reader(), &to = accepting(), &from = accepting();
    send(from, large, kSegment);
    EXPECT_EQ(plain.node().queued(), 1U);
    EXPECT_EQ(lab().backlog(), 1U);
    to.read();
    for (unsigned i = 0; i + 1 < kFrames; ++i) plain.read();
    EXPECT_EQ(plain.node().queued(), 1U);
    EXPECT_EQ(lab().backlog(), 1U);
    plain.read();
    EXPECT_EQ(plain.node().queued(), 0U);
    EXPECT_EQ(lab().backlog(), 0U);
}

TEST_F(OffloadDeliveryTest, NothingStaysWhenAllWasRead) {
    TestEndpoint &plain = reader(), &other = reader(), &from = accepting();
    send(from, large, kSegment);
    receive_all(plain);
    EXPECT_GT(used(), 0U);
    receive_all(other);
    EXPECT_EQ(used(), 0U);
}

TEST_F(OffloadDeliveryTest, AFrameOutlivesItsPacketForWhoeverStillWritesIt) {
    TestEndpoint &to = reader(), &from = accepting();
    send(from, large, kSegment);
    const PacketRef first = receive(to);
    receive_all(to);
    EXPECT_EQ(lab().backlog(), 0U);
    EXPECT_EQ(received_as(first), large.segments(kSegment).front());
    EXPECT_EQ(used(), core::PacketPool::cost(first->length()));
}

TEST_F(OffloadDeliveryTest, ANodeThatLeavesAmongItsFramesLeavesNothingBehind) {
    TestEndpoint &to = reader(), &from = accepting();
    send(from, large, kSegment);
    to.read();
    to.leave();
    EXPECT_EQ(used(), 0U);
}

TEST_F(OffloadDeliveryTest, ANodeThatIsNarrowedAmongItsFramesReadsNoMore) {
    TestEndpoint &to = both(), &from = accepting();
    send(from, large, kSegment);
    to.read();
    EXPECT_TRUE(to.narrow(Role::writer));
    EXPECT_EQ(used(), 0U);
    EXPECT_EQ(to.read(), kEndOfFile);
}

TEST_F(OffloadDeliveryTest, AFrameCanBeReadInParts) {
    TestEndpoint &to = reader(), &from = accepting();
    send(from, large, kSegment);
    const auto frames = large.segments(kSegment);
    EXPECT_EQ(to.read(1000), frames[0].substr(0, 1000));
    EXPECT_EQ(to.read(), frames[0].substr(1000));
    EXPECT_EQ(to.read(), frames[1]);
    EXPECT_EQ(to.counters().received, 2U);
}

TEST_F(OffloadDeliveryTest, FramesFollowEachOther) {
    TestEndpoint &to = reader(), &from = accepting();
    send(from, large, kSegment);
    EXPECT_EQ(to.node().follows(), kSegment + 54);
    for (unsigned i = 0; i + 1 < kFrames; ++i) to.read();
    EXPECT_EQ(to.node().follows(), 60'000 - (kFrames - 1) * kSegment + 54);
}

// What the stack has to bear when they are released, were it by recursion.
TEST_F(OffloadDeliveryTest, APacketOfThousandsOfFramesIsReleased) {
    TestEndpoint &to = reader(), &from = accepting();
    const Frame small{.payload = pattern(Offload::kSegmentsMax * 20)};
    send(from, small, 20);
    EXPECT_EQ(to.read().size(), 74U);
    to.leave();
    EXPECT_EQ(used(), 0U);
}

TEST_F(OffloadDeliveryTest, FramesArePaidForByTheSender) {
    reader();
    TestEndpoint& from = world.join(
        lab(), {.role = Role::writer, .credentials = {7, 7, 1}, .accepts_offloads = true});
    send(from, large, kSegment);
    const std::size_t half = world.registry.memory().limit() / 2;
    EXPECT_FALSE(world.registry.memory().has_room(from.node().account(), half - used() + 1));
    EXPECT_TRUE(world.registry.memory().has_room(from.node().account(), half - used()));
}

TEST_F(OffloadDeliveryTest, APacketWhoseFramesExceedTheMtuIsTooLong) {
    TestEndpoint &to = reader(), &from = accepting();
    EXPECT_EQ(send(from, large, 1461), Send::too_long);
    EXPECT_EQ(send(from, large, 1460), Send::done);
    EXPECT_EQ(to.read().size(), 1514U);
}

// ---- lossy

TEST_F(OffloadDeliveryTest, ANodeWhoseQueueIsFullLosesThePacketAsAllItsFrames) {
    set("msgpoolsize", "2");
    TestEndpoint &slow = reader(), &to = accepting(), &from = accepting();
    for (int i = 0; i < 3; ++i) send(from, large, kSegment);
    EXPECT_EQ(slow.counters().dropped, kFrames);
    EXPECT_EQ(to.counters().dropped, 1U);
    EXPECT_EQ(receive_all(slow).size(), 2 * kFrames);
}

TEST_F(OffloadDeliveryTest, TheGapIsBehindTheFramesThatCame) {
    set("msgpoolsize", "1");
    TestEndpoint &slow = reader(), &from = accepting();
    send(from, large, kSegment);
    send(from, large, kSegment);
    set("overrun_error", "1");
    for (unsigned i = 0; i < kFrames; ++i) EXPECT_NE(slow.read(), kLost);
    EXPECT_EQ(slow.read(), kLost);
}

TEST_F(OffloadDeliveryTest, TheGapIsBeforeAPacketAndNotAmongItsFrames) {
    set("msgpoolsize", "1");
    TestEndpoint &slow = reader(), &from = accepting();
    from.write("x");
    send(from, large, kSegment);
    EXPECT_EQ(slow.read(), "x");
    send(from, large, kSegment);
    slow.read();
    set("overrun_error", "1");
    EXPECT_EQ(slow.read(), large.segments(kSegment)[1]);
}

// A mount in which the sender's user has room left for the packet and some of its frames.
TEST_F(OffloadDeliveryTest, WhatIsRetainedIsCutForWhoJoinsAtNoCostOfOtherPackets) {
    set("retain", "1");
    TestEndpoint& from = accepting(Role::writer);
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    TestEndpoint &plain = reader(), &whole = accepting(Role::reader);
    EXPECT_EQ(used(), 0U);
    EXPECT_EQ(receive_all(plain), large.segments(kSegment));
    EXPECT_EQ(receive_all(whole), std::vector{large.build_partial()});
    set("retain", "0");
}

class OffloadRetainedTest : public OffloadDeliveryTest {
  protected:
    // An eighth is for what is retained of one user: the packet itself, but not its frames too.
    OffloadRetainedTest() : OffloadDeliveryTest(limits(1 << 20)) {}
};

TEST_F(OffloadRetainedTest, WhatThereIsNoMemoryToCutIsNotGivenEvenOnALosslessNetwork) {
    set("lossless", "1");
    set("retain", "1");
    TestEndpoint& from = accepting(Role::writer);
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    TestEndpoint &plain = reader(), &whole = accepting(Role::reader);
    EXPECT_EQ(plain.read(), kNothing);
    EXPECT_EQ(receive_all(whole), std::vector{large.build_partial()});
    EXPECT_EQ(used(), 0U);
    set("retain", "0");
}

class OffloadLittleMemoryTest : public OffloadDeliveryTest {
  protected:
    static constexpr std::size_t kLimit = 400'000;
    OffloadLittleMemoryTest() : OffloadDeliveryTest(limits(kLimit)) {
        const core::AccountRef payer = world.registry.memory().account(1000);
        other = world.registry.packets().allocate(40'000, *payer);
    }
    void TearDown() override {
        other = {};
        OffloadDeliveryTest::TearDown();
    }

    PacketRef other;
};

TEST_F(OffloadLittleMemoryTest, APacketWhoseFramesThereIsNoMemoryForIsDroppedAsAllOfThem) {
    set("overrun_error", "1");
    TestEndpoint &one = reader(), &two = reader(), &to = accepting(), &from = accepting();
    const PacketRef more = world.registry.packets().allocate(50'000, from.node().account());
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    EXPECT_LE(used(), kLimit / 2);
    for (TestEndpoint* plain : {&one, &two}) {
        EXPECT_EQ(plain->counters().dropped, kFrames);
        EXPECT_EQ(plain->read(), kLost);
        EXPECT_EQ(plain->read(), kNothing);
    }
    EXPECT_EQ(to.read(), large.build_partial());
}

TEST_F(OffloadLittleMemoryTest, APacketThatThereIsNoMemoryForIsDroppedAsAllItsFrames) {
    TestEndpoint &plain = reader(), &to = accepting(), &from = accepting();
    const PacketRef more = world.registry.packets().allocate(100'000, from.node().account());
    ASSERT_TRUE(more);
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    EXPECT_EQ(plain.counters().dropped, kFrames);
    EXPECT_EQ(to.counters().dropped, 1U);
}

// ---- lossless

TEST_F(OffloadLittleMemoryTest, ALosslessNetworkThatTookAPacketLosesNoneOfItsFrames) {
    set("lossless", "1");
    TestEndpoint &plain = reader(), &from = accepting();
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    EXPECT_EQ(plain.counters().dropped, 0U);
    EXPECT_EQ(plain.node().state(), Node::State::connected);
    EXPECT_EQ(receive_all(plain), large.segments(kSegment));
}

TEST_F(OffloadLittleMemoryTest, WhatWasChargedBeyondTheLimitHoldsTheNextOneUp) {
    set("lossless", "1");
    TestEndpoint &plain = reader(), &to = accepting(), &from = accepting();
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    EXPECT_GT(used(), kLimit / 2);
    EXPECT_EQ(from.write("x"), Send::would_block);
    from.watch_writable();
    receive_all(plain);
    to.read();
    world.run_work();
    EXPECT_EQ(from.told_writable, 1);
    EXPECT_EQ(from.write("x"), Send::done);
}

TEST_F(OffloadDeliveryTest, ALosslessPoolIsFullOfSoManyPacketsUntilAllFramesAreRead) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &plain = reader(), &from = accepting();
    EXPECT_EQ(send(from, large, kSegment), Send::done);
    for (unsigned left = kFrames; left > 0; --left) {
        EXPECT_EQ(from.write("x"), Send::would_block);
        plain.read();
    }
    EXPECT_EQ(from.write("x"), Send::done);
    EXPECT_EQ(plain.counters().dropped, 0U);
}

TEST_F(OffloadDeliveryTest, AWriterThatWaitsGoesOnWhenTheFramesAreRead) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &plain = reader(), &from = accepting();
    send(from, large, kSegment);
    const Write& write = from.start_write("x");
    receive_all(plain);
    world.run_work();
    EXPECT_EQ(write.outcome, Send::done);
    EXPECT_EQ(plain.read(), "x");
}

// ---- under a policy

class OffloadPolicyTest : public OffloadDeliveryTest {
  protected:
    OffloadPolicyTest() {
        EXPECT_TRUE(world.registry.policies().add(&RecordingPolicy::table()));
        EXPECT_EQ(set("policy", "recording"), 0);
    }
    void TearDown() override {
        policy.handle = nullptr;
        OffloadDeliveryTest::TearDown();
        while (world.registry.size() > 0) world.remove(*world.registry.by_name().begin()->second);
    }
    ipn_port* port(const TestEndpoint& at) {
        return policy.host.port(reinterpret_cast<ipn_net*>(&lab()), at.number());
    }

    RecordingPolicy policy{core::policy_host()};
};

TEST_F(OffloadPolicyTest, FramesAreMadeOnceForAllThatAPolicySendsThePacketTo) {
    TestEndpoint &one = reader(), &to = accepting(), &other = reader(), &from = accepting();
    policy.handle = [&](ipn_port*, ipn_msg* msg, int depth) {
        for (const TestEndpoint* at : {&one, &to, &other}) policy.host.send(port(*at), msg, depth);
        return 0;
    };
    send(from, large, kSegment);
    EXPECT_EQ(receive(one).get(), receive(other).get());
    EXPECT_EQ(to.read(), large.build_partial());
}

TEST_F(OffloadPolicyTest, APacketSentInTurnWithAnotherIsCutRight) {
    TestEndpoint &one = reader(), &other = reader(), &from = accepting();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        ipn_msg* own = policy.host.alloc(sender, 3);
        std::copy_n("own", 3, policy.host.data(own));
        for (const TestEndpoint* at : {&one, &other}) {
            policy.host.send(port(*at), msg, depth);
            policy.host.send(port(*at), own, depth);
        }
        policy.host.put(own);
        return 0;
    };
    const Frame frame{.payload = pattern(3000)};
    send(from, frame, 1000);
    auto expected = frame.segments(1000);
    expected.emplace_back("own");
    EXPECT_EQ(receive_all(one), expected);
    EXPECT_EQ(receive_all(other), expected);
}

// What a switch does: one port is tagged, the other is not.
TEST_F(OffloadPolicyTest, APacketWithATagPutInIsCutBehindIt) {
    TestEndpoint &untagged = reader(), &tagged = reader(), &from = accepting();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        constexpr std::uint32_t kAddresses = 12;
        ipn_msg* with = policy.host.derive(sender, msg, kAddresses, kAddresses + 4);
        std::copy_n(policy.host.data(msg), kAddresses, policy.host.data(with));
        std::copy_n("\x81\x00\x01\x23", 4, policy.host.data(with) + kAddresses);
        for (int i = 0; i < 2; ++i) {
            policy.host.send(port(untagged), msg, depth);
            policy.host.send(port(tagged), with, depth);
        }
        policy.host.put(with);
        return 0;
    };
    Frame frame{.payload = pattern(3000)};
    send(from, frame, kSegment);
    auto expected = frame.segments(kSegment);
    for (const std::string& one : frame.segments(kSegment)) expected.push_back(one);
    EXPECT_EQ(receive_all(untagged), expected);
    frame.tags = {{0x8100, 0x0123}};
    expected = frame.segments(kSegment);
    for (const std::string& one : frame.segments(kSegment)) expected.push_back(one);
    EXPECT_EQ(receive_all(tagged), expected);
}

TEST_F(OffloadPolicyTest, APacketThatAPolicyHeldIsCutWhenItIsSent) {
    TestEndpoint &to = reader(), &from = accepting();
    ipn_msg* held = nullptr;
    policy.handle = [&](ipn_port*, ipn_msg* msg, int) {
        held = msg;
        return policy.host.hold(msg);
    };
    send(from, large, kSegment);
    EXPECT_EQ(to.node().queued(), 0U);
    policy.host.send(port(to), held, 0);
    policy.host.put(held);
    EXPECT_EQ(lab().backlog(), 1U);
    EXPECT_EQ(receive_all(to), large.segments(kSegment));
    EXPECT_EQ(used(), 0U);
}

TEST_F(OffloadPolicyTest, AnInjectedPacketIsCutToo) {
    TestEndpoint &to = reader(), &from = accepting();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        if (depth == 0) return policy.host.inject(sender, msg, depth);
        policy.host.send_all(policy.host.net(sender), msg, depth);
        return 0;
    };
    send(from, large, kSegment);
    EXPECT_EQ(receive_all(to), large.segments(kSegment));
}

}  // namespace
}  // namespace ipn::test
