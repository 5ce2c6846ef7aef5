// Watching packets: what observers are told of each packet that crosses a network, and when.
#include "core/packet_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bytes.h"
#include "policy_world.h"

namespace ipn::test {
namespace {

using core::Fate;
using core::Passage;
using testing::ElementsAre;
using testing::IsEmpty;

const char* name_of(Fate fate) {
    switch (fate) {
        case Fate::queued:
            return "queued";
        case Fate::unwanted:
            return "unwanted";
        case Fate::queue_full:
            return "queue full";
        case Fate::no_memory:
            return "no memory";
        case Fate::too_long:
            return "too long";
    }
    return "";
}

// Writes down what it is told: `hello: 0 > 1 2, 3 queue full`.
class Watcher final : public core::PacketObserver {
  public:
    std::vector<std::string> take() { return std::exchange(told_, {}); }

  private:
    void passed(const Passage& passage) noexcept override {
        const bool policy = passage.from == core::Node::kNobody;
        std::string line = text(passage.packet->data(), passage.packet->length()) + ": ";
        if (passage.injected) line += "injected ";
        line += (policy ? "policy" : std::to_string(passage.from)) + " >";
        for (const std::uint32_t port : passage.to) line += " " + std::to_string(port);
        for (const Passage::Drop& drop : passage.drops)
            line += ", " + std::to_string(drop.port) + " " + name_of(drop.fate);
        if (!passage.refused.empty()) line += ", refused: " + passage.refused;
        told_.push_back(line);
    }
    void missed() noexcept override { told_.emplace_back("missed"); }
    void network_ended() override { told_.emplace_back("ended"); }

    std::vector<std::string> told_;
};

template <typename Base>
class Watched : public Base {
  protected:
    using Base::Base;

    void observe(Watcher& observer) {
        const core::AssumeLoop here;
        this->lab().observe(observer);
    }
    void TearDown() override {
        watcher.unlink();
        Base::TearDown();
    }
    std::vector<std::string> told() { return watcher.take(); }

    Watcher watcher;
};

// ---- the hub

using PacketWatchTest = Watched<CoreTest>;

TEST_F(PacketWatchTest, TellsFromWhomAndToWhomAPacketWent) {
    observe(watcher);
    TestEndpoint &from = both(), &one = reader(), &other = both();
    writer();
    from.write("hello");
    other.write("hello, too");
    EXPECT_THAT(told(), ElementsAre("hello: 0 > 1 2", "hello, too: 2 > 0 1"));
    EXPECT_EQ(one.read_all(), "hello hello, too");
}

TEST_F(PacketWatchTest, TellsOfPacketsThatNobodyReads) {
    observe(watcher);
    writer().write("hello");
    EXPECT_THAT(told(), ElementsAre("hello: 0 >"));
}

TEST_F(PacketWatchTest, TellsOnlyOfWhatComesLater) {
    TestEndpoint& from = writer();
    from.write("early");
    observe(watcher);
    from.write("later");
    watcher.unlink();
    from.write("too late");
    EXPECT_THAT(told(), ElementsAre("later: 0 >"));
}

TEST_F(PacketWatchTest, EveryObserverIsToldTheSame) {
    Watcher second;
    observe(watcher);
    observe(second);
    writer().write("hello");
    EXPECT_THAT(told(), ElementsAre("hello: 0 >"));
    EXPECT_THAT(second.take(), ElementsAre("hello: 0 >"));
}

TEST_F(PacketWatchTest, TellsWhoLostIt) {
    set("msgpoolsize", "1");
    observe(watcher);
    TestEndpoint &from = writer(), &fast = reader();
    reader();
    from.write("one");
    fast.read();
    from.write("two");
    EXPECT_THAT(told(), ElementsAre("one: 0 > 1 2", "two: 0 > 1, 2 queue full"));
}

TEST_F(PacketWatchTest, TellsOfWhatNeverEntered) {
    set("mtu", "5");
    observe(watcher);
    TestEndpoint& from = writer();
    reader();
    EXPECT_EQ(from.write("longer"), Send::too_long);
    EXPECT_EQ(from.write("short"), Send::done);
    EXPECT_THAT(told(), ElementsAre("longer: 0 >, refused: longer than the MTU", "short: 0 > 1"));
}

TEST_F(PacketWatchTest, AWriteThatWaitsIsToldOfWhenItEnters) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    observe(watcher);
    TestEndpoint &to = reader(), &from = writer();
    from.write("one");
    EXPECT_EQ(from.write("two"), Send::would_block);
    from.start_write("three");
    EXPECT_THAT(told(), ElementsAre("one: 1 > 0"));
    to.read();
    world.run_work();
    EXPECT_THAT(told(), ElementsAre("three: 1 > 0"));
}

TEST_F(PacketWatchTest, AStreamIsToldPacketByPacket) {
    set("type", "stream");
    set("mtu", "3");
    observe(watcher);
    writer().write("onetwo");
    EXPECT_THAT(told(), ElementsAre("one: 0 >", "two: 0 >"));
}

TEST_F(PacketWatchTest, KeepsNoPacket) {
    observe(watcher);
    writer().write("hello");
    EXPECT_EQ(world.registry.memory().used(), 0U);
}

TEST_F(PacketWatchTest, EndsWithItsNetwork) {
    observe(watcher);
    writer().write("hello");
    world.shut_down(lab());
    EXPECT_THAT(told(), ElementsAre("hello: 0 >", "ended"));
}

TEST_F(PacketWatchTest, WhoObservesWhatIsEndingIsToldAtOnce) {
    TestEndpoint& last = reader();
    core::Network& network = lab();
    world.shut_down(network);
    const core::AssumeLoop here;
    network.observe(watcher);
    EXPECT_THAT(told(), ElementsAre("ended"));
    last.leave();
}

class PacketWatchMemoryTest : public PacketWatchTest {
  protected:
    PacketWatchMemoryTest() : PacketWatchTest(limits(64 * 1024)) {}
};

TEST_F(PacketWatchMemoryTest, TellsWhoLostItForWantOfMemory) {
    set("mtu", "65535");
    observe(watcher);
    TestEndpoint &from = writer(), &to = reader();
    from.write(std::string(20'000, 'x'));
    EXPECT_EQ(told().size(), 1U);
    from.write("small");
    from.write(std::string(9'000, 'y'));
    EXPECT_EQ(told().back(), std::string(9'000, 'y') + ": 0 >, 1 no memory");
    EXPECT_EQ(from.write(std::string(60'000, 'z')), Send::never_fits);
    EXPECT_EQ(told().back(), std::string(60'000, 'z') + ": 0 >, refused: out of memory");
    to.read();
}

// ---- policies

using PolicyWatchTest = Watched<PolicyTest>;

TEST_F(PolicyWatchTest, TellsWhatThePolicyRefused) {
    observe(watcher);
    TestEndpoint& from = writer();
    policy.handle = [&](ipn_port*, ipn_msg*, int) {
        policy.host.explain("not on a Sunday");
        return -EACCES;
    };
    from.write("hello");
    EXPECT_THAT(told(), ElementsAre("hello: 0 >, refused: not on a Sunday"));
}

TEST_F(PolicyWatchTest, TellsWhatThePolicyCannotUse) {
    observe(watcher);
    EXPECT_EQ(writer().write("x"), Send::too_short);
    EXPECT_THAT(told(), ElementsAre("x: 0 >, refused: shorter than the policy can use"));
}

TEST_F(PolicyWatchTest, APacketSentToSomeIsToldOnce) {
    observe(watcher);
    TestEndpoint& from = both();
    reader();
    reader();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int) {
        policy.host.send(port(sender, 2), msg, 0);
        policy.host.send(port(sender, 1), msg, 0);
        return 0;
    };
    from.write("hello");
    EXPECT_THAT(told(), ElementsAre("hello: 0 > 2 1"));
}

TEST_F(PolicyWatchTest, WhoDoesNotReadLosesNothing) {
    observe(watcher);
    TestEndpoint &from = both(), &other = writer();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int) {
        policy.host.send(port(sender, other.number()), msg, 0);
        return 0;
    };
    from.write("hello");
    EXPECT_THAT(told(), ElementsAre("hello: 0 >"));
}

TEST_F(PolicyWatchTest, PacketsThatThePolicyMakesAreToldBehindWhatTheyAnswer) {
    observe(watcher);
    TestEndpoint& from = both();
    reader();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int) {
        ipn_msg* answer = make(sender, "answer");
        policy.host.send(sender, answer, 0);
        policy.host.put(answer);
        policy.host.send(port(sender, 1), msg, 0);
        return 0;
    };
    from.write("question");
    EXPECT_THAT(told(), ElementsAre("question: 0 > 1", "answer: policy > 0"));
}

TEST_F(PolicyWatchTest, InjectedPacketsAreToldAsSuch) {
    observe(watcher);
    TestEndpoint &from = both(), &other = both();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int depth) {
        policy.host.send_all(policy.host.net(sender), msg, depth);
        if (depth > 0) return 0;
        ipn_msg* answer = make(sender, "answer");
        policy.host.inject(port(sender, other.number()), answer, depth);
        policy.host.put(answer);
        return 0;
    };
    from.write("question");
    EXPECT_THAT(told(), ElementsAre("question: 0 > 1", "answer: injected 1 > 0"));
}

TEST_F(PolicyWatchTest, TellsWhatIsInjectedTooOften) {
    observe(watcher);
    TestEndpoint& from = both();
    policy.handle = [&](ipn_port* sender, ipn_msg* msg, int) {
        policy.host.inject(sender, msg, 8);
        return 0;
    };
    from.write("hello");
    EXPECT_THAT(told(), ElementsAre("hello: 0 >",
                                    "hello: injected 0 >, refused: injected more often than "
                                    "max_hops"));
}

TEST_F(PolicyWatchTest, AHeldPacketIsToldAgainWhenItIsSent) {
    observe(watcher);
    TestEndpoint& from = writer();
    TestEndpoint& to = reader();
    ipn_msg* held = nullptr;
    policy.handle = [&](ipn_port*, ipn_msg* msg, int) {
        policy.host.hold(msg);
        held = msg;
        return 0;
    };
    from.write("hello");
    EXPECT_THAT(told(), ElementsAre("hello: 0 >"));
    inside([&] {
        policy.host.send(port_of(to), held, 0);
        policy.host.put(held);
    });
    EXPECT_THAT(told(), ElementsAre("hello: 0 > 1"));
}

TEST_F(PolicyWatchTest, WhatAPolicySendsAtOnceIsBounded) {
    constexpr int kMany = 200;
    observe(watcher);
    TestEndpoint& to = reader();
    set("lossless", "0");
    inside([&] {
        for (int i = 0; i < kMany; ++i) {
            ipn_msg* made = make(port_of(to), "packet");
            policy.host.send(port_of(to), made, 0);
            policy.host.put(made);
        }
        EXPECT_GT(told().size(), std::size_t{kMany / 2}) << "before the policy has done";
    });
    EXPECT_LT(told().size(), std::size_t{kMany / 2});
}

}  // namespace
}  // namespace ipn::test
