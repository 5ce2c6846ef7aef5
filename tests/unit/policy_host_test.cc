// What a policy may do beyond the first edition: words, derived packets, out-of-band messages,
// timers, holding writers up, hanging up; and what is noticed of one that does it wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bytes.h"
#include "policy_world.h"

namespace ipn::test {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PolicyHostTest : public PolicyTest {
  protected:
    std::string oob(TestEndpoint& endpoint) {
        const core::AssumeLoop here;
        const core::PacketRef message = endpoint.node().receive_oob();
        return message ? text(message->data(), message->length()) : std::string(kNothing);
    }
    void want_oob(TestEndpoint& endpoint, bool wanted) {
        const core::AssumeLoop here;
        endpoint.node().want_oob(wanted);
    }
    void send_oob(TestEndpoint& to, std::string_view words) {
        inside([&] { policy.host.send_oob(port_of(to), words.data(), words.size()); });
    }
    void hang_up(TestEndpoint& endpoint) {
        inside([&] { policy.host.hang_up(port_of(endpoint)); });
    }
    void hold_writers(int held) {
        inside([&] { policy.host.hold_writers(net(), held); });
    }
    std::uint64_t now() {
        std::uint64_t time = 0;
        inside([&] { time = policy.host.now_ns(); });
        return time;
    }
    ipn_timer* new_timer(void (*expired)(void*), void* context) {
        ipn_timer* timer = nullptr;
        inside([&] { timer = policy.host.timer_new(net(), expired, context); });
        return timer;
    }
};

// ---- facts

TEST_F(PolicyHostTest, SaysWhatNetworksAndPortsAre) {
    EXPECT_STREQ(policy.host.net_name(net()), "lab");
    EXPECT_EQ(policy.host.net_id(net()), lab().id());
    TestEndpoint& from = world.join(lab(), Role::writer, 3, 1234);
    EXPECT_EQ(policy.host.role(port_of(from)), IPN_ROLE_WRITER);
    EXPECT_EQ(policy.host.role(port_of(both())), IPN_ROLE_READER | IPN_ROLE_WRITER);
    const ipn_credentials opener = policy.host.credentials(port_of(from));
    EXPECT_EQ(opener.uid, 1234U);
    EXPECT_EQ(opener.gid, 1234U);
    EXPECT_EQ(opener.pid, 1U);
}

TEST_F(PolicyHostTest, SaysWhichPortsAreReserved) {
    ASSERT_EQ(world.reserve(lab(), 5), 0);
    EXPECT_EQ(policy.host.reserved(net(), 5), 1);
    EXPECT_EQ(policy.host.reserved(net(), 4), 0);
    EXPECT_EQ(policy.host.reserved(net(), 1'000'000), 0);
}

// ---- words

TEST_F(PolicyHostTest, ExplainsWhatItRefuses) {
    TestEndpoint& from = writer();
    policy.handle = [&](ipn_port*, ipn_msg*, int) {
        policy.host.explain("not on a Sunday");
        return -EACCES;
    };
    EXPECT_EQ(from.send("xx").words, "not on a Sunday");
    policy.handle = [](ipn_port*, ipn_msg*, int) { return -EACCES; };
    EXPECT_EQ(from.send("xx").words, "the policy refused the packet") << "not the words before";
}

TEST_F(PolicyHostTest, ExplainsWhyANodeMayNotJoin) {
    policy.newport = [&](ipn_port*, std::uint32_t) {
        policy.host.explain("no more");
        return -EMFILE;
    };
    TestEndpoint refused;
    const auto joined = refused.join(lab(), {.role = Role::reader, .credentials = {}});
    ASSERT_FALSE(joined);
    EXPECT_EQ(joined.error().code, EMFILE);
    EXPECT_EQ(joined.error().words, "no more");
}

TEST_F(PolicyHostTest, WordsAreMadeFitForPeople) {
    TestEndpoint& from = writer();
    std::string words = "a\033[31mb";
    policy.handle = [&](ipn_port*, ipn_msg*, int) {
        policy.host.explain(words.c_str());
        return -EACCES;
    };
    EXPECT_EQ(from.send("xx").words, "'a?[31mb'");
    words = std::string(10'000, 'x');
    EXPECT_EQ(from.send("xx").words, std::string(255, 'x'));
}

TEST_F(PolicyHostTest, WarnsInTheNameOfPolicyAndNetwork) {
    inside([&] {
        policy.host.warn(net(), "something is odd");
        policy.host.warn(nullptr, "everywhere");
    });
    EXPECT_THAT(warnings, ElementsAre("policy full, network lab: something is odd",
                                      "policy full: everywhere"));
}

TEST_F(PolicyHostTest, OnlySoManyWarningsAMinute) {
    inside([&] {
        for (int i = 0; i < 1000; ++i) policy.host.warn(net(), "again");
    });
    EXPECT_EQ(warnings.size(), core::Policies::kWarningsMax + 1);
    EXPECT_THAT(warnings.back(), HasSubstr("left out"));
    warnings.clear();
    world.advance(seconds(61));
    inside([&] { policy.host.warn(net(), "again"); });
    EXPECT_EQ(warnings.size(), 1U);
}

TEST_F(PolicyHostTest, NonsenseIsToldOnceWithTheNameOfThePolicy) {
    TestEndpoint& from = writer();
    policy.handle = [](ipn_port*, ipn_msg*, int) { return -100'000; };
    EXPECT_EQ(from.send("xx").error, EPROTO);
    EXPECT_EQ(from.send("xx").error, EPROTO);
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_THAT(warnings[0], HasSubstr("policy full, network lab"));
    EXPECT_THAT(warnings[0], HasSubstr("-100000"));
}

// ---- packets

TEST_F(PolicyHostTest, PacketsThatAreTooShortNeverReachIt) {
    TestEndpoint &to = reader(), &from = writer();
    policy.calls.clear();
    EXPECT_EQ(from.write("1"), Send::too_short);
    EXPECT_THAT(policy.calls, IsEmpty());
    EXPECT_EQ(lab().counters().too_short, 1U);
    EXPECT_EQ(from.counters().sent, 0U);
    EXPECT_EQ(from.write("22"), Send::done);
    EXPECT_EQ(to.read(), "22");
    EXPECT_EQ(lab().counters().too_short, 1U);
}

TEST_F(PolicyHostTest, PacketsThatAreTooShortCannotBeInjectedEither) {
    TestEndpoint& from = writer();
    inside([&] {
        ipn_msg* made = make(port_of(from), "1");
        EXPECT_EQ(policy.host.inject(port_of(from), made, 0), -EINVAL);
        policy.host.put(made);
    });
    EXPECT_EQ(lab().counters().too_short, 1U);
}

TEST_F(PolicyHostTest, OfAStreamTheLastPieceMayBeTooShort) {
    set("type", "stream");
    set("mtu", "4");
    TestEndpoint &to = reader(), &from = writer();
    const core::Network::Sent sent = from.send("123456789");
    EXPECT_EQ(sent.outcome, Send::too_short);
    EXPECT_EQ(sent.taken, 8U);
    EXPECT_EQ(to.read_all(), "1234 5678");
}

TEST_F(PolicyHostTest, DerivesAPacketWithoutDisturbingTheFirst) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        ipn_msg* tagged = policy.host.derive(sender, msg, 2, 3);
        std::memcpy(policy.host.data(tagged), "TAG", 3);
        policy.host.send(port(sender, 0), msg, depth);
        policy.host.send(port(sender, 1), tagged, depth);
        policy.host.put(tagged);
        return 0;
    };
    from.write("ababcdef");
    EXPECT_EQ(first.read(), "ababcdef");
    EXPECT_EQ(second.read(), "TAGabcdef");
    EXPECT_EQ(second.node().last_from(), from.number());
}

TEST_F(PolicyHostTest, ADerivedPacketNeverGoesBackToTheSender) {
    TestEndpoint& self = both();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        ipn_msg* derived = policy.host.derive(sender, msg, 0, 0);
        policy.host.send(sender, derived, depth);
        policy.host.put(derived);
        return 0;
    };
    self.write("echo?");
    EXPECT_EQ(self.read(), kNothing);
}

TEST_F(PolicyHostTest, ADerivedPacketBeginsWithZeroesUntilItIsFilled) {
    TestEndpoint &to = reader(), &from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        ipn_msg* derived = policy.host.derive(sender, msg, 1, 3);
        policy.host.send_all(policy.host.net(sender), derived, depth);
        policy.host.put(derived);
        return 0;
    };
    from.write("xyz");
    EXPECT_EQ(to.read(), std::string("\0\0\0yz", 5));
}

TEST_F(PolicyHostTest, ADerivedPacketIsAtMostSixteenBytesLongerThanTheMtu) {
    set("mtu", "10");
    TestEndpoint& from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int) {
        EXPECT_EQ(policy.host.derive(sender, msg, 11, 1), nullptr) << "cuts more than there is";
        EXPECT_EQ(policy.host.derive(sender, msg, 10, 0), nullptr) << "nothing is left";
        EXPECT_EQ(policy.host.derive(sender, msg, 0, 17), nullptr);
        EXPECT_EQ(policy.host.derive(sender, msg, 1, UINT32_MAX), nullptr);
        ipn_msg* longest = policy.host.derive(sender, msg, 0, 16);
        EXPECT_EQ(policy.host.length(longest), 26U);
        policy.host.put(longest);
        ipn_msg* whole = policy.host.derive(sender, msg, 10, 26);
        policy.host.put(whole);
        return 0;
    };
    EXPECT_EQ(from.write("0123456789"), Send::done);
}

TEST_F(PolicyHostTest, SlicesAPacket) {
    TestEndpoint &to = reader(), &from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        ipn_msg* slice = policy.host.slice(sender, msg, 2, 3);
        policy.host.send_all(policy.host.net(sender), slice, depth);
        policy.host.put(slice);
        return 0;
    };
    from.write("0123456789");
    EXPECT_EQ(to.read(), "234");
    EXPECT_EQ(to.node().last_from(), from.number());
    EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(PolicyHostTest, ASliceLiesWithinThePacket) {
    TestEndpoint& from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int) {
        EXPECT_EQ(policy.host.slice(sender, msg, 0, 0), nullptr);
        EXPECT_EQ(policy.host.slice(sender, msg, 10, 1), nullptr);
        EXPECT_EQ(policy.host.slice(sender, msg, 9, 2), nullptr);
        EXPECT_EQ(policy.host.slice(sender, msg, UINT32_MAX, 2), nullptr);
        EXPECT_EQ(policy.host.slice(sender, msg, 2, UINT32_MAX), nullptr);
        ipn_msg* last = policy.host.slice(sender, msg, 9, 1);
        EXPECT_EQ(words_of(last), "9");
        policy.host.put(last);
        return 0;
    };
    EXPECT_EQ(from.write("0123456789"), Send::done);
}

TEST_F(PolicyHostTest, WhatIsYetToBeCutIntoFramesHasNoSlices) {
    set("mtu", "1500");
    core::Packet frame =
        core::Packet::borrow(bytes(std::string_view("12 bytes MACtype and the rest")));
    frame.offload = {.partial_checksum = true, .checksum_start = 20, .checksum_offset = 2};
    TestEndpoint& payer = writer();
    EXPECT_EQ(policy.host.slice(port_of(payer), reinterpret_cast<ipn_msg*>(&frame), 0, 4), nullptr);
}

TEST_F(PolicyHostTest, WhatIsLeftToDoOnAPacketMovesAlong) {
    set("mtu", "1500");
    core::Packet frame =
        core::Packet::borrow(bytes(std::string_view("12 bytes MACtype and the rest")));
    frame.offload = {.partial_checksum = true, .checksum_start = 20, .checksum_offset = 2};
    TestEndpoint& payer = writer();
    const auto derive = [&](std::uint32_t cut, std::uint32_t add) {
        return policy.host.derive(port_of(payer), reinterpret_cast<ipn_msg*>(&frame), cut, add);
    };
    ipn_msg* tagged = derive(12, 16);
    ASSERT_NE(tagged, nullptr);
    EXPECT_EQ(reinterpret_cast<core::Packet*>(tagged)->offload.checksum_start, 24);
    EXPECT_TRUE(reinterpret_cast<core::Packet*>(tagged)->offload.partial_checksum);
    policy.host.put(tagged);
    EXPECT_EQ(derive(21, 21), nullptr) << "that is where the checksum begins";
}

TEST_F(PolicyHostTest, ASegmentThatIsCutLaterMayBeLongerThanTheMtu) {
    const std::string segment(400, 'x');
    core::Packet frame = core::Packet::borrow(bytes(segment));
    frame.offload = {.segmentation = core::Offload::Segmentation::tcp4,
                     .partial_checksum = true,
                     .network_start = 14,
                     .checksum_start = 34,
                     .checksum_offset = 16,
                     .header_length = 54,
                     .segment_size = 46};
    TestEndpoint& payer = writer();
    ipn_msg* tagged =
        policy.host.derive(port_of(payer), reinterpret_cast<ipn_msg*>(&frame), 12, 16);
    ASSERT_NE(tagged, nullptr) << "frames of 104 bytes, and the MTU is 100";
    EXPECT_EQ(policy.host.length(tagged), 404U);
    policy.host.put(tagged);
}

TEST_F(PolicyHostTest, WhatItStillHoldsWhenItLosesANetworkIsNoticed) {
    ipn_msg* held = nullptr;
    policy.handle = [&](ipn_port*, ipn_msg* msg, int) {
        held = msg;
        return policy.host.hold(msg);
    };
    TestEndpoint& from = writer();
    from.write("held");
    from.leave();
    set("policy", "broadcast");
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_THAT(warnings[0], HasSubstr("policy full, network lab: it still holds 1 packets"));
    warnings.clear();
    set("policy", "full");
    set("policy", "broadcast");
    EXPECT_THAT(warnings, IsEmpty()) << "told once, of the policy that did it";
    policy.host.put(held);
}

TEST_F(PolicyHostTest, PuttingWhatItDoesNotHoldIsNoticed) {
    TestEndpoint &to = reader(), &from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        policy.host.send_all(policy.host.net(sender), msg, depth);
        policy.host.put(msg);
        return 0;
    };
    from.write("xx");
    EXPECT_EQ(to.read(), "xx");
    EXPECT_THAT(warnings, ElementsAre("policy full: it put a packet that it does not hold"));
}

// ---- out-of-band messages

TEST_F(PolicyHostTest, SendsOutOfBandToWhoWantsIt) {
    TestEndpoint &wants = reader(), &does_not = reader();
    want_oob(wants, true);
    send_oob(wants, "first");
    send_oob(wants, "second");
    send_oob(does_not, "third");
    EXPECT_EQ(oob(wants), "first");
    EXPECT_EQ(oob(wants), "second");
    EXPECT_EQ(oob(wants), kNothing);
    EXPECT_EQ(oob(does_not), kNothing);
    EXPECT_EQ(wants.read(), kNothing) << "it is no packet";
}

TEST_F(PolicyHostTest, AWaitingMessageIsUrgent) {
    TestEndpoint& wants = writer();
    want_oob(wants, true);
    EXPECT_FALSE(wants.poll().urgent);
    const int before = wants.delivered;
    send_oob(wants, "x");
    world.run_work();
    EXPECT_GT(wants.delivered, before);
    EXPECT_TRUE(wants.poll().urgent);
    oob(wants);
    EXPECT_FALSE(wants.poll().urgent);
}

TEST_F(PolicyHostTest, MessagesThatDoNotFitAreCounted) {
    TestEndpoint& wants = reader();
    want_oob(wants, true);
    for (std::uint32_t i = 0; i < core::OobQueue::kMessagesMax + 3; ++i)
        send_oob(wants, std::to_string(i));
    EXPECT_EQ(wants.node().oob_dropped(), 3U);
    EXPECT_EQ(oob(wants), "0") << "the newest are lost";
}

TEST_F(PolicyHostTest, MessagesHaveAtMost4096Bytes) {
    TestEndpoint& wants = reader();
    want_oob(wants, true);
    send_oob(wants, std::string(4097, 'x'));
    send_oob(wants, "");
    EXPECT_EQ(oob(wants), kNothing);
    send_oob(wants, std::string(4096, 'y'));
    EXPECT_EQ(oob(wants).size(), 4096U);
}

TEST_F(PolicyHostTest, MessagesTakeTheReadersMemoryAndNobodysRoom) {
    set("msgpoolsize", "1");
    TestEndpoint &wants = reader(), &from = writer();
    want_oob(wants, true);
    send_oob(wants, std::string(4096, 'x'));
    EXPECT_GE(world.registry.memory().used(), 4096U);
    EXPECT_EQ(from.write("22"), Send::done) << "the lossless pool is not full";
    want_oob(wants, false);
    wants.read();
    EXPECT_EQ(world.registry.memory().used(), 0U);
}

TEST_F(PolicyHostTest, WhoIsCutHasNoMessagesAnyMore) {
    TestEndpoint& wants = reader();
    want_oob(wants, true);
    send_oob(wants, "x");
    world.cut(wants);
    EXPECT_EQ(oob(wants), kNothing);
}

// ---- timers

struct Expiry {
    const ipn_host& host;
    ipn_timer* timer = nullptr;
    int times = 0;
    bool free = false;
    std::uint64_t again_ns = 0;
};

void expired(void* context) {
    auto& expiry = *static_cast<Expiry*>(context);
    ++expiry.times;
    if (expiry.again_ns != 0) expiry.host.timer_arm(expiry.timer, expiry.again_ns);
    if (expiry.free) expiry.host.timer_free(expiry.timer);
}

TEST_F(PolicyHostTest, ATimerExpiresOnceAtItsTime) {
    Expiry expiry{policy.host};
    expiry.timer = new_timer(expired, &expiry);
    EXPECT_EQ(policy.host.timer_arm(expiry.timer, now() + 2'000'000'000), 0);
    world.advance(seconds(1));
    EXPECT_EQ(expiry.times, 0);
    world.advance(seconds(1));
    EXPECT_EQ(expiry.times, 1);
    world.advance(seconds(10));
    EXPECT_EQ(expiry.times, 1);
    policy.host.timer_free(expiry.timer);
}

TEST_F(PolicyHostTest, ATimerIsArmedAnewAndDisarmed) {
    Expiry expiry{policy.host};
    expiry.timer = new_timer(expired, &expiry);
    policy.host.timer_arm(expiry.timer, now() + 1'000'000'000);
    policy.host.timer_arm(expiry.timer, now() + 5'000'000'000);
    world.advance(seconds(2));
    EXPECT_EQ(expiry.times, 0);
    policy.host.timer_disarm(expiry.timer);
    world.advance(seconds(10));
    EXPECT_EQ(expiry.times, 0);
    policy.host.timer_free(expiry.timer);
}

TEST_F(PolicyHostTest, ATimerMayBeFreedWhileItExpires) {
    Expiry expiry{policy.host};
    expiry.free = true;
    expiry.timer = new_timer(expired, &expiry);
    policy.host.timer_arm(expiry.timer, now() + 1);
    world.advance(seconds(1));
    EXPECT_EQ(expiry.times, 1);
    set("policy", "broadcast");
    EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(PolicyHostTest, ATimerThatIsAlwaysDueDoesNotStopTheLoop) {
    Expiry expiry{policy.host};
    expiry.again_ns = 1;  // long ago
    expiry.timer = new_timer(expired, &expiry);
    policy.host.timer_arm(expiry.timer, 1);
    world.advance(seconds(1));
    EXPECT_EQ(expiry.times, 1) << "again, but not in the same turn";
    world.advance(seconds(1));
    EXPECT_EQ(expiry.times, 2);
    policy.host.timer_free(expiry.timer);
}

TEST_F(PolicyHostTest, WhatATimerSendsAndInjectsArrives) {
    TestEndpoint &to = reader(), &from = writer();
    std::function<void()> inject = [&] {
        ipn_msg* made = make(port_of(from), "injected");
        EXPECT_EQ(policy.host.inject(port_of(from), made, 0), 0);
        policy.host.put(made);
        EXPECT_THAT(policy.calls, IsEmpty()) << "handled after the timer";
    };
    ipn_timer* timer = new_timer(
        [](void* function) { (*static_cast<std::function<void()>*>(function))(); }, &inject);
    policy.host.timer_arm(timer, now() + 1);
    world.advance(seconds(1));
    EXPECT_EQ(to.read(), "injected");
    EXPECT_THAT(policy.take_calls(), ElementsAre("handlemsg 1 injected 1"));
    policy.host.timer_free(timer);
}

TEST_F(PolicyHostTest, TimersLeftBehindNeverExpireAndAreNoticed) {
    Expiry expiry{policy.host};
    expiry.timer = new_timer(expired, &expiry);
    policy.host.timer_arm(expiry.timer, now() + 1'000'000'000);
    set("policy", "broadcast");
    EXPECT_THAT(warnings, ElementsAre("policy full, network lab: it left 1 timers behind"));
    world.advance(seconds(2));
    EXPECT_EQ(expiry.times, 0);
    EXPECT_LT(policy.host.timer_arm(expiry.timer, 1), 0);
    policy.host.timer_free(expiry.timer);
}

TEST_F(PolicyHostTest, EachPolicyHasItsOwnTimersWhileOneTakesOver) {
    Expiry of_the_old{policy.host}, of_the_new{policy.host};
    of_the_old.timer = new_timer(expired, &of_the_old);
    policy.within_net = [&](const std::string& call, ipn_net* about) {
        if (call == "newnet") {
            of_the_new.timer = policy.host.timer_new(about, expired, &of_the_new);
            policy.host.timer_arm(of_the_new.timer, policy.host.now_ns() + 1);
        }
        if (call == "delnet") policy.host.timer_free(of_the_old.timer);
    };
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    EXPECT_EQ(set("policy", "recording"), 0);
    EXPECT_THAT(warnings, IsEmpty());
    world.advance(seconds(1));
    EXPECT_EQ(of_the_new.times, 1);
    policy.host.timer_free(of_the_new.timer);
    policy.within_net = nullptr;
}

// ---- writers

TEST_F(PolicyHostTest, HoldsWritersUpAsAFullPoolDoes) {
    TestEndpoint &to = reader(), &from = writer();
    hold_writers(1);
    EXPECT_EQ(from.write("now"), Send::would_block);
    EXPECT_FALSE(from.poll().writable);
    from.watch_writable();
    const Write& waiting = from.start_write("later");
    hold_writers(0);
    world.run_work();
    EXPECT_EQ(waiting.outcome, Send::done);
    EXPECT_EQ(from.told_writable, 1);
    EXPECT_EQ(to.read(), "later");
}

TEST_F(PolicyHostTest, HoldsWritersOfALossyNetworkToo) {
    set("lossless", "0");
    TestEndpoint& from = writer();
    hold_writers(1);
    EXPECT_EQ(from.write("now"), Send::would_block);
}

TEST_F(PolicyHostTest, AnotherPolicyHoldsNobodyUp) {
    hold_writers(1);
    set("policy", "broadcast");
    EXPECT_EQ(writer().write("x"), Send::done);
}

// ---- hanging up

TEST_F(PolicyHostTest, AfterHangingUpWhatIsPendingCanBeRead) {
    TestEndpoint &end = both(), &other = both();
    other.write("pending");
    hang_up(end);
    EXPECT_EQ(end.read(), "pending");
    EXPECT_EQ(end.read(), kEndOfFile);
    other.write("late");
    EXPECT_EQ(end.read(), kEndOfFile);
    EXPECT_EQ(end.counters().dropped, 0U);
}

TEST_F(PolicyHostTest, AfterHangingUpWritesFail) {
    TestEndpoint &end = both(), &other = both();
    hang_up(end);
    EXPECT_EQ(end.write("xx"), Send::closed);
    EXPECT_EQ(other.write("xx"), Send::done) << "only that port";
}

TEST_F(PolicyHostTest, HangingUpIsToldByPollAndWakesPollers) {
    TestEndpoint& end = both();
    const int before = end.state_changes;
    hang_up(end);
    world.run_work();
    EXPECT_EQ(end.state_changes, before + 1);
    const core::Node::Readiness ready = end.poll();
    EXPECT_TRUE(ready.readable && ready.writable && ready.hung_up && !ready.failed);
    hang_up(end);
    world.run_work();
    EXPECT_EQ(end.state_changes, before + 1) << "once";
}

TEST_F(PolicyHostTest, HangingUpEndsABlockedWrite) {
    set("msgpoolsize", "1");
    TestEndpoint &end = both(), &other = both();
    end.write("11");
    const Write& blocked = end.start_write("22");
    ASSERT_FALSE(blocked.finished());
    hang_up(end);
    world.run_work();
    EXPECT_EQ(blocked.outcome, Send::closed);
    EXPECT_EQ(other.read(), "11");
}

TEST_F(PolicyHostTest, HangsUpInPart) {
    TestEndpoint &end = both(), &other = both();
    other.write("pending");
    inside([&] { policy.host.hang_up_role(port_of(end), IPN_ROLE_READER); });
    EXPECT_EQ(end.read(), "pending");
    EXPECT_EQ(end.read(), kEndOfFile);
    EXPECT_TRUE(end.poll().readable);
    EXPECT_FALSE(end.poll().hung_up);
    other.write("late");
    EXPECT_EQ(end.read(), kEndOfFile);
    EXPECT_EQ(end.write("xx"), Send::done);
    inside([&] { policy.host.hang_up_role(port_of(end), IPN_ROLE_WRITER); });
    EXPECT_EQ(end.write("xx"), Send::closed);
    EXPECT_TRUE(end.poll().hung_up) << "both parts are all of it";
}

TEST_F(PolicyHostTest, HangingUpInPartEndsABlockedWrite) {
    set("msgpoolsize", "1");
    TestEndpoint &end = both(), &other = both();
    end.write("11");
    const Write& blocked = end.start_write("22");
    EXPECT_FALSE(end.poll().writable);
    inside([&] { policy.host.hang_up_role(port_of(end), IPN_ROLE_WRITER); });
    world.run_work();
    EXPECT_EQ(blocked.outcome, Send::closed);
    EXPECT_TRUE(end.poll().writable) << "a write fails at once";
    EXPECT_EQ(other.read(), "11");
}

TEST_F(PolicyHostTest, RolesThatThereAreNotAreNothingToHangUp) {
    TestEndpoint& end = both();
    inside([&] {
        policy.host.hang_up_role(port_of(end), 0);
        policy.host.hang_up_role(port_of(end), 4);
    });
    world.run_work();
    EXPECT_EQ(end.state_changes, 0);
    EXPECT_EQ(end.read(), kNothing);
}

TEST_F(PolicyHostTest, HearsOfRolesThatAreGivenUp) {
    TestEndpoint& end = both();
    policy.calls.clear();
    ASSERT_TRUE(end.narrow(Role::both));
    EXPECT_THAT(policy.calls, IsEmpty()) << "nothing was given up";
    ASSERT_TRUE(end.narrow(Role::reader));
    EXPECT_THAT(policy.take_calls(), ElementsAre("narrowed 0 1"));
    world.cut(end);
    policy.calls.clear();
    ASSERT_TRUE(end.narrow(Role::none));
    EXPECT_THAT(policy.calls, IsEmpty()) << "it has left";
}

TEST_F(PolicyHostTest, NamesTheOtherEnd) {
    TestEndpoint& end = both();
    EXPECT_FALSE(end.node().peer);
    inside([&] { policy.host.set_peer(port_of(end), {1, 2, 3}); });
    ASSERT_TRUE(end.node().peer);
    EXPECT_EQ(end.node().peer->uid, 1U);
    EXPECT_EQ(end.node().peer->gid, 2U);
    EXPECT_EQ(end.node().peer->pid, 3U);
}

// ---- text

TEST_F(PolicyHostTest, StatisticsAreAsked) {
    const core::AssumeLoop here;
    EXPECT_EQ(lab().policy_stat(0), 0U);
    writer().write("xx");
    EXPECT_EQ(lab().policy_stat(0), 1U);
}

}  // namespace
}  // namespace ipn::test
