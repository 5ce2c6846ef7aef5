// `.ipnfs/events`: what exists and what happens, as lines.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "policy_test.h"

namespace ipn::test {
namespace {

using Json = nlohmann::json;
using testing::EndsWith;
using testing::StartsWith;

class EventsFileTest : public PolicyProtoTest {
  protected:
    explicit EventsFileTest() = default;

    File open_events() { return mount.open(".ipnfs/events", O_RDONLY); }
    // One that has read what exists.
    File follower() {
        File events = open_events();
        while (events.read().error == 0) {
        }
        return events;
    }
    static std::vector<std::string> lines_of(const Answer& answer) {
        std::vector<std::string> lines;
        for (std::size_t at = 0; at < answer.data.size();) {
            const std::size_t end = answer.data.find('\n', at);
            lines.push_back(answer.data.substr(at, end - at));
            at = end + 1;
        }
        return lines;
    }
    // What follows the sequence number and the time.
    static std::vector<std::string> tails_of(const Answer& answer) {
        std::vector<std::string> tails;
        for (const std::string& line : lines_of(answer))
            tails.push_back("{" + line.substr(line.find("\"event\"")));
        return tails;
    }
};

TEST_F(EventsFileTest, AWholeLine) {
    File events = follower();
    call(ask::mkdir(ask::kRoot, "lan0"));
    const std::string line = events.read().data;
    EXPECT_THAT(line, StartsWith("{\"seq\":"));
    EXPECT_THAT(line, EndsWith(",\"time\":\"1970-01-01T01:00:00.000000000Z\",\"event\":\"create\","
                               "\"netid\":2,\"name\":\"lan0\",\"policy\":\"broadcast\"}\n"));
    mount.world.clock.advance(std::chrono::nanoseconds(1'000'000'007));
    call(ask::rmdir(ask::kRoot, "lan0"));
    EXPECT_EQ(Json::parse(lines_of(events.read())[0])["time"], "1970-01-01T01:00:01.000000007Z");
}

TEST_F(EventsFileTest, ADay) {
    File events = follower();
    call(ask::mkdir(ask::kRoot, "lan0"));
    const std::uint64_t node = mount.node("lan0");
    mount.set(node, "policy", "full");
    mount.set(node, "full.colour", "green");
    kernel.caller = {.uid = 7, .gid = 8, .pid = 99};
    File port = mount.open("lan0/port", O_RDWR);
    mount.set(port.node, "descr", "a \"lamp\"");
    mount.set(port.node, "full.label", "left");
    mount.set(port.node, "role", "reader");
    call(ask::rename(ask::kRoot, "lan0", ask::kRoot, "lan1"));
    call(ask::unlink(mount.node("lan1/ports"), "0"));
    File last = mount.open("lan1/port", O_WRONLY);
    mount.set(node, "state", "down");
    last.close();
    const std::string lan0 = "\"netid\":2,\"name\":\"lan0\",",
                      lan1 = "\"netid\":2,\"name\":\"lan1\",";
    const std::vector<std::string> expected{
        R"({"event":"create",)" + lan0 + R"("policy":"broadcast"})",
        R"({"event":"policy",)" + lan0 + R"("policy":"full"})",
        R"({"event":"option",)" + lan0 + R"("option":"mtu","value":"100"})",
        R"({"event":"option",)" + lan0 + R"("option":"lossless","value":"1"})",
        R"({"event":"option",)" + lan0 + R"("option":"full.colour","value":"green"})",
        R"({"event":"connect",)" + lan0 +
            R"("port":0,"kind":"file","role":"both","uid":7,"pid":99})",
        R"({"event":"option",)" + lan0 + R"("port":0,"option":"descr","value":"a \"lamp\""})",
        R"({"event":"option",)" + lan0 + R"("port":0,"option":"full.label","value":"left"})",
        R"({"event":"option",)" + lan0 + R"("port":0,"option":"role","value":"reader"})",
        R"({"event":"rename","netid":2,"name":"lan1"})",
        R"({"event":"disconnect",)" + lan1 +
            R"("port":0,"kind":"file","role":"reader","uid":7,"pid":99,"descr":"a \"lamp\"","reason":"cut"})",
        R"({"event":"connect",)" + lan1 +
            R"("port":0,"kind":"file","role":"writer","uid":7,"pid":99})",
        R"({"event":"shutdown","netid":2,"name":"lan1"})",
        R"({"event":"disconnect",)" + lan1 +
            R"("port":0,"kind":"file","role":"writer","uid":7,"pid":99,"reason":"shutdown"})",
        R"({"event":"destroy","netid":2,"name":"lan1"})",
    };
    EXPECT_EQ(tails_of(events.read()),
              std::vector<std::string>(expected.begin(), expected.end() - 1));
    port.close();
    EXPECT_EQ(tails_of(events.read()), std::vector{expected.back()});
}

TEST_F(EventsFileTest, WhatExistsComesFirst) {
    File early = follower();
    kernel.caller = {.uid = 7, .gid = 8, .pid = 99};
    File port = reader();
    const Json live = Json::parse(early.read().data);
    mount.set(port.node, "descr", "a lamp");
    mount.world.clock.advance(std::chrono::hours(1));
    const std::vector<std::string> lines = lines_of(open_events().read());
    ASSERT_EQ(lines.size(), 6U);
    std::vector<std::string> kinds;
    std::uint64_t seq = 0;
    for (const std::string& line : lines) {
        const Json event = Json::parse(line);
        EXPECT_EQ(event["replay"], true);
        EXPECT_GT(event["seq"], seq);
        seq = event["seq"];
        kinds.push_back(event["event"]);
    }
    EXPECT_THAT(kinds, testing::ElementsAre("policy-registered", "create", "policy-registered",
                                            "option", "option", "connect"));
    Json connect = Json::parse(lines.back());
    EXPECT_EQ(connect["descr"], "a lamp");
    connect.erase("descr");
    connect.erase("replay");
    EXPECT_EQ(connect, live) << "with its first number and time";
}

TEST_F(EventsFileTest, NothingIsMissingBetweenReplayAndLife) {
    File events = open_events();
    reader();
    std::uint64_t last = 0;
    std::vector<bool> replayed;
    for (const std::string& line : lines_of(events.read())) {
        const Json event = Json::parse(line);
        replayed.push_back(event.contains("replay"));
        EXPECT_GT(event["seq"], last);
        last = event["seq"];
    }
    EXPECT_EQ(replayed, (std::vector{true, true, true, true, true, false}));
    reader();
    EXPECT_EQ(Json::parse(events.read().data)["seq"], last + 1);
}

TEST_F(EventsFileTest, EveryReaderGetsEverything) {
    File one = follower(), two = follower();
    reader();
    const Answer line = one.read();
    EXPECT_EQ(line.error, 0);
    EXPECT_EQ(two.read(), line);
}

TEST_F(EventsFileTest, PoliciesComeAndGo) {
    File events = follower();
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    {
        const core::AssumeLoop here;
        EXPECT_TRUE(policies().remove("recording"));
    }
    EXPECT_EQ(
        tails_of(events.read()),
        (std::vector<std::string>{R"({"event":"policy-registered","policy":"recording"})",
                                  R"({"event":"policy-unregistered","policy":"recording"})"}));
}

TEST_F(EventsFileTest, AChangeThatCouldNotBeSavedIsTakenBackInPublic) {
    File events = follower();
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(call(ask::mkdir(ask::kRoot, "lan0")), error(EIO));
    EXPECT_EQ(tails_of(events.read()),
              (std::vector<std::string>{
                  R"({"event":"create","netid":2,"name":"lan0","policy":"broadcast"})",
                  R"({"event":"shutdown","netid":2,"name":"lan0"})",
                  R"({"event":"destroy","netid":2,"name":"lan0"})"}));
}

TEST_F(EventsFileTest, AValueThatIsNoTextIsStillALine) {
    File events = follower();
    mount.set(reader().node, "full.label", "\xff\n");
    const std::vector<std::string> lines = lines_of(events.read());
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(Json::parse(lines[1])["value"], "\xef\xbf\xbd\n");
}

TEST_F(EventsFileTest, ASlowReaderIsToldHowManyItMissed) {
    File slow = follower(), quick = follower();
    std::uint64_t happened = 0, got = 0, missed = 0;
    const auto count = [](const Answer& answer) { return lines_of(answer).size(); };
    for (int i = 0; i < 2000; ++i) {
        reader().close();
        happened += count(quick.read());
    }
    EXPECT_EQ(happened, 4000U);
    for (Answer part = slow.read(); part.error == 0; part = slow.read()) {
        for (const std::string& line : lines_of(part)) {
            const Json event = Json::parse(line);
            if (event["event"] == "missed")
                missed += event["count"].get<std::uint64_t>();
            else
                ++got;
        }
    }
    EXPECT_GT(missed, 0U);
    EXPECT_EQ(got + missed, happened);
}

TEST_F(EventsFileTest, WhatExistsIsToldHoweverMuchItIs) {
    set("numnodes", "3000");
    for (int i = 0; i < 3000; ++i) reader();
    File events = open_events();
    mount.set(lab_node(), "eof", "last-writer");
    std::string all;
    for (Answer part = events.read(1 << 20); part.error == 0; part = events.read(1 << 20))
        all += part.data;
    EXPECT_GT(all.size(), 256U * 1024);
    EXPECT_EQ(lines_of(packet(all)).size(), 5U + 1 + 3000 + 1);
    EXPECT_EQ(all.find("missed"), all.npos);
}

TEST_F(EventsFileTest, WhoFollowsIsNoNodeAndDoesNotEndWithANetwork) {
    File events = follower();
    call(ask::rmdir(ask::kRoot, "lab"));
    events.read();
    EXPECT_EQ(events.read(), error(EAGAIN));
    call(ask::mkdir(ask::kRoot, "lab"));
    EXPECT_EQ(lines_of(events.read()).size(), 1U);
}

TEST_F(EventsFileTest, TheEndIsTheMounts) {
    File events = follower();
    const Call read = events.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    {
        const core::AssumeLoop here;
        mount.filesystem.end_events();
    }
    EXPECT_EQ(outcome(read), nothing());
}

TEST_F(EventsFileTest, BelongsToTheDaemon) {
    EXPECT_EQ(mount.stat(mount.node(".ipnfs/events")).mode,
              static_cast<std::uint32_t>(S_IFREG | 0444));
    EXPECT_EQ(call(ask::open(mount.node(".ipnfs/events"), O_WRONLY)), error(EPERM));
}

// ---- interfaces

class InterfaceEventsTest : public EventsFileTest {
  protected:
    explicit InterfaceEventsTest() {
        kernel.caller = {.uid = 7, .gid = 8, .pid = 99};
        set("policy", "broadcast");
    }
    std::uint64_t directory() { return mount.node("lab/tap"); }
    std::uint64_t tap() { return mount.node("lab/tap/tap0"); }
    void make() {
        const Answer made = call(ask::create(directory(), "tap0", O_WRONLY | O_CREAT));
        ASSERT_EQ(made.error, 0);
        call(ask::release(made.as<fuse_open_out>(sizeof(fuse_entry_out)).fh));
    }
    void remove() { EXPECT_EQ(call(ask::unlink(directory(), "tap0")).error, 0); }
    int move(std::string_view from, std::string_view to) {
        return call(ask::rename(mount.node(std::string(from) + "/tap"), "tap0",
                                mount.node(std::string(to) + "/tap"), "tap0"))
            .error;
    }
    // The lines: of its node, of the interface, of another event of the network.
    static std::string of_node(std::string_view event, std::string_view reason,
                               std::string_view network = kLab) {
        return line(event, network, "\"port\":0,\"kind\":\"tap\",\"role\":\"both\",", reason);
    }
    static std::string of_interface(std::string_view reason, std::string_view network = kLab,
                                    std::string_view port = "\"port\":0,") {
        return line("interface", network,
                    R"("interface":"tap0",)" + std::string(port) + R"("kind":"tap",)", reason);
    }
    static std::string line(std::string_view event, std::string_view network, std::string_view what,
                            std::string_view more) {
        std::string text = R"({"event":")" + std::string(event) + "\"," + std::string(network) +
                           "," + std::string(what) + R"("uid":7,"pid":99)";
        if (!more.empty()) text += "," + std::string(more);
        return text + "}";
    }
    using Lines = std::vector<std::string>;
    static constexpr std::string_view kLab = R"("netid":1,"name":"lab")",
                                      kOther = R"("netid":2,"name":"other")";
};

TEST_F(InterfaceEventsTest, OneIsMadeAndRemoved) {
    File events = follower();
    make();
    remove();
    EXPECT_EQ(tails_of(events.read()),
              (Lines{of_node("connect", ""), of_interface(R"("reason":"created")"),
                     of_node("disconnect", ""), of_interface(R"("reason":"removed")")}));
}

TEST_F(InterfaceEventsTest, OneThatExistedIsAttached) {
    mount.host.exists["tap0"] = 2;
    File events = follower();
    make();
    EXPECT_EQ(tails_of(events.read()),
              (Lines{of_node("connect", ""), of_interface(R"("reason":"attached")")}));
}

TEST_F(InterfaceEventsTest, OneThatVanishesIsToldTwiceUntilItsFileGoes) {
    make();
    mount.set(tap(), "descr", "a lamp");
    File events = follower();
    mount.host.vanish("tap0");
    EXPECT_EQ(tails_of(events.read()),
              (Lines{of_node("disconnect", R"("descr":"a lamp","reason":"vanished")"),
                     of_interface(R"("descr":"a lamp","reason":"vanished")")}));
    EXPECT_EQ(tails_of(open_events().read()).back(),
              "{\"event\":\"interface\",\"replay\":true," +
                  of_interface(R"("reason":"vanished")", kLab, "").substr(21));
    remove();
    EXPECT_EQ(tails_of(events.read()), Lines{of_interface(R"("reason":"removed")", kLab, "")});
}

TEST_F(InterfaceEventsTest, OneWithPersist0IsRemovedWhenItVanishes) {
    const Answer made = call(ask::create(directory(), "tap0", O_WRONLY | O_CREAT));
    ASSERT_EQ(made.error, 0);
    EXPECT_EQ(mount.set(tap(), "persist", "0"), 0);
    File events = follower();
    mount.host.vanish("tap0");
    EXPECT_EQ(tails_of(events.read()), (Lines{of_node("disconnect", R"("reason":"vanished")"),
                                              of_interface(R"("reason":"vanished")"),
                                              of_interface(R"("reason":"removed")", kLab, "")}));
}

TEST_F(InterfaceEventsTest, OneWhoseNodeIsRemovedIsCutAndGoesOnElsewhere) {
    mount.world.create("other");
    make();
    File events = follower();
    EXPECT_EQ(call(ask::unlink(ports_node(), "0")).error, 0);
    EXPECT_EQ(move("lab", "other"), 0);
    EXPECT_EQ(tails_of(events.read()),
              (Lines{of_node("disconnect", R"("reason":"cut")"), of_interface(R"("reason":"cut")"),
                     of_node("connect", "", kOther),
                     of_interface(R"("peer":"other","reason":"moved away")", kLab, ""),
                     of_interface(R"("peer":"lab","reason":"moved")", kOther)}));
}

TEST_F(InterfaceEventsTest, OneThatMovesIsToldOfBothNetworks) {
    mount.world.create("other");
    make();
    File events = follower();
    EXPECT_EQ(move("lab", "other"), 0);
    EXPECT_EQ(tails_of(events.read()),
              (Lines{of_node("connect", "", kOther), of_node("disconnect", R"("reason":"moved")"),
                     of_interface(R"("peer":"other","reason":"moved away")"),
                     of_interface(R"("peer":"lab","reason":"moved")", kOther)}));
    EXPECT_EQ(tails_of(open_events().read()).back(),
              "{\"event\":\"interface\",\"replay\":true," +
                  of_interface(R"("peer":"lab","reason":"moved")", kOther).substr(21));
}

TEST_F(InterfaceEventsTest, AMoveThatIsTakenBackIsToldBothWays) {
    mount.world.create("other");
    make();
    File events = follower();
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(move("lab", "other"), EIO);
    const Lines lines = tails_of(events.read());
    ASSERT_EQ(lines.size(), 8U);
    EXPECT_EQ(lines[6], of_interface(R"("peer":"lab","reason":"moved away")", kOther));
    EXPECT_EQ(lines[7], of_interface(R"("peer":"other","reason":"moved")"));
}

TEST_F(InterfaceEventsTest, AMoveThatIsRefusedIsNotTold) {
    mount.world.create("other");
    EXPECT_EQ(mount.set(mount.node("other"), "numnodes", "1"), 0);
    mount.open("other/port", O_RDONLY);  // there is no other port
    make();
    File events = follower();
    EXPECT_EQ(move("lab", "other"), EADDRNOTAVAIL);
    EXPECT_EQ(events.read(), error(EAGAIN));
    remove();
    EXPECT_EQ(tails_of(events.read()).back(), of_interface(R"("reason":"removed")"));
}

TEST_F(InterfaceEventsTest, ANetworkThatTheLastOneLeavesIsDestroyedBehindIt) {
    set("ephemeral", "1");
    mount.world.create("other");
    make();
    File events = follower();
    EXPECT_EQ(move("lab", "other"), 0);
    const Lines lines = tails_of(events.read());
    ASSERT_EQ(lines.size(), 6U);
    EXPECT_EQ(lines[2], of_interface(R"("peer":"other","reason":"moved away")"));
    EXPECT_EQ(lines[3], R"({"event":"shutdown","netid":1,"name":"lab"})");
    EXPECT_EQ(lines[4], R"({"event":"destroy","netid":1,"name":"lab"})");
    EXPECT_EQ(lines[5], of_interface(R"("peer":"lab","reason":"moved")", kOther));
}

TEST_F(InterfaceEventsTest, ANetworkThatIsEndedTakesThemAlong) {
    make();
    mount.host.vanish("tap0");
    File events = follower();
    set("state", "down");
    EXPECT_EQ(tails_of(events.read()), (Lines{R"({"event":"shutdown","netid":1,"name":"lab"})",
                                              of_interface(R"("reason":"shutdown")", kLab, ""),
                                              R"({"event":"destroy","netid":1,"name":"lab"})"}));
    mount.serve();
    EXPECT_EQ(mount.host.closed, 1);
}

class EventsMemoryTest : public ProtoTest {
  protected:
    EventsMemoryTest() : ProtoTest({.memory = 1024, .gather = {}}) {}
};

TEST_F(EventsMemoryTest, WhoMayNotHoldWhatExistsCannotOpen) {
    const std::uint64_t events = mount.node(".ipnfs/events");
    EXPECT_EQ(call(ask::open(events, O_RDONLY)), error(ENOMEM));
    EXPECT_NE(mount.get(events, "error").find("max_memory"), std::string::npos);
}

}  // namespace
}  // namespace ipn::test
