// Policies through their C table: what they are called for, what they may do, how they may refuse.
#include "core/policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "recording_policy.h"
#include "world.h"

namespace ipn::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PoliciesTest : public CoreTest {
  protected:
    PoliciesTest() {
        EXPECT_TRUE(world.registry.policies().add(&RecordingPolicy::table()));
        EXPECT_EQ(set("policy", "recording"), 0);
        policy.calls.clear();
    }
    void TearDown() override {
        policy.newport = nullptr;
        policy.handle = nullptr;
        policy.within = nullptr;
        CoreTest::TearDown();
        // The networks' last calls need the policy, which goes before the world.
        while (world.registry.size() > 0) world.remove(*world.registry.by_name().begin()->second);
    }

    // A packet of the policy's own.
    ipn_msg* make(ipn_port* payer, std::string_view words) {
        ipn_msg* msg = policy.host.alloc(payer, static_cast<std::uint32_t>(words.size()));
        if (msg != nullptr) std::memcpy(policy.host.data(msg), words.data(), words.size());
        return msg;
    }
    ipn_port* port(ipn_port* beside, std::uint32_t number) {
        return policy.host.port(policy.host.net(beside), number);
    }

    RecordingPolicy policy{core::policy_host()};
};

// ---- what a policy is called for

TEST_F(PoliciesTest, IsToldOfANetworkThatIsBoundToItAndOfItsEnd) {
    world.set_default("policy", "recording");
    core::Network& network = world.create("another");
    EXPECT_THAT(policy.take_calls(), ElementsAre("newnet"));
    world.remove(network);
    EXPECT_THAT(policy.take_calls(), ElementsAre("delnet"));
}

TEST_F(PoliciesTest, IsToldOfANodesWholeLife) {
    TestEndpoint& node = reader();
    EXPECT_THAT(policy.take_calls(), ElementsAre("newport any", "postnewport 0"));
    node.leave();
    EXPECT_THAT(policy.take_calls(), ElementsAre("predelport 0", "delport"));
}

TEST_F(PoliciesTest, IsToldWhichPortIsWanted) {
    world.join(lab(), Role::reader, 5);
    EXPECT_THAT(policy.take_calls(), ElementsAre("newport 5", "postnewport 5"));
}

TEST_F(PoliciesTest, ACutNodeIsGoneForThePolicyAtOnce) {
    TestEndpoint& node = reader();
    policy.calls.clear();
    world.cut(node);
    EXPECT_THAT(policy.take_calls(), ElementsAre("predelport 0", "delport"));
    node.leave();
    EXPECT_THAT(policy.take_calls(), IsEmpty());
}

TEST_F(PoliciesTest, AtTheEndByForceEveryNodeGoesAndThenTheNetwork) {
    reader();
    writer();
    policy.calls.clear();
    world.shut_down(lab());
    EXPECT_THAT(policy.take_calls(),
                ElementsAre("predelport 0", "delport", "predelport 1", "delport"));
    world.everybody_leaves();
    EXPECT_THAT(policy.take_calls(), ElementsAre("delnet"));
}

TEST_F(PoliciesTest, HandlesEveryPacketOfTheNetwork) {
    TestEndpoint &to = reader(), &from = writer();
    policy.calls.clear();
    from.write("hello");
    EXPECT_THAT(policy.take_calls(), ElementsAre("handlemsg 1 hello 0"));
    EXPECT_EQ(to.read(), "hello");
}

TEST_F(PoliciesTest, IsToldWhenTheNumberOfPortsChanges) {
    set("numnodes", "50");
    EXPECT_THAT(policy.take_calls(), ElementsAre("resizenet 32 50"));
}

// ---- what a policy may do

TEST_F(PoliciesTest, SendsToOneNode) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        policy.host.send(port(sender, 1), msg, depth);
        return 0;
    };
    from.write("private");
    EXPECT_EQ(first.read(), kNothing);
    EXPECT_EQ(second.read(), "private");
}

TEST_F(PoliciesTest, NeverSendsAPacketBackToWhereItCameFrom) {
    TestEndpoint& self = both();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        policy.host.send(sender, msg, depth);
        return 0;
    };
    self.write("echo?");
    EXPECT_EQ(self.read(), kNothing);
}

TEST_F(PoliciesTest, SendingToANodeThatDoesNotReadDoesNothing) {
    TestEndpoint &from = writer(), &mute = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        policy.host.send(port(sender, 1), msg, depth);
        return 0;
    };
    EXPECT_EQ(from.write("x"), Send::done);
    EXPECT_EQ(mute.node().queued(), 0U);
}

TEST_F(PoliciesTest, MakesDifferentPacketsForDifferentRecipients) {
    TestEndpoint &first = reader(), &second = reader(), &from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg*, int depth) {
        for (std::uint32_t number = 0; number < 2; ++number) {
            ipn_msg* made = make(sender, "for port " + std::to_string(number));
            policy.host.send(port(sender, number), made, depth);
            policy.host.put(made);
        }
        return 0;
    };
    from.write("x");
    EXPECT_EQ(first.read(), "for port 0");
    EXPECT_EQ(second.read(), "for port 1");
}

TEST_F(PoliciesTest, AnswersTheSenderWithAPacketOfItsOwn) {
    TestEndpoint& self = both();
    policy.handle = [&](ipn_port* sender, ipn_msg*, int depth) {
        ipn_msg* made = make(sender, "pong");
        policy.host.send(sender, made, depth);
        policy.host.put(made);
        return 0;
    };
    self.write("ping");
    EXPECT_EQ(self.read(), "pong");
}

TEST_F(PoliciesTest, AllocatesPacketsOfOneByteToTheMtu) {
    set("mtu", "10");
    TestEndpoint& from = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg*, int) {
        EXPECT_EQ(policy.host.alloc(sender, 0), nullptr);
        EXPECT_EQ(policy.host.alloc(sender, 11), nullptr);
        policy.host.put(policy.host.alloc(sender, 1));
        policy.host.put(policy.host.alloc(sender, 10));
        return 0;
    };
    EXPECT_EQ(from.write("x"), Send::done);
}

TEST_F(PoliciesTest, ItsOwnPacketsTakeThePayersMemory) {
    TestEndpoint& payer = world.join(lab(), Role::none, 5, 1);
    TestEndpoint &to = world.join(lab(), Role::reader, IPN_PORT_ANY, 2),
                 &from = world.join(lab(), Role::writer, IPN_PORT_ANY, 3);
    policy.handle = [&](ipn_port* sender, ipn_msg*, int depth) {
        ipn_msg* made = make(port(sender, 5), "made");
        policy.host.send_all(policy.host.net(sender), made, depth);
        policy.host.put(made);
        return 0;
    };
    from.write("x");
    from.leave();
    EXPECT_EQ(world.registry.memory().accounts(), 2U);
    payer.leave();
    EXPECT_EQ(world.registry.memory().accounts(), 2U) << "it still has something to pay";
    EXPECT_EQ(to.read(), "made");
    EXPECT_EQ(world.registry.memory().accounts(), 1U);
}

TEST_F(PoliciesTest, HoldsAPacketAndSendsItLater) {
    TestEndpoint &to = reader(), &from = writer();
    ipn_msg* held = nullptr;
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        if (held == nullptr) {
            EXPECT_EQ(policy.host.hold(msg), 0);
            held = msg;
        } else {
            policy.host.send(port(sender, 0), held, depth);
            policy.host.put(held);
        }
        return 0;
    };
    from.write("held");
    EXPECT_EQ(lab().backlog(), 1U);
    EXPECT_EQ(to.read(), kNothing);
    from.write("release");
    EXPECT_EQ(to.read_all(), "held");
}

TEST_F(PoliciesTest, APacketThatIsHeldOutlivesItsNetworkAndItsSender) {
    ipn_msg* held = nullptr;
    policy.handle = [&](ipn_port*, ipn_msg* msg, int) {
        held = msg;
        return policy.host.hold(msg);
    };
    TestEndpoint& from = writer();
    from.write("still here");
    from.leave();
    world.remove(lab());
    EXPECT_GT(world.registry.memory().used(), 0U);
    EXPECT_EQ(std::memcmp(policy.host.data(held), "still here", 10), 0);
    policy.host.put(held);
}

TEST_F(PoliciesTest, APacketThatIsHeldTakesRoomOnALosslessNetwork) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    ipn_msg* held = nullptr;
    policy.handle = [&](ipn_port*, ipn_msg* msg, int) {
        held = msg;
        return policy.host.hold(msg);
    };
    TestEndpoint& from = writer();
    from.write("held");
    const Write& next = from.start_write("next");
    EXPECT_FALSE(next.finished());
    policy.host.put(held);
    world.run_work();
    EXPECT_EQ(next.outcome, Send::done);
    policy.host.put(held);
}

TEST_F(PoliciesTest, KeepsDataOfItsOwnForNetworksAndPorts) {
    TestEndpoint &first = writer(), &second = writer();
    int net_data = 0, port_data = 0;
    policy.handle = [&](ipn_port* sender, ipn_msg*, int) {
        void** of_net = policy.host.net_private(policy.host.net(sender));
        void** of_port = policy.host.port_private(sender);
        if (policy.host.number(sender) == 0) {
            EXPECT_EQ(*of_net, nullptr);
            EXPECT_EQ(*of_port, nullptr);
            *of_net = &net_data;
            *of_port = &port_data;
        } else {
            EXPECT_EQ(*of_net, &net_data);
            EXPECT_EQ(*of_port, nullptr);
        }
        return 0;
    };
    first.write("x");
    second.write("x");
}

TEST_F(PoliciesTest, SeesTheNetworksOptionsAndPorts) {
    set("mtu", "77");
    set("numnodes", "9");
    TestEndpoint& from = world.join(lab(), Role::writer, 4);
    policy.handle = [&](ipn_port* sender, ipn_msg*, int) {
        const ipn_net* net = policy.host.net(sender);
        EXPECT_EQ(policy.host.mtu(net), 77U);
        EXPECT_EQ(policy.host.numnodes(net), 9U);
        EXPECT_EQ(policy.host.port(net, 4), sender);
        EXPECT_EQ(policy.host.port(net, 3), nullptr);
        EXPECT_EQ(policy.host.port(net, 1'000'000), nullptr);
        EXPECT_EQ(policy.host.free_port(net, IPN_PORT_ANY), 0);
        EXPECT_EQ(policy.host.free_port(net, 4), -EADDRINUSE);
        EXPECT_EQ(policy.host.free_port(net, 9), -EADDRNOTAVAIL);
        return 0;
    };
    from.write("x");
}

TEST_F(PoliciesTest, ANodeCanBeSentToFromPostnewportToPredelport) {
    constexpr std::uint32_t kPayer = 9;
    world.join(lab(), Role::none, kPayer);
    policy.within = [&](const std::string& call, ipn_port* about) {
        if (port(about, kPayer) == nullptr) return;  // it is the last to go
        ipn_msg* made = make(port(about, kPayer), call);
        policy.host.send(about, made, 0);
        policy.host.put(made);
    };
    TestEndpoint& late = reader();
    EXPECT_EQ(late.read_all(), "postnewport") << "not newport: it was no node yet";
    world.shut_down(lab());
    EXPECT_EQ(late.read_all(), "predelport") << "not delport: it was no node any more";
}

// ---- injecting

TEST_F(PoliciesTest, AnInjectedPacketIsHandledAfterThePresentOne) {
    TestEndpoint &to = reader(), &from = writer();
    policy.calls.clear();
    bool inside = false;
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        EXPECT_FALSE(inside) << "handlemsg was called within handlemsg";
        inside = true;
        if (depth == 0) {
            for (const char* words : {"first", "second"}) {
                ipn_msg* made = make(sender, words);
                EXPECT_EQ(policy.host.inject(sender, made, depth), 0);
                policy.host.put(made);
            }
        }
        policy.host.send_all(policy.host.net(sender), msg, depth);
        inside = false;
        return 0;
    };
    from.write("zero");
    EXPECT_THAT(policy.take_calls(),
                ElementsAre("handlemsg 1 zero 0", "handlemsg 1 first 1", "handlemsg 1 second 1"));
    EXPECT_EQ(to.read_all(), "zero first second");
}

TEST_F(PoliciesTest, APacketIsInjectedAsIfAnotherNodeHadSentIt) {
    TestEndpoint &first = both(), &second = both();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        if (depth == 0) {
            ipn_msg* made = make(sender, "as if");
            policy.host.inject(port(sender, 1), made, depth);
            policy.host.put(made);
        } else {
            policy.host.send_all(policy.host.net(sender), msg, depth);
        }
        return 0;
    };
    first.write("x");
    EXPECT_EQ(first.read(), "as if");
    EXPECT_EQ(second.read(), kNothing);
    EXPECT_EQ(first.node().last_from(), 1U);
}

TEST_F(PoliciesTest, APacketCanBeInjectedMaxHopsTimesAndNoMore) {
    TestEndpoint& from = writer();
    int handled = 0, refused = 0;
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        EXPECT_EQ(depth, handled++);
        refused = policy.host.inject(sender, msg, depth);
        return 0;
    };
    EXPECT_EQ(from.write("round and round"), Send::done);
    EXPECT_EQ(handled, 1 + 8);
    EXPECT_EQ(refused, -ELOOP);
}

TEST_F(PoliciesTest, TooManyInjectedPacketsFindNoRoom) {
    TestEndpoint& from = writer();
    int refused = 0;
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        if (depth > 0) return 0;
        for (int i = 0; i < 5000 && refused == 0; ++i)
            refused = policy.host.inject(sender, msg, depth);
        return 0;
    };
    from.write("x");
    EXPECT_EQ(refused, -ENOMEM);
}

TEST_F(PoliciesTest, InjectingOutsideOfHandlemsgDoesNotRecurseEither) {
    both();
    bool inside = false;
    policy.within = [&](const std::string& call, ipn_port* about) {
        EXPECT_FALSE(inside && call == "handlemsg") << "handlemsg was called within another call";
        if (call != "postnewport" && call != "predelport") return;
        inside = true;
        ipn_msg* made = make(about, "from " + call);
        EXPECT_EQ(policy.host.inject(about, made, 0), 0);
        policy.host.put(made);
        inside = false;
    };
    TestEndpoint& late = reader();
    policy.calls.clear();
    late.leave();
    EXPECT_THAT(policy.take_calls(),
                ElementsAre("predelport 1", "handlemsg 1 from predelport 1", "delport"));
}

TEST_F(PoliciesTest, ANodeThatIsNotConnectedCannotBeInjectedFor) {
    TestEndpoint& there = both();
    policy.within = [&](const std::string& call, ipn_port* about) {
        if (call != "newport" && call != "delport") return;
        ipn_msg* made = make(policy.host.port(policy.host.net(about), 0), "from nobody");
        EXPECT_LT(policy.host.inject(about, made, 0), 0) << call;
        policy.host.put(made);
    };
    TestEndpoint& late = reader();
    late.leave();
    EXPECT_EQ(there.read(), kNothing);
    EXPECT_EQ(there.counters().sent, 0U);
}

TEST_F(PoliciesTest, WhatIsInjectedForOthersInNewportIsHandledAfterIt) {
    both();
    policy.calls.clear();
    bool inside = false;
    policy.newport = [&](ipn_port* about, std::uint32_t wanted) {
        inside = true;
        ipn_net* net = policy.host.net(about);
        ipn_msg* made = make(policy.host.port(net, 0), "x");
        policy.host.inject(policy.host.port(net, 0), made, 0);
        policy.host.put(made);
        inside = false;
        return policy.host.free_port(net, wanted);
    };
    policy.within = [&](const std::string& call, ipn_port*) {
        EXPECT_FALSE(inside && call == "handlemsg") << "handlemsg was called within newport";
    };
    reader();
    EXPECT_THAT(policy.take_calls(),
                ElementsAre("newport any", "handlemsg 0 x 1", "postnewport 1"));
}

TEST_F(PoliciesTest, WhatIsInjectedInResizenetIsHandledAfterIt) {
    both();
    policy.calls.clear();
    policy.within = [&](const std::string& call, ipn_port*) {
        if (call != "resizenet") return;
        // The policy kept the port since newport().
        auto* kept = reinterpret_cast<ipn_port*>(lab().node_at(0));
        ipn_msg* made = make(kept, "x");
        policy.host.inject(kept, made, 0);
        policy.host.put(made);
        EXPECT_THAT(policy.calls, ElementsAre("resizenet 32 50")) << "not yet";
    };
    set("numnodes", "50");
    EXPECT_THAT(policy.take_calls(), ElementsAre("resizenet 32 50", "handlemsg 0 x 1"));
}

// ---- refusing

TEST_F(PoliciesTest, ARefusedPacketIsTheSendersError) {
    TestEndpoint &to = reader(), &from = writer();
    policy.handle = [](ipn_port*, ipn_msg*, int) { return -ESRCH; };
    const core::Network::Sent sent = from.send("x");
    EXPECT_EQ(sent.outcome, Send::refused);
    EXPECT_EQ(sent.error, ESRCH);
    EXPECT_EQ(from.counters().sent, 0U);
    EXPECT_EQ(to.read(), kNothing);
}

TEST_F(PoliciesTest, ABlockedWriteCanBeRefusedToo) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    TestEndpoint &to = reader(), &from = writer();
    from.write("1");
    const Write& write = from.start_write("2");
    policy.handle = [](ipn_port*, ipn_msg*, int) { return -EINVAL; };
    to.read();
    world.run_work();
    EXPECT_EQ(write.outcome, Send::refused);
}

TEST_F(PoliciesTest, ChoosesThePort) {
    policy.newport = [](ipn_port*, std::uint32_t) { return 9; };
    EXPECT_EQ(reader().number(), 9U);
}

TEST_F(PoliciesTest, RefusesANode) {
    policy.newport = [](ipn_port*, std::uint32_t) { return -EACCES; };
    EXPECT_EQ(world.try_join(lab(), Role::reader), EACCES);
    EXPECT_EQ(lab().nodes(), 0U);
    EXPECT_THAT(policy.take_calls(), ElementsAre("newport any"));
}

TEST_F(PoliciesTest, APortThatCannotBeIsTakenBack) {
    reader();
    policy.calls.clear();
    policy.newport = [](ipn_port*, std::uint32_t) { return 0; };
    EXPECT_EQ(world.try_join(lab(), Role::reader), EADDRINUSE);
    EXPECT_THAT(policy.take_calls(), ElementsAre("newport any", "delport"));
    policy.newport = [](ipn_port*, std::uint32_t) { return 99; };
    EXPECT_EQ(world.try_join(lab(), Role::reader), EADDRNOTAVAIL);
}

TEST_F(PoliciesTest, DoesNotHandOutAReservedPortUnasked) {
    ASSERT_EQ(world.reserve(lab(), 3), 0);
    policy.newport = [](ipn_port*, std::uint32_t) { return 3; };
    EXPECT_EQ(world.try_join(lab(), Role::reader), EADDRINUSE);
    EXPECT_EQ(world.try_join(lab(), Role::reader, 3), 0);
}

TEST_F(PoliciesTest, AnAnswerThatIsNoErrnoValueIsMadeOne) {
    TestEndpoint& from = writer();
    int answer = 0;
    policy.handle = [&](ipn_port*, ipn_msg*, int) { return answer; };
    for (answer = 1; answer > -100'000; answer -= 50'000) {
        const core::Network::Sent sent = from.send("x");
        EXPECT_EQ(sent.outcome, Send::refused);
        EXPECT_EQ(sent.error, EPROTO) << answer;
    }
    policy.newport = [](ipn_port*, std::uint32_t) { return -100'000; };
    EXPECT_EQ(world.try_join(lab(), Role::reader), EPROTO);
    policy.resizenet_answer = 7;
    EXPECT_EQ(set("numnodes", "50"), EPROTO);
}

TEST_F(PoliciesTest, RefusesANewSize) {
    policy.resizenet_answer = -ENOMEM;
    EXPECT_EQ(set("numnodes", "50"), ENOMEM);
    EXPECT_EQ(lab().options().numnodes, 32U);
}

TEST_F(PoliciesTest, RefusesANetwork) {
    world.set(lab(), "policy", "broadcast");
    policy.calls.clear();
    policy.newnet_answer = -ENOMEM;
    EXPECT_EQ(set("policy", "recording"), ENOMEM);
    EXPECT_EQ(lab().options().policy, "broadcast");
    EXPECT_THAT(policy.take_calls(), ElementsAre("newnet")) << "no delnet for what was refused";
}

TEST_F(PoliciesTest, ANewNetworkThatItsPolicyRefusesIsNotMade) {
    world.set_default("policy", "recording");
    policy.newnet_answer = -EACCES;
    const core::AssumeLoop here;
    EXPECT_EQ(code(world.registry.create("refused", {0755, 1, 1})), EACCES);
    EXPECT_EQ(world.registry.find("refused"), nullptr);
    EXPECT_EQ(world.registry.size(), 1U);
}

// ---- binding another

TEST_F(PoliciesTest, AnotherPolicyTakesOver) {
    EXPECT_EQ(set("policy", "broadcast"), 0);
    EXPECT_THAT(policy.take_calls(), ElementsAre("delnet"));
    TestEndpoint &to = reader(), &from = writer();
    from.write("x");
    EXPECT_EQ(to.read(), "x");
    EXPECT_THAT(policy.take_calls(), IsEmpty());
}

TEST_F(PoliciesTest, ThePoliciesOwnDataIsNotMixedUpWhenAnotherTakesOver) {
    int mine = 0;
    *policy.host.net_private(reinterpret_cast<ipn_net*>(&lab())) = &mine;
    set("policy", "broadcast");
    EXPECT_EQ(*policy.host.net_private(reinterpret_cast<ipn_net*>(&lab())), nullptr);
}

// ---- registering

TEST_F(PoliciesTest, ATableThatIsNotOfThisApiIsRefused) {
    core::Policies policies;
    const auto add_changed = [&](auto change) {
        ipn_policy table = RecordingPolicy::table();
        change(table);
        return code(policies.add(&table));
    };
    EXPECT_EQ(code(policies.add(nullptr)), EPROTO);
    EXPECT_EQ(add_changed([](ipn_policy& table) { table.api = 2; }), EPROTO);
    EXPECT_EQ(add_changed([](ipn_policy& table) { table.struct_size = 16; }), EPROTO);
    EXPECT_EQ(add_changed([](ipn_policy& table) { table.name = nullptr; }), EPROTO);
    EXPECT_EQ(add_changed([](ipn_policy& table) { table.handlemsg = nullptr; }), EPROTO);
    EXPECT_EQ(policies.find("recording"), nullptr);
    EXPECT_EQ(code(policies.add(&RecordingPolicy::table())), 0);
}

TEST_F(PoliciesTest, ATableThatHasGrownIsWelcome) {
    core::Policies policies;
    ipn_policy table = RecordingPolicy::table();
    table.struct_size += 64;
    EXPECT_EQ(code(policies.add(&table)), 0);
}

TEST_F(PoliciesTest, ANameIsTakenOnce) {
    EXPECT_EQ(code(world.registry.policies().add(&RecordingPolicy::table())), EEXIST);
}

TEST_F(PoliciesTest, WhoAsksForAnUnknownPolicyIsToldWhichThereAre) {
    const auto found = world.registry.policies().find_for_network("no-such");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, EINVAL);
    EXPECT_NE(found.error().words.find("broadcast"), std::string::npos);
    EXPECT_NE(found.error().words.find("recording"), std::string::npos);
}

}  // namespace
}  // namespace ipn::test
