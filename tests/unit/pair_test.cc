// The policy pair: stories of two ends, and chance against a naive model of them.
#include "pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <memory>
#include <string>

#include "core/policies.h"
#include "core/policy_handles.h"
#include "random.h"
#include "world.h"

namespace ipn::test {
namespace {

class PairTest : public CoreTest {
  protected:
    PairTest() {
        EXPECT_TRUE(world.registry.policies().add(ipn_pair_policy(&core::policy_host())));
        EXPECT_EQ(set("policy", "pair"), 0);
    }
    // The words behind the error of a node that may not join.
    std::string refused(std::uint32_t port = IPN_PORT_ANY) {
        TestEndpoint end;
        const auto joined = end.join(lab(), {.role = Role::both, .port = port, .credentials = {}});
        EXPECT_EQ(code(joined), EADDRNOTAVAIL);
        return joined ? std::string() : joined.error().words;
    }
};

// ---- options

TEST_F(PairTest, IsLosslessUnlessToldOtherwise) {
    EXPECT_TRUE(lab().options().lossless);
    EXPECT_EQ(set("lossless", "0"), 0);
    EXPECT_FALSE(lab().options().lossless);
}

TEST_F(PairTest, NumnodesIsTwo) {
    EXPECT_EQ(lab().options().numnodes, 2U);
    EXPECT_EQ(set("numnodes", "3"), EINVAL);
    EXPECT_EQ(set("numnodes", "1"), EINVAL);
    EXPECT_EQ(set("numnodes", "2"), 0);
}

TEST_F(PairTest, ANetworkOfAnotherSizeIsNoPair) {
    EXPECT_EQ(set("policy", "broadcast"), 0);
    EXPECT_EQ(lab().options().numnodes, 32U) << "it goes with the policy";
    EXPECT_EQ(set("numnodes", "10"), 0);
    EXPECT_EQ(set("policy", "pair"), EINVAL);
    EXPECT_EQ(lab().options().policy, "broadcast");
    EXPECT_EQ(set("numnodes", "2"), 0);
    EXPECT_EQ(set("policy", "pair"), 0);
}

TEST_F(PairTest, TheDefaultPolicyMakesPairs) {
    EXPECT_EQ(world.set_default("policy", "pair"), 0);
    EXPECT_EQ(world.create("other").options().numnodes, 2U);
}

// ---- ends

TEST_F(PairTest, HasPortsZeroAndOne) {
    EXPECT_EQ(both().number(), 0U);
    EXPECT_EQ(both().number(), 1U);
    refused();
    EXPECT_EQ(world.try_join(lab(), Role::both, 0), EADDRINUSE);
}

TEST_F(PairTest, HasNoPortTwo) {
    EXPECT_NE(refused(2), "");
}

TEST_F(PairTest, AReservedPortIsForWhoNamesIt) {
    EXPECT_EQ(world.reserve(lab(), 0), 0);
    EXPECT_EQ(both().number(), 1U);
    refused();
    TestEndpoint& named = world.join(lab(), Role::both, 0);
    EXPECT_EQ(named.write("x"), Send::done);
}

TEST_F(PairTest, WhatOneWritesTheOtherReads) {
    TestEndpoint &a = both(), &b = both();
    a.write("to b");
    b.write("to a");
    EXPECT_EQ(a.read(), "to a");
    EXPECT_EQ(b.read(), "to b");
    EXPECT_EQ(a.read(), kNothing);
    EXPECT_EQ(b.read(), kNothing);
}

TEST_F(PairTest, BeforeThereIsAnOtherEndWritesWait) {
    TestEndpoint& a = both();
    EXPECT_EQ(a.write("now"), Send::would_block);
    EXPECT_FALSE(a.poll().writable);
    a.watch_writable();
    const Write& waiting = a.start_write("later");
    TestEndpoint& b = both();
    world.run_work();
    EXPECT_EQ(waiting.outcome, Send::done);
    EXPECT_EQ(a.told_writable, 1);
    EXPECT_EQ(b.read(), "later");
}

TEST_F(PairTest, WhoLeavesBeforeThereIsAPairLeavesNothingBehind) {
    both().leave();
    TestEndpoint& a = both();
    EXPECT_EQ(a.number(), 0U);
    EXPECT_EQ(a.write("x"), Send::would_block);
    EXPECT_EQ(both().write("x"), Send::done);
}

TEST_F(PairTest, EachIsToldWhoTheOtherIs) {
    TestEndpoint& a = world.join(lab(), Role::both, IPN_PORT_ANY, 11);
    EXPECT_FALSE(a.node().peer);
    TestEndpoint& b = world.join(lab(), Role::both, IPN_PORT_ANY, 22);
    ASSERT_TRUE(a.node().peer && b.node().peer);
    EXPECT_EQ(a.node().peer->uid, 22U);
    EXPECT_EQ(a.node().peer->gid, 22U);
    EXPECT_EQ(b.node().peer->uid, 11U);
    EXPECT_EQ(b.node().peer->pid, 1U);
    b.leave();
    EXPECT_EQ(a.node().peer->uid, 22U) << "as SO_PEERCRED, also when it has gone";
}

// ---- the end

TEST_F(PairTest, WhenOneLeavesTheOtherReadsWhatIsPendingAndThenEndOfFile) {
    TestEndpoint &a = both(), &b = both();
    a.write("pending");
    a.leave();
    EXPECT_TRUE(b.poll().hung_up);
    EXPECT_EQ(b.read(), "pending");
    EXPECT_EQ(b.read(), kEndOfFile);
    EXPECT_EQ(b.write("x"), Send::closed);
}

TEST_F(PairTest, WhenOneLeavesTheOthersBlockedWriteFails) {
    set("msgpoolsize", "1");
    TestEndpoint &a = both(), &b = both();
    b.write("unread");
    const Write& blocked = b.start_write("blocked");
    a.leave();
    world.run_work();
    EXPECT_EQ(blocked.outcome, Send::closed);
}

TEST_F(PairTest, WhenOneIsDisconnectedTheOtherIsHungUp) {
    TestEndpoint &a = both(), &b = both();
    world.cut(a);
    EXPECT_EQ(a.read(), kReset);
    EXPECT_EQ(b.read(), kEndOfFile);
}

TEST_F(PairTest, BothHaveToLeaveBeforeNewOnesPairUp) {
    TestEndpoint &a = both(), &b = both();
    a.leave();
    EXPECT_THAT(refused(), testing::HasSubstr("one end of the pair has gone"));
    EXPECT_THAT(refused(0), testing::HasSubstr("one end of the pair has gone"));
    EXPECT_EQ(world.try_join(lab(), Role::both, 1), EADDRINUSE);
    b.leave();
    TestEndpoint& c = both();
    EXPECT_EQ(c.write("x"), Send::would_block);
    TestEndpoint& d = both();
    EXPECT_EQ(c.write("x"), Send::done);
    EXPECT_EQ(d.read(), "x");
    EXPECT_FALSE(c.poll().hung_up || d.poll().hung_up);
}

TEST_F(PairTest, ANetworkThatIsEndedEndsBoth) {
    TestEndpoint &a = both(), &b = both();
    a.write("pending");
    world.shut_down(lab());
    EXPECT_EQ(a.read(), kEndOfFile);
    EXPECT_EQ(b.read(), "pending");
    EXPECT_EQ(b.read(), kEndOfFile);
    EXPECT_EQ(b.write("x"), Send::closed);
}

// ---- shutdown(2), and roles to begin with

TEST_F(PairTest, WhoGivesUpWritingEndsTheOthersReading) {
    TestEndpoint &a = both(), &b = both();
    a.write("pending");
    ASSERT_TRUE(a.narrow(Role::reader));
    EXPECT_EQ(b.read(), "pending");
    EXPECT_EQ(b.read(), kEndOfFile);
    EXPECT_TRUE(b.poll().readable);
    EXPECT_FALSE(b.poll().hung_up) << "it can still write";
    EXPECT_EQ(b.write("answer"), Send::done);
    EXPECT_EQ(a.read(), "answer");
    EXPECT_EQ(a.write("x"), Send::closed);
}

TEST_F(PairTest, WhoGivesUpReadingEndsTheOthersWriting) {
    TestEndpoint &a = both(), &b = both();
    ASSERT_TRUE(a.narrow(Role::writer));
    EXPECT_EQ(b.write("x"), Send::closed);
    EXPECT_TRUE(b.poll().writable) << "it fails at once";
    EXPECT_EQ(a.write("still"), Send::done);
    EXPECT_EQ(b.read(), "still");
    EXPECT_EQ(b.read(), kNothing);
}

TEST_F(PairTest, WhoGivesUpBothHangsTheOtherUp) {
    TestEndpoint &a = both(), &b = both();
    ASSERT_TRUE(a.narrow(Role::none));
    EXPECT_TRUE(b.poll().hung_up);
    EXPECT_EQ(b.read(), kEndOfFile);
    EXPECT_EQ(b.write("x"), Send::closed);
}

TEST_F(PairTest, EachGivingUpOneDirectionHangsBothUp) {
    TestEndpoint &a = both(), &b = both();
    ASSERT_TRUE(a.narrow(Role::reader));
    ASSERT_TRUE(b.narrow(Role::reader));
    EXPECT_TRUE(a.poll().hung_up);
    EXPECT_TRUE(b.poll().hung_up);
}

TEST_F(PairTest, GivingUpWakesTheOther) {
    set("msgpoolsize", "1");
    TestEndpoint &a = both(), &b = both();
    b.write("unread");
    const Write& blocked = b.start_write("blocked");
    ASSERT_TRUE(a.narrow(Role::writer));
    world.run_work();
    EXPECT_EQ(blocked.outcome, Send::closed);
    EXPECT_EQ(b.state_changes, 1);
}

TEST_F(PairTest, WhatWasGivenUpBeforeThereIsAPairCountsToo) {
    TestEndpoint& a = both();
    ASSERT_TRUE(a.narrow(Role::reader));
    TestEndpoint& b = both();
    EXPECT_EQ(b.read(), kEndOfFile);
    EXPECT_EQ(b.write("x"), Send::done);
    EXPECT_EQ(a.read(), "x");
}

TEST_F(PairTest, AReaderAndAWriterAreAPipe) {
    TestEndpoint &to = reader(), &from = writer();
    EXPECT_EQ(from.write("x"), Send::done);
    EXPECT_EQ(to.read(), "x");
    EXPECT_FALSE(to.poll().hung_up || from.poll().hung_up);
    from.leave();
    EXPECT_EQ(to.read(), kEndOfFile);
    EXPECT_TRUE(to.poll().hung_up);
}

TEST_F(PairTest, TwoOfAKindHaveNothingToWaitFor) {
    TestEndpoint &a = reader(), &b = reader();
    EXPECT_EQ(a.read(), kEndOfFile);
    EXPECT_EQ(b.read(), kEndOfFile);
    a.leave();
    b.leave();
    TestEndpoint& c = writer();
    writer();
    EXPECT_EQ(c.write("x"), Send::closed);
}

// ---- chance, against a model as plain as possible

struct End {
    std::unique_ptr<TestEndpoint> endpoint;  // null: nobody is there
    Role joined = Role::none;
    Role role = Role::none;
    bool nobody_writes = false;
    bool nobody_reads = false;
    std::deque<std::string> pending;
};

class PairModel {
  public:
    PairModel(World& world, std::uint64_t seed) : world_(world), random_(seed) {
        truncate_ = random_.chance(50);
        world.set(lab(), "short_read", truncate_ ? "truncate" : "keep");
        world.set(lab(), "msgpoolsize", std::to_string(kPool));
    }

    void step() {
        const unsigned port = random_.below(2);
        End& end = ends_[port];
        const unsigned what = random_.below(100);
        if (what < 15)
            join();
        else if (end.endpoint == nullptr)
            return;
        else if (what < 50)
            write(end, ends_[1 - port]);
        else if (what < 85)
            read(end);
        else if (what < 92)
            narrow(end, ends_[1 - port]);
        else
            leave(end, ends_[1 - port]);
        world_.run_work();
        for (const End& each : ends_) check_poll(each);
    }

  private:
    static constexpr std::size_t kPool = 3;

    core::Network& lab() { return *world_.registry.find("lab"); }
    std::size_t waiting() const { return ends_[0].pending.size() + ends_[1].pending.size(); }
    static bool has(Role role, Role part) { return core::without(part, role) == Role::none; }

    void join() {
        auto endpoint = std::make_unique<TestEndpoint>();
        const Role role = random_.of({Role::both, Role::both, Role::reader, Role::writer});
        const auto joined = endpoint->join(lab(), {.role = role, .credentials = {}});
        const bool full = ends_[0].endpoint != nullptr && ends_[1].endpoint != nullptr;
        ASSERT_EQ(code(joined), full || paired_ ? EADDRNOTAVAIL : 0);
        if (!joined) return;
        const unsigned port = ends_[0].endpoint == nullptr ? 0 : 1;
        ASSERT_EQ(endpoint->number(), port);
        End& end = ends_[port];
        End& other = ends_[1 - port];
        end = End{std::move(endpoint), role, role, false, false, {}};
        if (other.endpoint == nullptr) return;
        paired_ = true;
        match(end, other);
        match(other, end);
    }

    static void match(End& end, const End& other) {
        if (!has(other.role, Role::writer)) end.nobody_writes = true;
        if (!has(other.role, Role::reader)) end.nobody_reads = true;
    }

    void write(End& end, End& other) {
        std::string data = std::to_string(written_++);
        const Send outcome = end.endpoint->write(data);
        if (!has(end.role, Role::writer) || end.nobody_reads) {
            ASSERT_EQ(outcome, Send::closed);
        } else if (!paired_ || waiting() == kPool) {
            ASSERT_EQ(outcome, Send::would_block);
        } else {
            ASSERT_EQ(outcome, Send::done);
            other.pending.push_back(std::move(data));
        }
    }

    void read(End& end) {
        const std::uint32_t space = random_.between(1, 6);
        const std::string got = end.endpoint->read(space);
        if (end.pending.empty()) {
            const bool over = !has(end.role, Role::reader) || end.nobody_writes;
            ASSERT_EQ(got, over ? kEndOfFile : kNothing);
            return;
        }
        std::string& oldest = end.pending.front();
        ASSERT_EQ(got, oldest.substr(0, space));
        oldest.erase(0, got.size());
        if (oldest.empty() || truncate_) end.pending.pop_front();
    }

    void narrow(End& end, End& other) {
        const Role left = core::without(end.role, random_.of({Role::reader, Role::writer}));
        ASSERT_TRUE(end.endpoint->narrow(left));
        end.role = left;
        if (!has(left, Role::reader)) end.pending.clear();
        if (other.endpoint != nullptr) match(other, end);
    }

    void leave(End& end, End& other) {
        end = End{};
        if (other.endpoint == nullptr)
            paired_ = false;
        else if (paired_)
            other.nobody_reads = other.nobody_writes = true;
    }

    void check_poll(const End& end) {
        if (end.endpoint == nullptr) return;
        const bool gave_up_reading = has(end.joined, Role::reader) && !has(end.role, Role::reader);
        const bool gave_up_writing = has(end.joined, Role::writer) && !has(end.role, Role::writer);
        const bool reads = has(end.role, Role::reader), writes = has(end.role, Role::writer);
        const bool room = paired_ && waiting() < kPool;
        const core::Node::Readiness ready = end.endpoint->poll();
        EXPECT_EQ(ready.readable,
                  gave_up_reading || (reads && (!end.pending.empty() || end.nobody_writes)));
        EXPECT_EQ(ready.writable, gave_up_writing || (writes && (end.nobody_reads || room)));
        EXPECT_EQ(ready.hung_up, (!reads || end.nobody_writes) && (!writes || end.nobody_reads));
        EXPECT_FALSE(ready.failed);
    }

    World& world_;
    sim::Random random_;
    bool truncate_ = false;
    bool paired_ = false;  // since both were there, until both have gone
    unsigned written_ = 0;
    std::array<End, 2> ends_;
};

TEST_F(PairTest, DoesByChanceWhatANaiveModelDoes) {
    for (std::uint64_t seed = 1; seed <= 200 && !HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        PairModel model(world, seed);
        for (int i = 0; i < 300 && !HasFailure(); ++i) model.step();
    }
}

}  // namespace
}  // namespace ipn::test
