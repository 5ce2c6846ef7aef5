// Policies that watch networks: what they are told of, in which order, early and late.
#include "core/observers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "policy_world.h"

namespace ipn::test {
namespace {

using core::AssumeLoop;
using core::Policy;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> told;
std::string name_of(ipn_net* net) {
    return core::policy_host().net_name(net);
}
// The context of a network is its name when it was created, so that it can be seen to be handed
// back.
std::string name_of(void* context) {
    return *static_cast<std::string*>(context);
}

const ipn_hooks kHooks{
    .struct_size = sizeof(ipn_hooks),
    .create = [](ipn_net* net) -> void* {
        told.push_back("create " + name_of(net));
        return new std::string(name_of(net));
    },
    .shutdown =
        [](ipn_net* net, void* context) {
            told.push_back("shutdown " + name_of(net) + name_of(context));
        },
    .destroy =
        [](ipn_net* net, void* context) {
            told.push_back("destroy " + name_of(net) + name_of(context));
            delete static_cast<std::string*>(context);
        },
    .bound =
        [](ipn_net* net, void* context, const char* policy) {
            told.push_back("bound " + name_of(net) + name_of(context) + " " + policy);
        },
    .policy_registered =
        [](const char* policy, int registered) {
            told.push_back((registered != 0 ? "registered " : "unregistered ") +
                           std::string(policy));
        },
};

const ipn_policy kObserver{
    .struct_size = sizeof(ipn_policy),
    .api = IPN_POLICY_API,
    .name = "observer",
    .description = "watches",
    .hooks = &kHooks,
};

class ObserversTest : public CoreTest {
  protected:
    ObserversTest() { told.clear(); }
    void TearDown() override {
        static_cast<void>(remove("observer"));
        CoreTest::TearDown();
    }

    core::Policies& policies() { return world.registry.policies(); }
    void add() { EXPECT_TRUE(policies().add(&kObserver)); }
    int remove(std::string_view name) {
        const AssumeLoop here;
        return code(policies().remove(name));
    }
    std::vector<std::string> take() { return std::exchange(told, {}); }

    RecordingPolicy other{core::policy_host()};  // to be bound to
};

TEST_F(ObserversTest, SeeAWholeLife) {
    add();
    take();
    core::Network& network = world.create("new");
    EXPECT_THAT(take(), ElementsAre("create new", "bound newnew broadcast"));
    world.remove(network);
    EXPECT_THAT(take(), ElementsAre("shutdown newnew", "destroy newnew"));
}

TEST_F(ObserversTest, AreToldOfWhatExistsWhenTheyCome) {
    world.create("second");
    add();
    EXPECT_THAT(take(), ElementsAre("registered broadcast", "create lab", "bound lablab broadcast",
                                    "create second", "bound secondsecond broadcast",
                                    "registered observer"));
}

TEST_F(ObserversTest, AreToldOfANetworkThatIsShuttingDownWhenTheyCome) {
    reader();
    world.shut_down(lab());
    add();
    EXPECT_THAT(take(), ElementsAre("registered broadcast", "create lab", "bound lablab broadcast",
                                    "shutdown lablab", "registered observer"));
    world.everybody_leaves();
    EXPECT_THAT(take(), ElementsAre("destroy lablab"));
}

TEST_F(ObserversTest, WhenTheyGoEveryNetworkEndsForThem) {
    add();
    core::Network& second = world.create("second");
    world.join(second, Role::reader);
    world.shut_down(second);
    take();
    EXPECT_EQ(remove("observer"), 0);
    EXPECT_THAT(take(), ElementsAre("shutdown lablab", "destroy lablab", "destroy secondsecond"));
    world.remove(lab());
    EXPECT_THAT(take(), IsEmpty());
}

TEST_F(ObserversTest, MayComeAgain) {
    add();
    remove("observer");
    take();
    add();
    EXPECT_THAT(take(), ElementsAre("registered broadcast", "create lab", "bound lablab broadcast",
                                    "registered observer"));
}

TEST_F(ObserversTest, AreToldOfEveryBinding) {
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    add();
    take();
    set("policy", "recording");
    EXPECT_THAT(take(), ElementsAre("bound lablab recording"));
    other.newnet_answer = -EACCES;
    set("policy", "broadcast");
    EXPECT_THAT(take(), ElementsAre("bound lablab broadcast"));
    set("policy", "recording");
    EXPECT_THAT(take(), IsEmpty()) << "it was refused";
}

TEST_F(ObserversTest, AreToldOfPoliciesThatComeAndGo) {
    add();
    take();
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    EXPECT_THAT(take(), ElementsAre("registered recording"));
    EXPECT_EQ(remove("recording"), 0);
    EXPECT_THAT(take(), ElementsAre("unregistered recording"));
}

TEST_F(ObserversTest, AreNotToldOfANetworkThatCouldNotBeMade) {
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    add();
    world.set_default("policy", "recording");
    take();
    other.newnet_answer = -EACCES;
    const AssumeLoop here;
    EXPECT_FALSE(world.registry.create("refused", {0755, 1, 1}));
    EXPECT_THAT(take(), IsEmpty());
    world.set_default("policy", "broadcast");
}

TEST_F(ObserversTest, SeeTheEndByForceBeforeAnybodyIsDisconnected) {
    add();
    take();
    TestEndpoint& node = reader();
    bool seen = false;
    node.on_state_changed = [&] { seen = !told.empty() && told.back() == "shutdown lablab"; };
    world.shut_down(lab());
    EXPECT_TRUE(seen);
    EXPECT_THAT(take(), ElementsAre("shutdown lablab"));
    world.everybody_leaves();
    EXPECT_THAT(take(), ElementsAre("destroy lablab"));
}

TEST_F(ObserversTest, NoNetworkIsBoundToOneThatOnlyWatches) {
    add();
    EXPECT_EQ(set("policy", "observer"), EINVAL);
    EXPECT_EQ(world.set_default("policy", "observer"), EINVAL);
    const auto unknown = policies().find_for_network("no-such");
    EXPECT_EQ(unknown.error().words.find("observer"), std::string::npos);
}

// ---- removing policies

TEST_F(ObserversTest, APolicyThatIsInUseIsNotRemoved) {
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    set("policy", "recording");
    EXPECT_EQ(remove("recording"), EADDRINUSE);
    set("policy", "broadcast");
    world.set_default("policy", "recording");
    EXPECT_EQ(remove("recording"), EADDRINUSE) << "the next network would be bound to it";
    world.set_default("policy", "broadcast");
    EXPECT_EQ(remove("recording"), 0);
    EXPECT_EQ(remove("recording"), ENOENT);
    EXPECT_EQ(set("policy", "recording"), EINVAL);
}

TEST_F(ObserversTest, APolicyOfANetworkThatShutsDownIsInUse) {
    EXPECT_TRUE(policies().add(&RecordingPolicy::table()));
    set("policy", "recording");
    reader();
    world.shut_down(lab());
    EXPECT_EQ(remove("recording"), EADDRINUSE);
    world.everybody_leaves();
    EXPECT_EQ(remove("recording"), 0);
}

TEST_F(ObserversTest, APolicyThatWasTakenOutCanBePutBack) {
    add();
    const AssumeLoop here;
    auto removed = policies().remove("observer");
    ASSERT_TRUE(removed);
    take();
    EXPECT_TRUE(policies().add(std::move(*removed)));
    EXPECT_THAT(take(), ElementsAre("registered broadcast", "create lab", "bound lablab broadcast",
                                    "registered observer"));
}

}  // namespace
}  // namespace ipn::test
