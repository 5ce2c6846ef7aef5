// Stories of spanning trees: switches wired in rings, by themselves and with others.
#include <algorithm>
#include <optional>

#include "random.h"
#include "stp_world.h"

namespace ipn::test {
namespace {

using testing::ElementsAre;
using vdeswitch::Bpdu;

// ---- one switch by itself

TEST_F(StpTest, OffAtFirst) {
    core::Network& network = make_switch(8, false);
    TestEndpoint& node = host(0);
    EXPECT_EQ(view(network, "stp").find("port role state"), 0U);
    EXPECT_EQ(column(0, "state", "bridge"), "off");
    EXPECT_EQ(role(0, node), "");
    seconds(10);
    EXPECT_EQ(stat(network, "bpdu_out"), 0U);
}

TEST_F(StpTest, ANewPortDiscards) {
    make_switch(8);
    TestEndpoint& a = world.join(*switches[0], Role::both);
    TestEndpoint& b = world.join(*switches[0], Role::both);
    EXPECT_EQ(state(0, a), "discarding");
    a.write(frame(kEverybody, mac(1)));
    EXPECT_EQ(stat(*switches[0], "learned"), 0U);
    EXPECT_EQ(stat(*switches[0], "filtered"), 1U);
    EXPECT_EQ(b.read_all().find("payload"), std::string::npos);
    set(*switches[0], "static", "02:00:00:00:00:02", host(0).number());
    a.write(frame(mac(2), mac(1)));
    EXPECT_EQ(stat(*switches[0], "forwarded"), 0U) << "not even to a station that is known";
}

TEST_F(StpTest, APortWithoutABridgeIsAnEdgeAfterThreeSeconds) {
    make_switch(8);
    TestEndpoint& a = world.join(*switches[0], Role::both);
    seconds(2);
    EXPECT_EQ(state(0, a), "discarding");
    seconds(1);
    EXPECT_EQ(state(0, a), "forwarding");
    EXPECT_EQ(column(0, "edge", "0"), "1");
    EXPECT_EQ(stat(*switches[0], "topology_changes"), 0U) << "edges change nothing";
}

TEST_F(StpTest, AnEdgeByOptionForwardsAtOnce) {
    make_switch(8);
    TestEndpoint& a = host(0);
    EXPECT_EQ(state(0, a), "forwarding");
}

TEST_F(StpTest, WhatIsNoEdgeByOptionWaits) {
    make_switch(8);
    TestEndpoint& a = world.join(*switches[0], Role::both);
    set(*switches[0], "edge", "0", a.number());
    seconds(19);
    EXPECT_EQ(state(0, a), "discarding");
    seconds(1);
    EXPECT_EQ(state(0, a), "learning");
    a.write(frame(kEverybody, mac(1)));
    EXPECT_EQ(stat(*switches[0], "learned"), 1U);
    seconds(2);
    EXPECT_EQ(state(0, a), "forwarding");
}

TEST_F(StpTest, SwitchedOffEverythingForwards) {
    make_switch(8);
    TestEndpoint& a = world.join(*switches[0], Role::both);
    EXPECT_EQ(state(0, a), "discarding");
    set(*switches[0], "stp", "0");
    host(0);
    a.write(frame(kEverybody, mac(1)));
    EXPECT_NE(hosts[0]->read_all().find("payload"), std::string::npos);
    const auto out = stat(*switches[0], "bpdu_out");
    seconds(10);
    EXPECT_EQ(stat(*switches[0], "bpdu_out"), out) << "its timer has ended";
}

TEST_F(StpTest, APortThatDiscardedAsItsNodeLeftDoesNotForLater) {
    core::Network& network = make_switch(8);
    world.reserve(network, 5);
    set(network, "cost", "7", 5);
    world.join(network, Role::both, 5).leave();
    set(network, "stp", "0");
    TestEndpoint& late = world.join(network, Role::both, 5);
    TestEndpoint& other = host(0);
    late.write(frame(kEverybody, mac(1)));
    EXPECT_NE(other.read_all().find("payload"), std::string::npos);
}

TEST_F(StpTest, AHubHasNoTree) {
    make_switch(8);
    TestEndpoint& a = world.join(*switches[0], Role::both);
    set(*switches[0], "hub", "1");
    EXPECT_EQ(column(0, "state", "bridge"), "off");
    set(*switches[0], "hub", "0");
    EXPECT_EQ(state(0, a), "discarding");
}

TEST_F(StpTest, WhatIsForBridgesIsNotForwarded) {
    make_switch(8);
    TestEndpoint& a = host(0);
    TestEndpoint& b = host(0);
    b.read_all();
    for (char last = 0; last < 16; ++last)
        a.write(frame(std::string("\x01\x80\xc2\0\0", 5) + last, mac(1)));
    a.write(tagged(control(5), std::string("\x01\x80\xc2\0\0\0", 6), mac(1)));
    EXPECT_EQ(b.read_all(), "");
    EXPECT_EQ(stat(*switches[0], "filtered"), 16U);
    EXPECT_EQ(stat(*switches[0], "bpdu_invalid"), 1U);
    a.write(frame(std::string("\x01\x80\xc2\0\0\x10", 6), mac(1)));
    EXPECT_NE(b.read_all(), "") << "the next group is an ordinary one";
}

TEST_F(StpTest, AtMostSixBpdusASecond) {
    make_switch(8);
    TestEndpoint& a = world.join(*switches[0], Role::both);
    const auto before = stat(*switches[0], "bpdu_out");
    for (int i = 0; i < 50; ++i) {
        set(*switches[0], "priority", i % 2 == 0 ? "4096" : "8192");
    }
    EXPECT_LE(stat(*switches[0], "bpdu_out") - before, 6U);
    a.read_all();
}

// ---- two

TEST_F(StpTest, TwoAgreeAtOnce) {
    make_switches(2);
    Wire& link = wire(0, 1);
    EXPECT_EQ(role(0, *link.a), "designated");
    EXPECT_EQ(role(1, *link.b), "root");
    EXPECT_EQ(state(0, *link.a), "forwarding") << "by a proposal, not by waiting";
    EXPECT_EQ(state(1, *link.b), "forwarding");
    EXPECT_EQ(column(1, "root", "bridge"), column(0, "designated_bridge", "bridge"));
    EXPECT_EQ(column(1, "root_cost", "bridge"), "20000");
    EXPECT_EQ(column(0, "role", "bridge"), "root");
}

TEST_F(StpTest, OfTwoLinksOneIsAnAlternate) {
    make_switches(2);
    Wire& first = wire(0, 1);
    Wire& second = wire(0, 1);
    seconds(2);
    EXPECT_EQ(role(1, *first.b), "root");
    EXPECT_EQ(role(1, *second.b), "alternate");
    EXPECT_EQ(state(1, *second.b), "discarding");
    one_host_each();
    EXPECT_TRUE(is_tree());
}

TEST_F(StpTest, TheAlternateTakesOverAtOnce) {
    make_switches(2);
    Wire& first = wire(0, 1);
    Wire& second = wire(0, 1);
    one_host_each();
    seconds(30);
    cut(first);
    EXPECT_EQ(role(1, *second.b), "root");
    EXPECT_EQ(state(1, *second.b), "forwarding");
    EXPECT_TRUE(is_tree());
}

TEST_F(StpTest, TheCheaperLinkIsTaken) {
    make_switches(2);
    Wire& first = wire(0, 1);
    Wire& second = wire(0, 1);
    set(*switches[1], "cost", "100", second.b->number());
    seconds(3);
    EXPECT_EQ(role(1, *first.b), "alternate");
    EXPECT_EQ(role(1, *second.b), "root");
    EXPECT_EQ(column(1, "root_cost", "bridge"), "100");
}

TEST_F(StpTest, ThePriorityDecidesWhoIsTheRoot) {
    make_switches(2);
    wire(0, 1);
    EXPECT_EQ(column(1, "role", "bridge"), "bridge");
    set(*switches[0], "priority", "61440");
    seconds(3);
    EXPECT_EQ(column(0, "role", "bridge"), "bridge");
    EXPECT_EQ(column(1, "role", "bridge"), "root");
    one_host_each();
    EXPECT_TRUE(is_tree());
}

TEST_F(StpTest, AWireToItselfIsABackup) {
    make_switch(1);
    Wire& loop = wire(0, 0);
    seconds(3);
    EXPECT_EQ(role(0, *loop.a), "designated");
    EXPECT_EQ(role(0, *loop.b), "backup");
    EXPECT_EQ(state(0, *loop.b), "discarding");
    host(0);
    host(0);
    EXPECT_TRUE(is_tree());
}

TEST_F(StpTest, ItsOwnWordsMakeNobodyTheRoot) {
    make_switch(1);
    wire(0, 0);
    seconds(3);
    set(*switches[0], "priority", "61440");  // what its backup port was told was better
    EXPECT_EQ(column(0, "role", "bridge"), "root");
    seconds(10);
    EXPECT_EQ(column(0, "role", "bridge"), "root");
    EXPECT_EQ(column(0, "root_cost", "bridge"), "0");
}

TEST_F(StpTest, APortThatHearsItselfTakesNoNotice) {
    make_switch(1);
    TestEndpoint& echo = world.join(*switches[0], Role::both);
    for (int second = 0; second < 5; ++second) {
        for (std::string bytes = echo.read(); bytes != kNothing; bytes = echo.read())
            echo.write(bytes);
        seconds(1);
    }
    EXPECT_GT(stat(*switches[0], "bpdu_invalid"), 0U);
    EXPECT_EQ(stat(*switches[0], "bpdu_in"), 0U);
    EXPECT_EQ(role(0, echo), "designated");
    EXPECT_EQ(state(0, echo), "forwarding");
}

TEST_F(StpTest, ASilentLinkIsNoticedAfterThreeHellos) {
    make_switches(2);
    Wire& first = wire(0, 1);
    Wire& second = wire(0, 1);
    one_host_each();
    seconds(10);
    first.dead = true;
    seconds(4);
    EXPECT_EQ(role(1, *second.b), "alternate");
    seconds(4);
    EXPECT_EQ(role(1, *second.b), "root");
    EXPECT_TRUE(is_tree());
}

// ---- rings

TEST_F(StpTest, WithoutATreeARingIsAStorm) {
    make_switches(3, false);
    ring();
    one_host_each();
    hosts[0]->write(frame(kEverybody, mac(1)));
    EXPECT_GE(pump(), kStorm) << "or the other stories tell nothing";
}

TEST_F(StpTest, ARingConvergesInSeconds) {
    make_switches(5);
    one_host_each();
    ring();
    seconds(3);
    EXPECT_TRUE(is_tree());
    int discarding = 0;
    std::size_t at = 0;
    for (Wire& each : wires) {
        discarding += state(at, *each.a) == "discarding" ? 1 : 0;
        at = (at + 1) % switches.size();
        discarding += state(at, *each.b) == "discarding" ? 1 : 0;
    }
    EXPECT_EQ(discarding, 1);
}

TEST_F(StpTest, ARingHealsWhereverItIsCut) {
    constexpr std::size_t kSwitches = 5;
    make_switches(kSwitches);
    one_host_each();
    std::vector<Wire*> links;
    for (std::size_t i = 0; i < kSwitches; ++i) links.push_back(&wire(i, (i + 1) % kSwitches));
    seconds(5);
    for (std::size_t i = 0; i < kSwitches; ++i) {
        cut(*links[i]);
        seconds(2);
        EXPECT_TRUE(is_tree()) << "without the link behind " << i;
        wire(i, (i + 1) % kSwitches);
        seconds(5);
        EXPECT_TRUE(is_tree()) << "with it again";
    }
}

TEST_F(StpTest, NoStormWhileItConverges) {
    make_switches(6);
    one_host_each();
    for (std::size_t i = 0; i < 6; ++i) {
        wire(i, (i + 1) % 6);
        wire(i, (i + 2) % 6);
        for (TestEndpoint* each : hosts)
            for (const int count : reached(*each)) EXPECT_LE(count, 1);
    }
    for (int second = 0; second < 5; ++second) {
        seconds(1);
        for (TestEndpoint* each : hosts)
            for (const int count : reached(*each)) EXPECT_LE(count, 1);
    }
    EXPECT_TRUE(is_tree());
}

TEST_F(StpTest, StationsAreLookedForAnewAfterAChange) {
    make_switches(3);
    ring();
    one_host_each();
    seconds(5);
    const std::uint32_t kFar = 0x99;
    hosts[2]->write(frame(kEverybody, mac(kFar)));
    pump();
    // 1 hears it through 0: the link between 1 and 2 is the one that is not used.
    const auto payload = frame(mac(kFar), mac(0x88), "to far");
    hosts[1]->write(payload);
    pump();
    EXPECT_NE(hosts[2]->read_all().find("to far"), std::string::npos);
    cut(wires.back());  // between 2 and 0
    seconds(2);
    hosts[2]->read_all();
    hosts[1]->write(payload);
    pump();
    EXPECT_NE(hosts[2]->read_all().find("to far"), std::string::npos)
        << "it is sent the new way, though nothing was heard from there";
    EXPECT_GT(stat(*switches[1], "flushed"), 0U);
}

TEST_F(StpTest, StationsOfAPortThatNoLongerForwardsAreForgotten) {
    make_switches(2);
    Wire& first = wire(0, 1);
    one_host_each();
    seconds(5);
    hosts[0]->write(frame(kEverybody, mac(0x99)));
    pump();
    Wire& second = wire(0, 1);
    set(*switches[1], "cost", "100", second.b->number());
    seconds(3);
    EXPECT_EQ(role(1, *first.b), "alternate");
    hosts[1]->write(frame(mac(0x99), mac(0x88), "back"));
    pump();
    EXPECT_NE(hosts[0]->read_all().find("back"), std::string::npos) << "not sent into the old link";
}

// Two ports on one hub, the second of them a backup, until a root turns up behind the hub.
TEST_F(StpTest, WhatWasABackupWaitsBeforeItLeadsToTheRoot) {
    make_switch(8);
    set(make_switch(8, false), "hub", "1");
    Wire& first = wire(0, 1);
    Wire& second = wire(0, 1);
    set(*switches[0], "cost", "100", second.a->number());
    seconds(8);
    EXPECT_EQ(role(0, *first.a), "designated");
    EXPECT_EQ(role(0, *second.a), "backup");
    make_switch(1);
    wire(1, 2);
    EXPECT_EQ(role(0, *second.a), "root");
    EXPECT_EQ(state(0, *second.a), "discarding") << "others may not know yet";
    seconds(5);
    EXPECT_EQ(state(0, *second.a), "forwarding");
}

// ---- random

TEST_F(StpTest, AnyTopologyBecomesATree) {
    for (std::uint64_t seed = 1; seed <= 30 && !HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        sim::Random random(seed);
        const unsigned count = random.between(2, 7);
        switches.clear();
        for (unsigned i = 0; i < count; ++i) {
            core::Network& network =
                world.create("r" + std::to_string(seed) + "." + std::to_string(i));
            world.set(network, "policy", "vdeswitch");
            set(network, "priority", std::to_string(4096 * random.below(16)));
            set(network, "stp", "1");
            switches.push_back(&network);
        }
        one_host_each();
        for (unsigned i = 1; i < count; ++i) wire(random.below(i), i);  // all are connected
        for (unsigned more = random.below(8); more > 0; --more) {
            Wire& extra = wire(random.below(count), random.below(count));
            set(extra.a->node().network(), "cost", std::to_string(random.between(1, 50000)),
                extra.a->number());
            seconds(random.chance(50) ? 1 : 0);
        }
        seconds(10);
        EXPECT_TRUE(is_tree());
        // Cut what need not be there, one after the other.
        std::vector<Wire*> extra;
        std::size_t index = 0;
        for (Wire& each : wires)
            if (index++ >= count - 1) extra.push_back(&each);
        for (Wire* each : extra) {
            if (random.chance(30))
                each->dead = true;
            else
                cut(*each);
            seconds(random.chance(30) ? 0 : 10);
            for (TestEndpoint* from : hosts)
                for (const int times : reached(*from)) EXPECT_LE(times, 1);
        }
        seconds(10);
        EXPECT_TRUE(is_tree());
        wires.clear();
        hosts.clear();
        world.everybody_leaves();
    }
}

// ---- bridges that speak STP

class OldBridgeTest : public StpTest {
  protected:
    OldBridgeTest() {
        make_switch(8);
        old = &world.join(*switches[0], Role::both);
    }
    // A configuration BPDU of a bridge of that priority.
    void configuration(std::uint16_t priority, bool change = false, bool ack = false) {
        const auto id = vdeswitch::bridge_id(priority, 0x02aaaaaaaaaa);
        Bpdu bpdu{.type = Bpdu::Type::configuration,
                  .topology_change = change,
                  .topology_change_ack = ack,
                  .vector = {id, 0, id, 0x8001}};
        send(bpdu);
    }
    void send(const Bpdu& bpdu) {
        const Bpdu::Frame bytes = bpdu.write(0x02aaaaaaaaaa);
        old->write({reinterpret_cast<const char*>(bytes.bytes.data()), bytes.length});
        world.run_work();
    }
    // What the switch has told it since.
    std::vector<Bpdu> told() {
        std::vector<Bpdu> all;
        for (std::string bytes = old->read(); bytes != kNothing; bytes = old->read()) {
            const auto* first = reinterpret_cast<const unsigned char*>(bytes.data());
            if (const auto bpdu = Bpdu::read({first, bytes.size()})) all.push_back(*bpdu);
        }
        return all;
    }
    // So long that it is known what the other speaks.
    void speak(std::uint16_t priority, int time) {
        for (; time > 0; --time) {
            configuration(priority);
            seconds(1);
        }
    }
    TestEndpoint* old;
};

TEST_F(OldBridgeTest, AreAnsweredInTheirTongue) {
    EXPECT_EQ(told().back().type, Bpdu::Type::rapid);
    speak(0xf000, 5);
    EXPECT_EQ(column(0, "protocol", "0"), "stp");
    told();
    seconds(2);
    const auto answer = told();
    ASSERT_FALSE(answer.empty());
    EXPECT_EQ(answer.back().type, Bpdu::Type::configuration);
}

TEST_F(OldBridgeTest, TowardsThemTimesAreTheOldOnes) {
    speak(0xf000, 4);
    EXPECT_EQ(role(0, *old), "designated");
    EXPECT_EQ(column(0, "protocol", "0"), "stp");
    int waited = 4;
    for (; waited < 60 && state(0, *old) != "forwarding"; ++waited) speak(0xf000, 1);
    EXPECT_GE(waited, 30);
    EXPECT_LE(waited, 40);
}

TEST_F(OldBridgeTest, TheWayToTheRootIsTakenAtOnce) {
    configuration(0x1000);
    EXPECT_EQ(role(0, *old), "root");
    EXPECT_EQ(state(0, *old), "forwarding") << "what is a loop with it discards by itself";
}

TEST_F(OldBridgeTest, AChangeIsNotifiedUntilItIsAcknowledged) {
    speak(0x1000, 50);
    EXPECT_EQ(state(0, *old), "forwarding");
    for (int i = 0; i < 40; ++i) speak(0x1000, 1);
    told();
    make_switch(9);
    wire(0, 1);  // whose ports go forwarding
    speak(0x1000, 4);
    const auto notified = [&] {
        const auto all = told();
        return std::any_of(all.begin(), all.end(),
                           [](const Bpdu& bpdu) { return bpdu.type == Bpdu::Type::notification; });
    };
    EXPECT_TRUE(notified());
    configuration(0x1000, true, true);
    seconds(1);
    told();
    speak(0x1000, 6);
    EXPECT_FALSE(notified());
}

TEST_F(OldBridgeTest, TheirNotificationIsAcknowledged) {
    speak(0xf000, 60);
    EXPECT_EQ(role(0, *old), "designated");
    EXPECT_EQ(state(0, *old), "forwarding");
    told();
    send({.type = Bpdu::Type::notification});
    seconds(3);
    const auto answers = told();
    EXPECT_TRUE(std::any_of(answers.begin(), answers.end(), [](const Bpdu& bpdu) {
        return bpdu.topology_change_ack && bpdu.topology_change;
    }));
}

TEST_F(OldBridgeTest, AreSpokenRapidlyWithWhenTheyLearnIt) {
    speak(0xf000, 6);
    EXPECT_EQ(column(0, "protocol", "0"), "stp");
    const auto id = vdeswitch::bridge_id(0xf000, 0x02aaaaaaaaaa);
    for (int i = 0; i < 5; ++i) {
        send({.type = Bpdu::Type::rapid, .vector = {id, 0, id, 0x8001}});
        seconds(1);
    }
    EXPECT_EQ(column(0, "protocol", "0"), "rstp");
}

TEST_F(OldBridgeTest, AnEdgeThatHearsABridgeIsNone) {
    seconds(3);
    EXPECT_EQ(column(0, "edge", "0"), "1");
    EXPECT_EQ(state(0, *old), "forwarding");
    configuration(0x1000);
    EXPECT_EQ(column(0, "edge", "0"), "0");
    EXPECT_EQ(role(0, *old), "root");
}

// A worse bridge that learns: it does not hear us, and must not be forwarded to.
TEST_F(OldBridgeTest, OneThatDoesNotHearIsDisputed) {
    const auto worse = vdeswitch::bridge_id(0xf000, 0x02aaaaaaaaaa);
    set(*switches[0], "edge", "0", 0);
    seconds(30);
    EXPECT_EQ(state(0, *old), "forwarding");
    send({.type = Bpdu::Type::rapid,
          .learning = true,
          .forwarding = true,
          .vector = {worse, 0, worse, 0x8001}});
    EXPECT_EQ(state(0, *old), "discarding");
}

// A better bridge, behind others: what it says is a second older when it is told on.
TEST_F(OldBridgeTest, WhatIsToldOnIsOlderAndCostsMore) {
    TestEndpoint& below = world.join(*switches[0], Role::both);
    const auto root = vdeswitch::bridge_id(0x1000, 0x02bbbbbbbbbb);
    const auto other = vdeswitch::bridge_id(0x2000, 0x02aaaaaaaaaa);
    send({.type = Bpdu::Type::rapid, .vector = {root, 5, other, 0x8001}, .times = {6, 20, 2, 15}});
    std::optional<Bpdu> last;
    for (std::string bytes = below.read(); bytes != kNothing; bytes = below.read())
        last = Bpdu::read({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
    ASSERT_TRUE(last);
    EXPECT_EQ(last->vector.root, root);
    EXPECT_EQ(last->vector.cost, 20005U);
    EXPECT_EQ(last->times.message_age, 7);
}

// A proposal is agreed to when no port below can close a loop: one whose neighbour has not agreed
// to what is told now discards first, and is proposed to anew.
TEST_F(OldBridgeTest, BeforeItAgreesWhatIsBelowDiscards) {
    TestEndpoint& below = world.join(*switches[0], Role::both);
    set(*switches[0], "edge", "0", below.number());
    const auto hear = [&] {
        std::optional<Bpdu> last;
        for (std::string bytes = below.read(); bytes != kNothing; bytes = below.read())
            last = Bpdu::read({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
        return last.value();
    };
    Bpdu agreement = hear();
    EXPECT_TRUE(agreement.proposal);
    agreement.role = Bpdu::Role::root;
    agreement.vector.cost = 20'000;
    agreement.vector.bridge = vdeswitch::bridge_id(0xf000, 0x02cccccccccc);
    agreement.proposal = false;
    agreement.agreement = true;
    const Bpdu::Frame bytes = agreement.write(0x02cccccccccc);
    below.write({reinterpret_cast<const char*>(bytes.bytes.data()), bytes.length});
    EXPECT_EQ(state(0, below), "forwarding");

    set(*switches[0], "priority", "61440");  // which is worse than what was agreed to
    EXPECT_EQ(state(0, below), "forwarding");
    seconds(2);
    told();
    const auto root = vdeswitch::bridge_id(0x1000, 0x02aaaaaaaaaa);
    send({.type = Bpdu::Type::rapid, .proposal = true, .vector = {root, 0, root, 0x8001}});
    EXPECT_EQ(role(0, *old), "root");
    EXPECT_TRUE(told().back().agreement);
    EXPECT_EQ(state(0, below), "discarding");
    EXPECT_TRUE(hear().proposal);
}

TEST_F(OldBridgeTest, CostsHaveAnEnd) {
    const auto root = vdeswitch::bridge_id(0x1000, 0x02bbbbbbbbbb);
    const auto other = vdeswitch::bridge_id(0x2000, 0x02aaaaaaaaaa);
    send({.type = Bpdu::Type::rapid, .vector = {root, UINT32_MAX, other, 0x8001}});
    EXPECT_EQ(column(0, "root_cost", "bridge"), "4294967295");
}

TEST_F(OldBridgeTest, ItsInformationAges) {
    configuration(0x1000);
    EXPECT_EQ(column(0, "role", "bridge"), "bridge");
    seconds(5);
    EXPECT_EQ(column(0, "role", "bridge"), "bridge");
    seconds(1);
    EXPECT_EQ(column(0, "role", "bridge"), "root");
}

}  // namespace
}  // namespace ipn::test
