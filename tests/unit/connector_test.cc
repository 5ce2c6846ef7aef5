// The policy connector: stories of a bus, and chance against a naive model of it.
#include "connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/policies.h"
#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "messages.h"
#include "random.h"
#include "subscription.h"
#include "world.h"

namespace ipn::test {
namespace {

using connector::Id;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kIds = 0, kTo = 1;  // which option is which

class ConnectorTest : public CoreTest {
  protected:
    explicit ConnectorTest(const core::Registry::Limits& limits = {}) : CoreTest(limits) {
        EXPECT_TRUE(world.registry.policies().add(ipn_connector_policy(&core::policy_host())));
        EXPECT_EQ(set("policy", "connector"), 0);
    }

    // Sets an option of a port; an errno value, and `words`.
    int set_port(std::uint32_t port, std::size_t option, std::string_view value) {
        const core::AssumeLoop here;
        const auto done = lab().set_policy_option(port, option, value);
        if (!done) words = done.error().words;
        return code(done);
    }
    int subscribe(TestEndpoint& node, std::string_view ids) {
        return set_port(node.number(), kIds, ids);
    }
    int direct(TestEndpoint& node, std::string_view to) { return set_port(node.number(), kTo, to); }
    std::string option(std::uint32_t port, std::size_t index) {
        const core::AssumeLoop here;
        return lab().policy_option(port, index).value_or("<none>");
    }
    TestEndpoint& subscriber(std::string_view ids) {
        TestEndpoint& node = both();
        EXPECT_EQ(subscribe(node, ids), 0);
        return node;
    }

    // ids/NAME, opened.
    int open_as(TestEndpoint& node, const std::string& name) {
        const core::PolicyCall call(lab());
        const auto& endpoints = *lab().policy().endpoints();
        EXPECT_EQ(endpoints.check(handle(lab()), name.c_str()), 0);
        return -endpoints.open(handle(node.node()), name.c_str());
    }
    TestEndpoint& opened(const std::string& name, Role role = Role::both) {
        TestEndpoint& node = world.join(lab(), role);
        EXPECT_EQ(open_as(node, name), 0);
        return node;
    }

    // Sends; an errno value, and `words`.
    int send(TestEndpoint& from, std::string_view packet) {
        const core::Network::Sent sent = from.send(packet);
        words = sent.words;
        EXPECT_TRUE(sent.outcome == Send::done || sent.outcome == Send::refused);
        return sent.outcome == Send::done ? 0 : sent.error;
    }

    std::string listed() {
        const core::PolicyCall call(lab());
        ipn_text text;
        lab().policy().endpoints()->list(handle(lab()), &text);
        return text.bytes;
    }
    std::string view(std::string_view name) {
        const core::PolicyCall call(lab());
        ipn_text text;
        for (const ipn_view& each : lab().policy().views()) {
            if (each.name != name) continue;
            EXPECT_EQ(each.show(handle(lab()), &text), 0);
        }
        return text.bytes;
    }
    std::uint64_t stat(std::string_view name) {
        const core::AssumeLoop here;
        const auto stats = lab().policy().stats();
        for (std::size_t index = 0; index < stats.size(); ++index)
            if (stats[index].name == name) return lab().policy_stat(index);
        ADD_FAILURE() << name;
        return 0;
    }

    std::string words;
};

// What a notice says behind its header.
std::string notice(Id id, bool begun, const TestEndpoint& about, std::string_view name = "") {
    const core::Credentials& who = about.node().credentials();
    return numbers({id.idx, id.val, begun ? 1U : 0U, about.number(), who.uid, who.pid})
        .append(name);
}

// ---- who gets a message

TEST_F(ConnectorTest, AMessageGoesToTheSubscribersOfItsId) {
    TestEndpoint &a = subscriber("3:1"), &b = subscriber("4:1 3:1=thermal"), &c = subscriber("3:2");
    TestEndpoint& from = writer();
    const std::string packet = message({3, 1}, "warm");
    EXPECT_EQ(send(from, packet), 0);
    EXPECT_EQ(a.read(), packet);
    EXPECT_EQ(b.read(), packet);
    EXPECT_EQ(c.read(), kNothing);
    EXPECT_EQ(a.node().last_from(), from.number());
}

TEST_F(ConnectorTest, AnyIsForAllValsOfThatIdx) {
    TestEndpoint &any = subscriber("3:any"), &from = writer();
    EXPECT_EQ(send(from, message({3, 0}, "1")), 0);
    EXPECT_EQ(send(from, message({3, UINT32_MAX}, "2")), 0);
    EXPECT_EQ(send(from, message({4, 0}, "3")), ESRCH);
    EXPECT_EQ(any.read(), message({3, 0}, "1"));
    EXPECT_EQ(any.read(), message({3, UINT32_MAX}, "2"));
    EXPECT_EQ(any.read(), kNothing);
}

TEST_F(ConnectorTest, NobodyThereIsAnError) {
    TestEndpoint& from = writer();
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH);
    EXPECT_EQ(words, "nobody subscribes to 3:1");
    EXPECT_EQ(from.counters().sent, 0U);
    EXPECT_EQ(stat("unheard"), 1U);
}

TEST_F(ConnectorTest, ASubscriberDoesNotHearItself) {
    TestEndpoint& a = subscriber("3:1");
    EXPECT_EQ(send(a, message({3, 1}, "x")), ESRCH);
    TestEndpoint& b = subscriber("3:1");
    EXPECT_EQ(send(a, message({3, 1}, "y")), 0);
    EXPECT_EQ(b.read(), message({3, 1}, "y"));
    EXPECT_EQ(a.read(), kNothing);
}

TEST_F(ConnectorTest, WhoDoesNotReadIsNotThere) {
    TestEndpoint& deaf = writer();
    EXPECT_EQ(subscribe(deaf, "3:1"), 0);
    EXPECT_EQ(send(writer(), message({3, 1}, "x")), ESRCH);
    EXPECT_EQ(listed(), "");
}

TEST_F(ConnectorTest, WhoGivesReadingUpIsNotThereAnyMore) {
    TestEndpoint &a = subscriber("3:1"), &watcher = subscriber("4294967295:4294967295");
    ASSERT_TRUE(a.narrow(Role::writer));
    EXPECT_EQ(send(writer(), message({3, 1}, "x")), ESRCH);
    EXPECT_EQ(watcher.read(), message(connector::kBus, notice({3, 1}, false, a), 1));
    EXPECT_EQ(subscribe(a, "5:1"), 0);
    EXPECT_EQ(listed(), "4294967295:4294967295\n");
}

TEST_F(ConnectorTest, WhoGivesWritingUpStillHears) {
    TestEndpoint& a = subscriber("3:1");
    ASSERT_TRUE(a.narrow(Role::reader));
    EXPECT_EQ(send(writer(), message({3, 1}, "x")), 0);
    EXPECT_EQ(a.read(), message({3, 1}, "x"));
}

TEST_F(ConnectorTest, WhoLeavesIsNotThereAnyMore) {
    TestEndpoint& from = writer();
    subscriber("3:1 4:any").leave();
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH);
    EXPECT_EQ(stat("subscriptions"), 0U);
    TestEndpoint& next = both();
    EXPECT_EQ(next.number(), 1U) << "the same port";
    EXPECT_EQ(option(next.number(), kIds), "");
}

TEST_F(ConnectorTest, IdsAreReplacedAsAWhole) {
    TestEndpoint &a = subscriber("3:1 4:any"), &from = writer();
    EXPECT_EQ(subscribe(a, "3:1 5:5"), 0);
    EXPECT_EQ(option(a.number(), kIds), "3:1 5:5");
    EXPECT_EQ(send(from, message({4, 1}, "x")), ESRCH);
    EXPECT_EQ(send(from, message({3, 1}, "1")), 0);
    EXPECT_EQ(send(from, message({5, 5}, "2")), 0);
    EXPECT_EQ(a.read_all(), message({3, 1}, "1") + " " + message({5, 5}, "2"));
    EXPECT_EQ(subscribe(a, ""), 0);
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH);
}

TEST_F(ConnectorTest, BadIdsChangeNothing) {
    TestEndpoint& a = subscriber("3:1");
    EXPECT_EQ(subscribe(a, "4:1 4:any"), EINVAL);
    EXPECT_EQ(words, "ids overlap: a message would come twice");
    EXPECT_EQ(subscribe(a, "4:4294967296"), EINVAL);
    EXPECT_EQ(option(a.number(), kIds), "3:1");
    EXPECT_EQ(direct(a, "port"), EINVAL);
    EXPECT_EQ(option(a.number(), kTo), "");
    EXPECT_EQ(send(writer(), message({3, 1}, "x")), 0);
}

TEST_F(ConnectorTest, AReservedPortKeepsItsIds) {
    ASSERT_EQ(world.reserve(lab(), 5), 0);
    EXPECT_EQ(set_port(5, kIds, "3:1"), 0);
    EXPECT_EQ(set_port(5, kTo, "group:3"), 0);
    EXPECT_EQ(listed(), "") << "nobody is there";
    TestEndpoint& node = world.join(lab(), Role::both, 5);
    TestEndpoint& from = writer();
    EXPECT_EQ(send(from, message({3, 1}, "x")), 0);
    EXPECT_EQ(node.read(), message({3, 1}, "x"));
    node.leave();
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH);
    EXPECT_EQ(option(5, kIds), "3:1");
    EXPECT_EQ(option(5, kTo), "group:3");
    world.unreserve(lab(), 5);
    EXPECT_EQ(option(5, kIds), "");
}

// ---- packets of several messages

TEST_F(ConnectorTest, EachMessageIsAPacketOfItsOwn) {
    TestEndpoint &a = subscriber("1:1 3:3"), &b = subscriber("2:2"), &from = writer();
    const std::string packet =
        padded(message({1, 1}, "odd")) + padded(message({2, 2}, "")) + message({3, 3}, "last!");
    EXPECT_EQ(send(from, packet), 0);
    EXPECT_EQ(a.read(), message({1, 1}, "odd"));
    EXPECT_EQ(a.node().last_from(), from.number());
    EXPECT_EQ(a.read(), message({3, 3}, "last!"));
    EXPECT_EQ(b.read(), message({2, 2}, ""));
    EXPECT_EQ(stat("messages"), 3U);
    EXPECT_EQ(from.counters().sent, 1U);
}

TEST_F(ConnectorTest, PaddingIsNotPassedOn) {
    TestEndpoint &a = subscriber("1:1"), &from = writer();
    EXPECT_EQ(send(from, padded(message({1, 1}, "odd"))), 0);
    EXPECT_EQ(a.read(), message({1, 1}, "odd"));
}

TEST_F(ConnectorTest, OneMessageThatIsHeardIsEnough) {
    TestEndpoint &a = subscriber("1:1"), &from = writer();
    EXPECT_EQ(send(from, message({9, 9}, "") + message({1, 1}, "x")), 0);
    EXPECT_EQ(a.read(), message({1, 1}, "x"));
    EXPECT_EQ(stat("messages"), 1U);
    EXPECT_EQ(stat("unheard"), 1U);
    EXPECT_EQ(send(from, message({9, 9}, "") + message({8, 8}, "x")), ESRCH);
}

TEST_F(ConnectorTest, OfAMalformedPacketNothingIsDelivered) {
    TestEndpoint &a = subscriber("1:1"), &from = writer();
    EXPECT_EQ(send(from, padded(message({1, 1}, "good")) + "bad"), EINVAL);
    EXPECT_EQ(words, "a message begins with a header of 20 bytes");
    EXPECT_EQ(send(from, message({1, 1}, "good") + message({1, 1}, "bad", 0, 0, 4)), EINVAL);
    EXPECT_EQ(words, "a message's header says more bytes than follow it");
    EXPECT_EQ(send(from, "x"), EINVAL);
    EXPECT_EQ(a.read(), kNothing);
    EXPECT_EQ(stat("malformed"), 3U);
}

// ---- elsewhere

TEST_F(ConnectorTest, ToAPort) {
    TestEndpoint &a = both(), &b = subscriber("3:1"), &from = writer();
    EXPECT_EQ(direct(from, "port:0"), 0);
    EXPECT_EQ(send(from, message({3, 1}, "x")), 0);
    EXPECT_EQ(a.read(), message({3, 1}, "x")) << "it need not subscribe";
    EXPECT_EQ(b.read(), kNothing);
    EXPECT_EQ(direct(from, "port:9"), 0);
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH);
    EXPECT_EQ(words, "nobody reads at port:9");
    EXPECT_EQ(direct(from, ""), 0);
    EXPECT_EQ(send(from, message({3, 1}, "x")), 0);
    EXPECT_EQ(b.read(), message({3, 1}, "x"));
}

TEST_F(ConnectorTest, ToItself) {
    TestEndpoint& from = subscriber("3:1");
    EXPECT_EQ(direct(from, "port:0"), 0);
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH);
}

TEST_F(ConnectorTest, WhatIsDirectedIsNotForTheBus) {
    TestEndpoint &watcher = subscriber("4294967295:4294967295"), &to = both();
    EXPECT_EQ(direct(watcher, "port:1"), 0);
    EXPECT_EQ(send(watcher, message(connector::kBus, "no ranges")), 0);
    EXPECT_EQ(to.read(), message(connector::kBus, "no ranges"));
}

TEST_F(ConnectorTest, ToAPortThatDoesNotRead) {
    writer();
    TestEndpoint& from = writer();
    EXPECT_EQ(direct(from, "port:0"), 0);
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH);
}

TEST_F(ConnectorTest, ToAGroupOnceEach) {
    TestEndpoint &a = subscriber("3:1 3:2"), &b = subscriber("3:any"), &c = subscriber("4:1");
    TestEndpoint& from = subscriber("3:7");
    EXPECT_EQ(direct(from, "group:3"), 0);
    EXPECT_EQ(send(from, message({4, 1}, "x")), 0);
    EXPECT_EQ(a.read_all(), message({4, 1}, "x"));
    EXPECT_EQ(b.read_all(), message({4, 1}, "x"));
    EXPECT_EQ(c.read(), kNothing);
    EXPECT_EQ(from.read(), kNothing);
    EXPECT_EQ(direct(from, "group:5"), 0);
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH);
    EXPECT_EQ(words, "nobody reads at group:5");
    EXPECT_EQ(subscribe(a, "") | subscribe(b, ""), 0);
    EXPECT_EQ(direct(from, "group:3"), 0);
    EXPECT_EQ(send(from, message({3, 1}, "x")), ESRCH) << "but itself";
}

TEST_F(ConnectorTest, AGroupGoesWithItsLastSubscription) {
    TestEndpoint &a = subscriber("3:1 3:2"), &from = writer();
    EXPECT_EQ(direct(from, "group:3"), 0);
    EXPECT_EQ(subscribe(a, "3:2"), 0);
    EXPECT_EQ(send(from, message({1, 1}, "x")), 0);
    EXPECT_EQ(subscribe(a, "4:2"), 0);
    EXPECT_EQ(send(from, message({1, 1}, "x")), ESRCH);
}

// ---- ids/

TEST_F(ConnectorTest, AFileOfIdsReadsBarePayloads) {
    TestEndpoint &file = opened("3:1", Role::reader), &from = writer();
    EXPECT_EQ(option(file.number(), kIds), "3:1");
    EXPECT_EQ(send(from, padded(message({3, 1}, "one")) + message({3, 1}, "two")), 0);
    EXPECT_EQ(file.read(), "one");
    EXPECT_EQ(file.read(), "two");
    EXPECT_EQ(file.node().last_from(), from.number());
}

TEST_F(ConnectorTest, AFileOfIdsWritesWithTheHeaderMade) {
    TestEndpoint &a = subscriber("3:1"), &file = opened("3:1", Role::writer);
    EXPECT_EQ(send(file, "hi"), 0);
    EXPECT_EQ(send(file, "again"), 0);
    EXPECT_EQ(a.read(), message({3, 1}, "hi", 1));
    EXPECT_EQ(a.node().last_from(), file.number());
    EXPECT_EQ(a.read(), message({3, 1}, "again", 2));
    EXPECT_EQ(send(opened("3:1", Role::writer), "x"), 0);
    EXPECT_EQ(a.read(), message({3, 1}, "x", 1)) << "each sender counts by itself";
}

TEST_F(ConnectorTest, SeqDoesNotCountWhatNobodyGot) {
    TestEndpoint& file = opened("3:1", Role::writer);
    EXPECT_EQ(send(file, "nobody"), ESRCH);
    TestEndpoint& a = subscriber("3:1");
    EXPECT_EQ(send(file, "hi"), 0);
    EXPECT_EQ(a.read(), message({3, 1}, "hi", 1));
}

TEST_F(ConnectorTest, FilesOfIdsTalkToEachOther) {
    TestEndpoint &a = opened("3:1"), &b = opened("3:1"), &c = opened("3:2");
    EXPECT_EQ(send(a, "bare"), 0);
    EXPECT_EQ(b.read(), "bare");
    EXPECT_EQ(a.read(), kNothing);
    EXPECT_EQ(c.read(), kNothing);
}

TEST_F(ConnectorTest, AnEmptyMessageIsNoPacketOfAFileOfIds) {
    TestEndpoint &file = opened("3:1", Role::reader), &from = writer();
    EXPECT_EQ(send(from, message({3, 1}, "")), 0) << "somebody is there";
    EXPECT_EQ(file.read(), kNothing);
}

TEST_F(ConnectorTest, TheHeaderNeedsRoom) {
    set("mtu", "100");
    TestEndpoint &a = subscriber("3:1"), &file = opened("3:1", Role::writer);
    EXPECT_EQ(send(file, std::string(80, 'x')), 0);
    EXPECT_EQ(a.read().size(), 100U);
    EXPECT_EQ(send(file, std::string(81, 'x')), EMSGSIZE);
    EXPECT_THAT(words, HasSubstr("20 of the mtu bytes"));
}

TEST_F(ConnectorTest, AFileOfIdsHasTheIdOfItsName) {
    TestEndpoint& file = opened("3:1");
    EXPECT_EQ(subscribe(file, "3:1"), 0) << "as it is";
    EXPECT_EQ(subscribe(file, "3:2"), EINVAL);
    EXPECT_THAT(words, HasSubstr("named by"));
    EXPECT_EQ(direct(file, "group:4"), 0);
    EXPECT_EQ(send(file, "x"), ESRCH);
}

TEST_F(ConnectorTest, IdsInUseAreListed) {
    subscriber("3:1 4:any");
    opened("3:1");
    opened("5:0", Role::writer);
    EXPECT_EQ(listed(), "3:1\n");
    const auto check = lab().policy().endpoints()->check;
    EXPECT_EQ(check(handle(lab()), "7:7"), 0);
    for (const char* name : {"7", "7:", "7:any", "7:1=x", "07:1", "7:1 ", "."})
        EXPECT_EQ(check(handle(lab()), name), -ENOENT) << name;
}

// ---- requests and replies

TEST_F(ConnectorTest, ThreeRequestsAreAnsweredOutOfOrder) {
    TestEndpoint &client = both(), &server = subscriber("3:1");
    for (std::uint32_t seq = 1; seq <= 3; ++seq)
        EXPECT_EQ(send(client, message({3, 1}, "?", seq, 100)), 0);
    EXPECT_EQ(view("pending"), "port id seq ack\n0 3:1 1 100\n0 3:1 2 100\n0 3:1 3 100\n");
    EXPECT_EQ(direct(server, "port:0"), 0);
    for (const std::uint32_t seq : {2U, 3U, 1U}) {
        EXPECT_THAT(view("pending"), HasSubstr("0 3:1 " + std::to_string(seq) + " 100\n"));
        EXPECT_EQ(send(server, message({3, 1}, "!", seq, 101)), 0);
        EXPECT_EQ(client.read(), message({3, 1}, "!", seq, 101));
        EXPECT_THAT(view("pending"), Not(HasSubstr("0 3:1 " + std::to_string(seq) + " 100\n")));
    }
    EXPECT_EQ(stat("pending"), 0U);
    server.read_all();
}

TEST_F(ConnectorTest, WhoLeavesWaitsForNoReply) {
    subscriber("3:1");
    TestEndpoint& client = writer();
    EXPECT_EQ(send(client, message({3, 1}, "?", 1, 100)), 0);
    EXPECT_EQ(stat("pending"), 1U);
    client.leave();
    EXPECT_EQ(stat("pending"), 0U);
}

TEST_F(ConnectorTest, WhatNobodyGotIsNoRequest) {
    EXPECT_EQ(send(writer(), message({3, 1}, "?", 1, 100)), ESRCH);
    EXPECT_EQ(stat("pending"), 0U);
}

// ---- notices

constexpr const char* kBusId = "4294967295:4294967295";

TEST_F(ConnectorTest, SubscriptionsAndTheirEndAreTold) {
    TestEndpoint& watcher = subscriber(kBusId);
    TestEndpoint& a = world.join(lab(), Role::both, IPN_PORT_ANY, 1234);
    subscribe(a, "3:1=thermal 4:any");
    EXPECT_EQ(watcher.read(), message(connector::kBus, notice({3, 1}, true, a, "thermal"), 1));
    EXPECT_EQ(watcher.read(), message(connector::kBus, notice({4, UINT32_MAX}, true, a), 2));
    subscribe(a, "4:any 5:5");
    EXPECT_EQ(watcher.read(), message(connector::kBus, notice({3, 1}, false, a, "thermal"), 3));
    EXPECT_EQ(watcher.read(), message(connector::kBus, notice({5, 5}, true, a), 4));
    const std::string ends = message(connector::kBus, notice({4, UINT32_MAX}, false, a), 5) + " " +
                             message(connector::kBus, notice({5, 5}, false, a), 6);
    a.leave();
    EXPECT_EQ(watcher.read_all(), ends);
}

TEST_F(ConnectorTest, AWatcherIsNotToldOfItself) {
    TestEndpoint& watcher = subscriber(std::string(kBusId) + " 3:1");
    EXPECT_EQ(watcher.read(), kNothing);
    TestEndpoint& other = subscriber(kBusId);
    EXPECT_EQ(watcher.read(), message(connector::kBus, notice(connector::kBus, true, other), 1));
    EXPECT_EQ(other.read(), kNothing);
}

TEST_F(ConnectorTest, WhoIsDisconnectedIsToldOf) {
    TestEndpoint &watcher = opened(kBusId), &a = opened("3:1");
    EXPECT_EQ(watcher.read(), notice({3, 1}, true, a)) << "bare, as all that ids/ shows";
    world.cut(a);
    EXPECT_EQ(watcher.read(), notice({3, 1}, false, a));
}

TEST_F(ConnectorTest, OfTheseRangesOnly) {
    TestEndpoint& watcher = subscriber(kBusId);
    EXPECT_EQ(send(watcher, message(connector::kBus, numbers({3, 4, 10, 20, 9, 9, 0, 0}))), 0);
    for (const char* ids : {"2:10", "5:10", "3:9", "3:21", "9:1"}) subscriber(ids);
    EXPECT_EQ(watcher.read(), kNothing);
    for (const char* ids : {"3:10", "4:20", "9:0", "3:any"}) {
        TestEndpoint& a = subscriber(ids);
        EXPECT_EQ(watcher.read().size(), 44U) << ids;
        a.leave();
        EXPECT_EQ(watcher.read().size(), 44U) << ids;
    }
    EXPECT_EQ(send(watcher, message(connector::kBus, "")), 0);
    subscriber("2:10");
    EXPECT_EQ(watcher.read().size(), 44U) << "all again";
}

TEST_F(ConnectorTest, RangesOfAPacketThatIsRefusedAreNot) {
    TestEndpoint& watcher = subscriber(kBusId);
    const std::string ranges = message(connector::kBus, numbers({3, 3, 1, 1}));
    EXPECT_EQ(send(watcher, ranges + message(connector::kBus, "odd!")), EINVAL);
    subscriber("7:7");
    EXPECT_EQ(watcher.read().size(), 44U);
}

TEST_F(ConnectorTest, BadRangesChangeNothing) {
    TestEndpoint& watcher = subscriber(kBusId);
    EXPECT_EQ(send(watcher, message(connector::kBus, numbers({3, 3, 1, 1}))), 0);
    EXPECT_EQ(send(watcher, message(connector::kBus, numbers({4, 3, 1, 1}))), EINVAL);
    EXPECT_THAT(words, HasSubstr("ends before it begins"));
    EXPECT_EQ(send(watcher, message(connector::kBus, "odd")), EINVAL);
    subscriber("3:1");
    EXPECT_EQ(watcher.read().size(), 44U);
}

TEST_F(ConnectorTest, OnlyAWatcherSaysWhatItWantsToHear) {
    subscriber(kBusId);
    EXPECT_EQ(send(writer(), message(connector::kBus, "")), EINVAL);
    EXPECT_THAT(words, HasSubstr("only who subscribes"));
}

TEST_F(ConnectorTest, RangesGoWithTheSubscription) {
    TestEndpoint& watcher = subscriber(kBusId);
    EXPECT_EQ(send(watcher, message(connector::kBus, numbers({3, 3, 1, 1}))), 0);
    subscribe(watcher, "");
    subscribe(watcher, kBusId);
    subscriber("7:7");
    EXPECT_EQ(watcher.read().size(), 44U);
}

TEST_F(ConnectorTest, ANoticeThatDoesNotFitIsCounted) {
    EXPECT_EQ(set("mtu", "43"), 0);
    subscriber(kBusId);
    subscriber("3:1");
    EXPECT_EQ(stat("notices_lost"), 1U);
}

// ---- what is shown

TEST_F(ConnectorTest, SubscriptionsAreShown) {
    subscriber("3:1=thermal 4:any");
    opened("3:1");
    EXPECT_EQ(view("subscriptions"),
              "id port uid pid name\n"
              "3:1 0 1000 1 thermal\n"
              "4:any 0 1000 1 -\n"
              "3:1 1 1000 1 -\n");
    EXPECT_EQ(stat("subscriptions"), 3U);
}

// ---- limits

TEST_F(ConnectorTest, ABusHasSoManySubscriptions) {
    EXPECT_EQ(set("numnodes", "100"), 0);
    std::string ids;
    for (std::uint32_t val = 0; val < connector::kIdsMax; ++val)
        ids += (val > 0 ? " " : "") + connector::format(Id{7, val});
    for (int i = 0; i < 64; ++i) subscriber(ids);
    TestEndpoint& more = both();
    EXPECT_EQ(subscribe(more, "1:1"), ENOSPC);
    EXPECT_THAT(words, HasSubstr("65536 subscriptions"));
    EXPECT_EQ(option(more.number(), kIds), "");
    EXPECT_EQ(open_as(more, "1:1"), ENOSPC);
    EXPECT_EQ(stat("subscriptions"), 65536U);
}

class ConnectorMemoryTest : public ConnectorTest {
  protected:
    ConnectorMemoryTest() : ConnectorTest(limits(64 * 1024)) {}
};

TEST_F(ConnectorMemoryTest, WithoutMemoryForAllNothingIsDelivered) {
    EXPECT_EQ(set("lossless", "1"), 0);
    EXPECT_EQ(set("mtu", "65535"), 0);
    TestEndpoint &a = subscriber("1:1"), &b = opened("1:1", Role::reader), &from = writer();
    EXPECT_EQ(send(from, message({1, 1}, std::string(20'000, 'x'))), ENOMEM);
    EXPECT_EQ(a.read(), kNothing);
    EXPECT_EQ(b.read(), kNothing);
    EXPECT_EQ(send(from, message({1, 1}, "small")), 0);
    EXPECT_EQ(b.read(), "small");
}

// ---- a thousand ids and a hundred subscribers, by chance

// A node as plainly as possible: two sets, and what it must get.
struct NaiveNode {
    TestEndpoint* endpoint = nullptr;
    bool bare = false;  // in ids/
    std::set<std::pair<std::uint32_t, std::uint32_t>> exact;
    std::set<std::uint32_t> any;
    std::vector<std::string> pending;

    bool subscribes(Id id) const {
        return exact.contains({id.idx, id.val}) || any.contains(id.idx);
    }
    bool is_in_group(std::uint32_t idx) const {
        const auto has_it = [&](const auto& id) { return id.first == idx; };
        return any.contains(idx) || std::any_of(exact.begin(), exact.end(), has_it);
    }
};

class ConnectorChanceTest : public ConnectorTest {
  protected:
    static constexpr std::uint32_t kIdxs = 20, kVals = 50;

    Id any_id() { return {random.below(kIdxs), random.below(kVals)}; }

    void resubscribe(NaiveNode& node) {
        node.exact.clear();
        node.any.clear();
        std::string ids;
        const auto add = [&](const std::string& id) { ids += (ids.empty() ? "" : " ") + id; };
        for (unsigned i = random.below(4); i > 0; --i)
            if (const std::uint32_t idx = random.below(kIdxs); node.any.insert(idx).second)
                add(std::to_string(idx) + ":any");
        for (unsigned i = random.below(40); i > 0; --i) {
            const Id id = any_id();
            if (node.any.contains(id.idx) || !node.exact.insert({id.idx, id.val}).second) continue;
            add(connector::format(id));
        }
        ASSERT_EQ(subscribe(*node.endpoint, ids), 0);
    }

    void send_some(NaiveNode& from) {
        std::string packet;
        std::vector<std::pair<Id, std::string>> sent;
        for (unsigned i = random.between(1, 4); i > 0; --i) {
            const Id id = any_id();
            const std::string payload = "p" + std::to_string(count++);
            sent.emplace_back(id, message(id, payload, count));
            packet = padded(packet) + sent.back().second;
        }
        const bool to_group = random.chance(20);
        const std::uint32_t group = random.below(kIdxs);
        ASSERT_EQ(direct(*from.endpoint, to_group ? "group:" + std::to_string(group) : ""), 0);
        std::size_t heard = 0;
        for (const auto& [id, bytes] : sent) {
            for (NaiveNode& node : nodes) {
                const bool gets = to_group ? node.is_in_group(group) : node.subscribes(id);
                if (!gets || &node == &from) continue;
                ++heard;
                node.pending.push_back(node.bare ? bytes.substr(connector::kHeader) : bytes);
            }
        }
        ASSERT_EQ(send(*from.endpoint, packet), heard > 0 ? 0 : ESRCH);
    }

    void check() {
        for (NaiveNode& node : nodes) {
            std::vector<std::string> got;
            while (node.endpoint->node().queued() > 0) got.push_back(node.endpoint->read());
            ASSERT_EQ(got, node.pending);
            node.pending.clear();
        }
        std::set<std::string> known;
        for (const NaiveNode& node : nodes)
            for (const auto& [idx, val] : node.exact)
                known.insert(connector::format(Id{idx, val}) + "\n");
        std::string listing = listed();
        ASSERT_EQ(static_cast<std::size_t>(std::count(listing.begin(), listing.end(), '\n')),
                  known.size());
        for (const std::string& id : known) ASSERT_THAT("\n" + listing, HasSubstr("\n" + id));
    }

    sim::Random random{1};
    std::deque<NaiveNode> nodes;
    unsigned count = 0;
};

TEST_F(ConnectorChanceTest, AThousandIdsAndAHundredSubscribers) {
    EXPECT_EQ(set("numnodes", "200"), 0);
    EXPECT_EQ(set("msgpoolsize", "10000"), 0);
    for (std::uint64_t seed = 1; seed <= 5 && !HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        random = sim::Random(seed);
        nodes.clear();
        world.everybody_leaves();
        for (int i = 0; i < 100; ++i) {
            NaiveNode& node = nodes.emplace_back();
            node.bare = i % 5 == 0;
            if (node.bare) {
                const Id id = any_id();
                node.endpoint = &opened(connector::format(id), Role::reader);
                node.exact.insert({id.idx, id.val});
            } else {
                node.endpoint = &both();
                resubscribe(node);
            }
        }
        for (int step = 0; step < 300 && !HasFailure(); ++step) {
            NaiveNode& node = random.any(nodes);
            if (node.bare) continue;
            if (random.chance(20))
                resubscribe(node);
            else
                send_some(node);
            if (step % 20 == 0) check();
        }
        check();
    }
}

}  // namespace
}  // namespace ipn::test
