// What a policy presets, and its own options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "policy_world.h"

namespace ipn::test {
namespace {

using core::AssumeLoop;
using core::Network;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kColour = 0, kFrozen = 1, kAge = 2, kLabel = 3, kRank = 4, kSerial = 5;

class PolicyOptionsTest : public PolicyTest {
  protected:
    std::string show(Network& network, std::string_view option) {
        return core::find_option(option)->show(network.options());
    }
    std::string show(std::string_view option) { return show(lab(), option); }
    void reset(std::string_view option) {
        const AssumeLoop here;
        EXPECT_TRUE(lab().reset_option(*core::find_option(option)));
    }
    // Sets an option and then undoes that.
    void set_in_vain(std::string_view option, std::string_view value) {
        const AssumeLoop here;
        const auto replaced = lab().set_option(*core::find_option(option), value);
        ASSERT_TRUE(replaced);
        lab().put_back(*replaced);
    }
    int set_own(std::size_t index, std::string_view text, std::uint32_t number = IPN_PORT_ANY) {
        const AssumeLoop here;
        return code(lab().set_policy_option(number, index, text));
    }
    std::string get_own(std::size_t index, std::uint32_t number = IPN_PORT_ANY) {
        const AssumeLoop here;
        const auto value = lab().policy_option(number, index);
        return value ? *value : "<" + std::to_string(value.error().code) + ">";
    }
    int set_own_default(std::size_t index, std::string_view text) {
        const AssumeLoop here;
        return code(world.registry.set_policy_default(*policies().find("full"), index, text));
    }
};

// ---- presets

TEST_F(PolicyOptionsTest, BindingAPolicyAppliesItsPresets) {
    EXPECT_EQ(show("mtu"), "100");
    EXPECT_EQ(show("lossless"), "1");
    EXPECT_EQ(show("msgpoolsize"), "128");
}

TEST_F(PolicyOptionsTest, ANewNetworkHasThePresetsOfItsPolicy) {
    world.set_default("policy", "full");
    EXPECT_EQ(show(world.create("new"), "mtu"), "100");
}

TEST_F(PolicyOptionsTest, ThePolicySeesItsPresetsFromTheBeginning) {
    set("policy", "broadcast");
    policy.within_net = [&](const std::string& call, ipn_net* about) {
        EXPECT_EQ(policy.host.mtu(about), call == "newnet" ? 100U : 1514U) << call;
    };
    EXPECT_EQ(set("policy", "full"), 0);
    EXPECT_THAT(policy.take_calls(), ElementsAre("delnet", "newnet"));
}

TEST_F(PolicyOptionsTest, WithoutThePolicyThePresetsGo) {
    set("policy", "broadcast");
    EXPECT_EQ(show("mtu"), "1514");
    EXPECT_EQ(show("lossless"), "0");
}

TEST_F(PolicyOptionsTest, WhatSomebodySetStays) {
    set("policy", "broadcast");
    set("mtu", "1514");  // what it is anyway
    set("policy", "full");
    EXPECT_EQ(show("mtu"), "1514");
    EXPECT_EQ(show("lossless"), "1");
    set("lossless", "0");
    set("policy", "broadcast");
    set("policy", "full");
    EXPECT_EQ(show("lossless"), "0");
}

TEST_F(PolicyOptionsTest, ResettingGoesBackToThePreset) {
    set("mtu", "700");
    reset("mtu");
    EXPECT_EQ(show("mtu"), "100");
    set("policy", "broadcast");
    EXPECT_EQ(show("mtu"), "1514") << "it counts as never set";
    reset("mtu");
    EXPECT_EQ(show("mtu"), "1514");
}

TEST_F(PolicyOptionsTest, APresetIsStrongerThanADefaultOfTheRoot) {
    world.set_default("mtu", "9000");
    world.set_default("policy", "full");
    EXPECT_EQ(show(world.create("new"), "mtu"), "100");
    world.set_default("policy", "broadcast");
    EXPECT_EQ(show(world.create("newer"), "mtu"), "9000");
    set("policy", "broadcast");
    EXPECT_EQ(show("mtu"), "9000") << "what a new network would have";
}

TEST_F(PolicyOptionsTest, OptionsThatNobodyPresetsDoNotFollowTheRoot) {
    world.set_default("eof", "last-writer");
    set("policy", "broadcast");
    EXPECT_EQ(show("eof"), "never");
}

TEST_F(PolicyOptionsTest, APolicyThatIsRefusedPresetsNothing) {
    set("policy", "broadcast");
    policy.newnet_answer = -EACCES;
    EXPECT_EQ(set("policy", "full"), EACCES);
    EXPECT_EQ(show("mtu"), "1514");
    EXPECT_EQ(show("policy"), "broadcast");
    EXPECT_EQ(policies().find("full")->networks, 0U);
}

TEST_F(PolicyOptionsTest, APresetThatDoesNotFitRefusesThePolicy) {
    set("policy", "broadcast");
    ipn_policy narrow = RecordingPolicy::table();
    const ipn_preset two{"numnodes", "2"};
    narrow.struct_size = sizeof narrow;
    narrow.name = "narrow";
    narrow.presets = &two;
    narrow.presets_count = 1;
    EXPECT_TRUE(policies().add(&narrow));
    ASSERT_EQ(world.reserve(lab(), 5), 0);
    EXPECT_EQ(set("policy", "narrow"), EADDRINUSE);
    EXPECT_EQ(show("numnodes"), "32");
    world.unreserve(lab(), 5);
    EXPECT_EQ(set("policy", "narrow"), 0);
    EXPECT_EQ(show("numnodes"), "2");
    set("policy", "broadcast");
}

TEST_F(PolicyOptionsTest, AChangeOfPolicyIsUndoneWithAllItBrought) {
    set("policy", "broadcast");
    set("lossless", "1");
    set_in_vain("policy", "full");
    EXPECT_EQ(show("policy"), "broadcast");
    EXPECT_EQ(show("mtu"), "1514");
    EXPECT_EQ(show("lossless"), "1");
    set("policy", "full");
    set("policy", "broadcast");
    EXPECT_EQ(show("lossless"), "1") << "still one that was set";
}

TEST_F(PolicyOptionsTest, AnUndoneChangeOfPolicyBringsItsOptionsBack) {
    ASSERT_EQ(world.reserve(lab(), 5), 0);
    EXPECT_EQ(set_own(kColour, "blue"), 0);
    EXPECT_EQ(set_own(kLabel, "uplink", 5), 0);
    set("mtu", "300");
    policy.within_net = [&](const std::string& call, ipn_net*) {
        if (call == "delnet") policy.values.clear();
    };
    set_in_vain("policy", "broadcast");
    EXPECT_EQ(show("policy"), "full");
    EXPECT_EQ(show("mtu"), "300");
    EXPECT_EQ(get_own(kColour), "blue");
    EXPECT_EQ(get_own(kLabel, 5), "uplink");
}

TEST_F(PolicyOptionsTest, AnUndoneChangeLeavesLaterOnesAlone) {
    const AssumeLoop here;
    const auto replaced = lab().set_option(*core::find_option("mtu"), "300");
    set("msgpoolsize", "5");
    lab().put_back(*replaced);
    EXPECT_EQ(show("mtu"), "100");
    EXPECT_EQ(show("msgpoolsize"), "5");
}

TEST_F(PolicyOptionsTest, WhatCannotBeUndoneAnyMoreStays) {
    const AssumeLoop here;
    const auto replaced = lab().set_option(*core::find_option("policy"), "broadcast");
    both();
    lab().put_back(*replaced);
    EXPECT_EQ(show("policy"), "broadcast") << "somebody is connected";
}

// ---- own options

TEST_F(PolicyOptionsTest, AreSetAndRead) {
    EXPECT_EQ(get_own(kColour), "red");
    EXPECT_EQ(set_own(kColour, "blue"), 0);
    EXPECT_EQ(get_own(kColour), "blue");
    EXPECT_EQ(get_own(kAge), "7");
    world.join(lab(), Role::reader, 4);
    EXPECT_EQ(set_own(kLabel, "x", 4), 0);
    EXPECT_EQ(get_own(kLabel, 4), "x");
    EXPECT_EQ(get_own(kSerial, 4), "4");
}

TEST_F(PolicyOptionsTest, ARefusalIsThePolicys) {
    const AssumeLoop here;
    const auto refused = lab().set_policy_option(IPN_PORT_ANY, kColour, "loud");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, EINVAL);
    EXPECT_EQ(refused.error().words, "a colour is red, green or blue");
    EXPECT_EQ(get_own(kColour), "red");
}

TEST_F(PolicyOptionsTest, LongValuesAreReadWhole) {
    const std::string text(5000, 'x');
    world.join(lab(), Role::reader, 4);
    EXPECT_EQ(set_own(kLabel, text, 4), 0);
    EXPECT_EQ(get_own(kLabel, 4), text);
    EXPECT_EQ(set_own(kLabel, std::string(70'000, 'x'), 4), 0);
    EXPECT_EQ(get_own(kLabel, 4), "<" + std::to_string(EPROTO) + ">");
}

TEST_F(PolicyOptionsTest, AnOptionMayHaveNoValue) {
    world.join(lab(), Role::reader, 4);
    set_own(kLabel, "none", 4);
    EXPECT_EQ(get_own(kLabel, 4), "<" + std::to_string(ENODATA) + ">");
}

TEST_F(PolicyOptionsTest, SomeChangeOnlyWhileNobodyIsConnected) {
    EXPECT_EQ(set_own(kFrozen, "1"), 0);
    TestEndpoint& node = reader();
    EXPECT_EQ(set_own(kFrozen, "0"), EBUSY);
    node.leave();
    EXPECT_EQ(set_own(kFrozen, "0"), 0);
}

TEST_F(PolicyOptionsTest, CannotBeSetAtTheEnd) {
    TestEndpoint& node = reader();
    world.shut_down(lab());
    const AssumeLoop here;
    EXPECT_EQ(code(node.node().network().set_policy_option(IPN_PORT_ANY, kColour, "blue")), EPIPE);
}

TEST_F(PolicyOptionsTest, OfAPortOutliveItsNodeIfItIsReserved) {
    ASSERT_EQ(world.reserve(lab(), 4), 0);
    set_own(kRank, "9", 4);
    TestEndpoint& node = world.join(lab(), Role::reader, 4);
    node.leave();
    EXPECT_EQ(get_own(kRank, 4), "9");
    policy.calls.clear();
    world.unreserve(lab(), 4);
    EXPECT_THAT(policy.take_calls(), ElementsAre("resetport 4"));
}

TEST_F(PolicyOptionsTest, OfAPortGoWithItsNodeIfItIsNotReserved) {
    TestEndpoint& node = world.join(lab(), Role::reader, 4);
    set_own(kRank, "9", 4);
    policy.calls.clear();
    node.leave();
    EXPECT_THAT(policy.take_calls(), ElementsAre("predelport 4", "delport", "resetport 4"));
    EXPECT_EQ(get_own(kRank, 4), "0");
}

TEST_F(PolicyOptionsTest, OfAPortInUseStayWhenOnlyTheReservationGoes) {
    ASSERT_EQ(world.reserve(lab(), 4), 0);
    world.join(lab(), Role::reader, 4);
    set_own(kRank, "9", 4);
    world.unreserve(lab(), 4);
    EXPECT_EQ(get_own(kRank, 4), "9");
}

// ---- defaults on the root

TEST_F(PolicyOptionsTest, ADefaultIsTriedWithoutANetwork) {
    EXPECT_EQ(set_own_default(kColour, "loud"), EINVAL);
    EXPECT_EQ(set_own_default(kColour, "green"), 0);
    EXPECT_THAT(policy.take_calls(), ElementsAre("try net colour=loud", "try net colour=green"));
}

TEST_F(PolicyOptionsTest, NetworksBoundLaterStartWithTheDefaults) {
    set_own_default(kColour, "green");
    EXPECT_EQ(get_own(kColour), "red") << "it is bound already";
    set("policy", "broadcast");
    policy.calls.clear();
    set("policy", "full");
    EXPECT_THAT(policy.take_calls(), ElementsAre("newnet", "set net colour=green"));
    EXPECT_EQ(get_own(kColour), "green");
}

TEST_F(PolicyOptionsTest, ADefaultThatIsRefusedRefusesTheNetwork) {
    set_own_default(kColour, "green");
    set("policy", "broadcast");
    policy.calls.clear();
    policy.setsockopt_answer = -ENOMEM;
    EXPECT_EQ(set("policy", "full"), ENOMEM);
    EXPECT_THAT(policy.take_calls(), ElementsAre("newnet", "set net colour=green", "delnet"));
    EXPECT_EQ(show("policy"), "broadcast");
    EXPECT_EQ(policies().find("full")->networks, 0U);
}

}  // namespace
}  // namespace ipn::test
