// What happens on a mount, as it is told: in which order, to whom, and again to who comes late.
#include "core/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <string>
#include <vector>

#include "core/oob_watcher.h"
#include "policy_world.h"

namespace ipn::test {
namespace {

using core::AssumeLoop;
using core::Event;
using Reason = core::Event::Reason;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string words_of(const Event& event) {
    std::string words = to_string(event.kind);
    const auto add = [&words](std::string_view text) {
        if (!text.empty()) words += ' ' + std::string(text);
    };
    if (event.network != nullptr) add(event.network->name());
    add(event.policy);
    if (event.interface != nullptr) add(event.interface->name);
    if (event.node != nullptr) {
        add(std::to_string(event.node->number()));
        add(to_string(event.node->role()));
        add(event.node->description());
    }
    add(event.option);
    if (event.port != IPN_PORT_ANY) add(std::to_string(event.port));
    add(event.value);
    add(to_string(event.reason));
    return words;
}

class RecordingEvents final : public core::Events {
  public:
    void happened(const Event& event) override {
        told.push_back(words_of(event));
        stamps.push_back(event.stamp);
    }
    std::vector<std::string> take() { return std::exchange(told, {}); }

    std::vector<std::string> told;
    std::vector<core::Stamp> stamps;
};

class EventsTest : public PolicyTest {
  protected:
    EventsTest() { world.registry.on_event(&events); }
    ~EventsTest() override { world.registry.on_event(nullptr); }

    std::vector<std::string> replayed() {
        RecordingEvents again;
        world.registry.replay([&](const Event& event) { again.happened(event); });
        stamps = again.stamps;
        return again.told;
    }
    int set_policy_option(std::uint32_t port, std::string_view name, std::string_view value) {
        const AssumeLoop here;
        const auto index = lab().policy().find_option(name);
        return index ? code(lab().set_policy_option(port, *index, value)) : ENOENT;
    }

    RecordingEvents events;
    std::vector<core::Stamp> stamps;  // of what was replayed last
};

// ---- order

TEST_F(EventsTest, TellAWholeLife) {
    core::Network& network = world.create("new");
    TestEndpoint& node = world.join(network, Role::both);
    node.leave();
    world.remove(network);
    EXPECT_THAT(events.take(), ElementsAre("create new broadcast", "connect new 0 both",
                                           "disconnect new 0 both", "shutdown new", "destroy new"));
}

TEST_F(EventsTest, AreStampedInTheirOrder) {
    const core::WallTime before = world.clock.wall();
    world.create("one");
    world.clock.advance(std::chrono::nanoseconds(5));
    world.create("two");
    ASSERT_EQ(events.stamps.size(), 2U);
    EXPECT_EQ(events.stamps[1].seq, events.stamps[0].seq + 1);
    EXPECT_EQ(events.stamps[0].time, before);
    EXPECT_EQ(events.stamps[1].time - before, std::chrono::nanoseconds(5));
}

TEST_F(EventsTest, AreCountedWhetherSomebodyIsToldOrNot) {
    world.create("one");
    world.registry.on_event(nullptr);
    world.create("two");
    world.registry.on_event(&events);
    world.create("three");
    EXPECT_EQ(events.stamps[1].seq, events.stamps[0].seq + 2);
}

TEST_F(EventsTest, ANetworkThatIsEndedLosesItsNodesBetweenShutdownAndDestroy) {
    reader();
    TestEndpoint& last = writer();
    events.take();
    world.shut_down(lab());
    EXPECT_THAT(events.take(), ElementsAre("shutdown lab", "disconnect lab 0 reader shutdown",
                                           "disconnect lab 1 writer shutdown"));
    last.leave();
    EXPECT_THAT(events.take(), IsEmpty()) << "it was disconnected already";
    world.everybody_leaves();
    EXPECT_THAT(events.take(), ElementsAre("destroy lab"));
}

TEST_F(EventsTest, AnEphemeralNetworkGoesBehindItsLastNode) {
    set("ephemeral", "1");
    TestEndpoint& only = reader();
    events.take();
    only.leave();
    EXPECT_THAT(events.take(),
                ElementsAre("disconnect lab 0 reader", "shutdown lab", "destroy lab"));
}

TEST_F(EventsTest, ANetworkThatCouldNotBeMadeIsNotTold) {
    const AssumeLoop here;
    EXPECT_FALSE(world.registry.create("lab", {}));
    EXPECT_FALSE(world.registry.create(".x", {}));
    policy.newnet_answer = -EACCES;
    EXPECT_EQ(world.set_default("policy", "full"), 0);
    EXPECT_FALSE(world.registry.create("refused", {}));
    EXPECT_THAT(events.take(), IsEmpty());
    world.set_default("policy", "broadcast");
}

TEST_F(EventsTest, RenamingTellsTheNewName) {
    const AssumeLoop here;
    EXPECT_TRUE(world.registry.rename(lab(), "field"));
    EXPECT_FALSE(world.registry.rename(*world.registry.find("field"), ".x"));
    EXPECT_THAT(events.take(), ElementsAre("rename field"));
    EXPECT_TRUE(world.registry.rename(*world.registry.find("field"), "lab"));
}

// ---- nodes

TEST_F(EventsTest, ANodeThatIsRemovedWasCut) {
    TestEndpoint& node = reader();
    events.take();
    world.cut(node);
    EXPECT_THAT(events.take(), ElementsAre("disconnect lab 0 reader cut"));
}

TEST_F(EventsTest, AReaderThatHoldsUpForTooLongStalled) {
    set("lossless", "1");
    set("msgpoolsize", "1");
    set("stall_timeout_ms", "100");
    reader();
    TestEndpoint& from = writer();
    from.write("11");
    from.start_write("22");
    events.take();
    world.advance(std::chrono::milliseconds(100));
    EXPECT_THAT(events.take(), ElementsAre("disconnect lab 0 reader stalled"));
}

TEST_F(EventsTest, ARefusedNodeIsNotTold) {
    policy.newport = [](ipn_port*, std::uint32_t) { return -EACCES; };
    EXPECT_EQ(world.try_join(lab(), Role::reader), EACCES);
    EXPECT_THAT(events.take(), IsEmpty());
}

TEST_F(EventsTest, ANodesRoleAndDescriptionAreOptions) {
    TestEndpoint& node = both();
    events.take();
    EXPECT_TRUE(node.narrow(Role::reader));
    EXPECT_TRUE(node.narrow(Role::reader));
    EXPECT_TRUE(node.describe("a lamp"));
    EXPECT_TRUE(node.describe("a lamp"));
    EXPECT_FALSE(node.describe("\n"));
    EXPECT_TRUE(node.describe(""));
    EXPECT_THAT(events.take(), ElementsAre("option lab 0 reader role reader",
                                           "option lab 0 reader a lamp descr a lamp",
                                           "option lab 0 reader descr"));
}

// ---- interfaces

class InterfaceEventsTest : public EventsTest {
  protected:
    core::InterfaceEntry& entry(std::string name) {
        core::InterfaceEntry& made = entries.emplace_back();
        made.name = std::move(name);
        made.kind = core::NodeKind::tap;
        return made;
    }
    // A node of an interface, which is listed.
    TestEndpoint& plug(core::InterfaceEntry& entry, Reason reason = Reason::created) {
        const AssumeLoop here;
        TestEndpoint& node = world.join(lab(), {.role = Role::both, .kind = core::NodeKind::tap});
        lab().add_interface(entry, lab().node_at(node.number()), reason);
        return node;
    }

    std::list<core::InterfaceEntry> entries;
};

TEST_F(InterfaceEventsTest, OneComesBehindItsNodeAndGoesBehindIt) {
    TestEndpoint& node = plug(entry("tap0"));
    node.leave();
    EXPECT_THAT(events.take(),
                ElementsAre("connect lab 0 both", "interface lab tap0 0 both created",
                            "disconnect lab 0 both", "interface lab tap0 0 both removed"));
    EXPECT_FALSE(entries.front().linked());
}

TEST_F(InterfaceEventsTest, OneThatIsOnlyDisconnectedStaysListed) {
    plug(entry("tap0"));
    TestEndpoint& second = plug(entry("tap1"));
    events.take();
    world.cut(second);
    EXPECT_THAT(events.take(),
                ElementsAre("disconnect lab 1 both cut", "interface lab tap1 1 both cut"));
    EXPECT_EQ(replayed().back(), "interface lab tap1 cut");
    EXPECT_EQ(stamps.back().seq, events.stamps.back().seq);
    const AssumeLoop here;
    lab().remove_interface(entries.back(), Reason::removed);
    EXPECT_THAT(events.take(), ElementsAre("interface lab tap1 removed"));
    EXPECT_EQ(replayed().back(), "interface lab tap0 0 both created");
}

TEST_F(InterfaceEventsTest, WhyItsNodeLeftIsToldOfBoth) {
    TestEndpoint &gone = plug(entry("tap0")), &moved = plug(entry("tap1"), Reason::attached);
    events.take();
    gone.leave(Reason::vanished);
    moved.leave(Reason::moved);
    EXPECT_THAT(events.take(),
                ElementsAre("disconnect lab 0 both vanished", "interface lab tap0 0 both vanished",
                            "disconnect lab 1 both moved", "interface lab tap1 1 both moved away"));
    EXPECT_TRUE(entries.front().linked());
    EXPECT_FALSE(entries.back().linked());
}

TEST_F(InterfaceEventsTest, AllOfThemGoBetweenShutdownAndDestroy) {
    plug(entry("tap0"));
    world.cut(plug(entry("tap1")));
    events.take();
    world.shut_down(lab());
    world.everybody_leaves();
    EXPECT_THAT(events.take(), ElementsAre("shutdown lab", "disconnect lab 0 both shutdown",
                                           "interface lab tap0 0 both shutdown",
                                           "interface lab tap1 shutdown", "destroy lab"));
}

TEST_F(InterfaceEventsTest, AnEphemeralNetworkGoesBehindItsLastInterface) {
    set("ephemeral", "1");
    TestEndpoint& only = plug(entry("tap0"));
    events.take();
    only.leave(Reason::vanished);
    EXPECT_THAT(events.take(),
                ElementsAre("disconnect lab 0 both vanished", "interface lab tap0 0 both vanished",
                            "shutdown lab", "interface lab tap0 shutdown", "destroy lab"));
}

TEST_F(InterfaceEventsTest, TheyAreReplayedInTheirPlace) {
    TestEndpoint& first = plug(entry("tap0"));
    reader();
    EXPECT_TRUE(first.describe("to the cellar"));
    const std::vector<std::string> all = replayed();
    ASSERT_GE(all.size(), 3U);
    EXPECT_THAT(
        std::vector(all.end() - 3, all.end()),
        ElementsAre("connect lab 0 both to the cellar",
                    "interface lab tap0 0 both to the cellar created", "connect lab 1 reader"));
}

// ---- options and policies

TEST_F(EventsTest, AnOptionThatChangesIsTold) {
    set("eof", "last-writer");
    set("eof", "last-writer");
    EXPECT_EQ(set("eof", "sometimes"), EINVAL);
    EXPECT_THAT(events.take(), ElementsAre("option lab eof last-writer"));
}

TEST_F(EventsTest, AnotherPolicyComesWithItsPresets) {
    set("policy", "broadcast");
    EXPECT_THAT(events.take(), ElementsAre("policy lab broadcast", "option lab mtu 1514",
                                           "option lab lossless 0"));
    policy.newnet_answer = -EACCES;
    EXPECT_EQ(set("policy", "full"), EACCES);
    EXPECT_THAT(events.take(), IsEmpty());
}

TEST_F(EventsTest, APolicysOwnOptionsAreTold) {
    reader();
    events.take();
    EXPECT_EQ(set_policy_option(IPN_PORT_ANY, "colour", "green"), 0);
    EXPECT_EQ(set_policy_option(0, "label", "left"), 0);
    policy.setsockopt_answer = -EINVAL;
    EXPECT_EQ(set_policy_option(0, "label", "right"), EINVAL);
    EXPECT_THAT(events.take(),
                ElementsAre("option lab full colour green", "option lab full label 0 left"));
}

TEST_F(EventsTest, WhatAPolicyBeginsWithIsNoChange) {
    const AssumeLoop here;
    core::Policy& full = *policies().find("full");
    EXPECT_TRUE(world.registry.set_policy_default(full, 0, "blue"));
    EXPECT_EQ(world.set_default("policy", "full"), 0);
    world.create("blue");
    EXPECT_THAT(events.take(), ElementsAre("create blue full"));
    world.set_default("policy", "broadcast");
}

TEST_F(EventsTest, PoliciesComeAndGo) {
    const AssumeLoop here;
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    EXPECT_TRUE(policies().remove("recording"));
    EXPECT_FALSE(policies().remove("full"));
    EXPECT_THAT(events.take(),
                ElementsAre("policy-registered recording", "policy-unregistered recording"));
}

// ---- replay

TEST_F(EventsTest, WhatExistsIsReplayedWithItsOldStamps) {
    reader();
    core::Network& second = world.create("second");
    TestEndpoint& there = world.join(second, Role::writer);
    both();
    const std::vector<core::Stamp> first = events.stamps;  // connect, create, connect, connect
    world.clock.advance(std::chrono::seconds(1));
    EXPECT_THAT(
        replayed(),
        ElementsAre("policy-registered broadcast", "create lab full", "policy-registered full",
                    "option lab mtu 100", "option lab lossless 1", "connect lab 0 reader",
                    "create second broadcast", "connect second 0 writer", "connect lab 1 both"));
    for (std::size_t i = 0; i < first.size(); ++i) {
        EXPECT_EQ(stamps[i + 5].seq, first[i].seq);
        EXPECT_EQ(stamps[i + 5].time, first[i].time);
    }
    there.leave();
    EXPECT_EQ(replayed().size(), 8U);
}

TEST_F(EventsTest, WhatIsReplayedIsAsItIsNow) {
    const AssumeLoop here;
    TestEndpoint& node = both();
    EXPECT_TRUE(node.narrow(Role::writer));
    EXPECT_TRUE(node.describe("pump"));
    node.leave();
    TestEndpoint& other = both();
    EXPECT_TRUE(other.narrow(Role::reader));
    EXPECT_TRUE(other.describe("valve"));
    set("eof", "last-writer");
    set("eof", "never");
    EXPECT_TRUE(world.registry.rename(lab(), "field"));
    EXPECT_THAT(replayed(), ElementsAre("policy-registered broadcast", "create field full",
                                        "policy-registered full", "option field mtu 100",
                                        "option field lossless 1", "connect field 0 reader valve",
                                        "option field eof never"));
    EXPECT_TRUE(world.registry.rename(*world.registry.find("field"), "lab"));
}

TEST_F(EventsTest, ANetworkThatShutsDownIsReplayedWithoutItsNodes) {
    TestEndpoint& node = reader();
    world.shut_down(lab());
    const std::vector<std::string> all = replayed();
    EXPECT_EQ(all.back(), "shutdown lab");
    for (const std::string& words : all) EXPECT_THAT(words, testing::Not(HasSubstr("connect")));
    node.leave();
    EXPECT_THAT(replayed(), ElementsAre("policy-registered broadcast", "policy-registered full"));
}

TEST_F(EventsTest, APolicyThatComesAgainHasANewStamp) {
    const AssumeLoop here;
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    auto removed = policies().remove("recording");
    ASSERT_TRUE(removed);
    world.create("between");
    EXPECT_TRUE(policies().add(std::move(*removed)));
    EXPECT_EQ(replayed().back(), "policy-registered recording");
    EXPECT_TRUE(policies().remove("recording"));
}

// ---- out of band

class RecordingWatcher final : public core::OobWatcher {
  public:
    explicit RecordingWatcher(core::Network& network) : network_(network) {
        const AssumeLoop here;
        network.watch(*this);
    }
    void counted() override {
        told.push_back(std::to_string(network_.readers()) + " " +
                       std::to_string(network_.writers()));
    }
    void sent(const core::Node& to, std::span<const std::byte> message) override {
        told.push_back("to " + std::to_string(to.number()) + " " +
                       std::string(reinterpret_cast<const char*>(message.data()), message.size()));
    }
    void ended() override { told.emplace_back("ended"); }
    std::vector<std::string> take() { return std::exchange(told, {}); }

    std::vector<std::string> told;

  private:
    core::Network& network_;
};

TEST_F(EventsTest, AWatcherSeesEveryChangeOfTheNumberOfReadersAndWriters) {
    RecordingWatcher watcher(lab());
    TestEndpoint &one = both(), &two = reader();
    world.join(lab(), Role::none);
    EXPECT_THAT(watcher.take(), ElementsAre("1 1", "2 1"));
    EXPECT_TRUE(one.narrow(Role::reader));
    EXPECT_TRUE(one.narrow(Role::reader));
    EXPECT_THAT(watcher.take(), ElementsAre("2 0"));
    two.leave();
    world.cut(one);
    EXPECT_THAT(watcher.take(), ElementsAre("1 0", "0 0"));
    world.create("elsewhere");
    world.join(*world.registry.find("elsewhere"), Role::both);
    EXPECT_THAT(watcher.take(), IsEmpty());
}

TEST_F(EventsTest, AWatcherSeesMessagesWhoeverWantsThem) {
    RecordingWatcher watcher(lab()), other(lab());
    TestEndpoint &one = reader(), &two = reader();
    watcher.take();
    inside([&] {
        policy.host.send_oob(port_of(one), "fire", 4);
        policy.host.send_oob(port_of(two), "smoke", 5);
        policy.host.send_oob(port_of(two), "", 0);
    });
    EXPECT_THAT(watcher.take(), ElementsAre("to 0 fire", "to 1 smoke"));
    EXPECT_EQ(other.take().size(), 4U);
}

TEST_F(EventsTest, AWatcherIsToldOfTheEndOnce) {
    RecordingWatcher watcher(lab());
    TestEndpoint& node = reader();
    watcher.take();
    world.shut_down(lab());
    EXPECT_THAT(watcher.take(), ElementsAre("0 0", "ended"));
    node.leave();
    EXPECT_THAT(watcher.take(), IsEmpty());
}

TEST_F(EventsTest, AWatcherThatGoesIsNotTold) {
    { RecordingWatcher watcher(lab()); }
    reader();
    world.shut_down(lab());
}

}  // namespace
}  // namespace ipn::test
