// .ipnfs/policies/: policies are registered by links to their modules and taken out by removing
// these.
#include <sys/stat.h>

#include "policy_test.h"

namespace ipn::test {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kDaemon = 0, kStranger = 1000;

class PoliciesDirectoryTest : public ProtoTest {
  protected:
    PoliciesDirectoryTest() {
        kernel.caller = {kDaemon, kDaemon, 1};
        mount.loader.modules = {
            {"/x/recording.so",
             [](const ipn_host*) -> const ipn_policy* { return &RecordingPolicy::table(); }},
            {"/x/nothing.so", [](const ipn_host*) -> const ipn_policy* { return nullptr; }},
            {"/x/sorry.so",
             [](const ipn_host* host) -> const ipn_policy* {
                 host->explain("there is no licence file");
                 return nullptr;
             }},
            {"/x/wrong.so", [](const ipn_host*) -> const ipn_policy* { return &kWrong; }},
        };
    }
    void TearDown() override {
        ProtoTest::TearDown();
        mount.set(ask::kRoot, "policy", "broadcast");
        core::Registry& registry = mount.world.registry;
        while (!registry.by_name().empty()) mount.world.remove(*registry.by_name().begin()->second);
    }

    std::uint64_t directory() { return mount.node(".ipnfs/policies"); }
    Message link(std::string_view name, std::string_view target) {
        return ask::symlink(directory(), name, target);
    }
    Answer add() { return call(link("recording", "/x/recording.so")); }
    Answer remove(std::string_view name = "recording") {
        return call(ask::unlink(directory(), name));
    }
    bool registered(std::string_view name = "recording") {
        return mount.exists(".ipnfs/policies/" + std::string(name));
    }
    std::string target(std::string_view name) {
        return call(ask::readlink(mount.node(".ipnfs/policies/" + std::string(name)))).data;
    }
    std::string words() { return mount.get(directory(), "error"); }

    static constexpr ipn_policy kWrong{.struct_size = sizeof(ipn_policy), .api = 99};

    RecordingPolicy policy{core::policy_host()};
};

// ---- registering

TEST_F(PoliciesDirectoryTest, ALinkRegistersAPolicy) {
    EXPECT_EQ(mount.set(lab_node(), "policy", "recording"), EINVAL);
    const Answer made = add();
    EXPECT_EQ(made.error, 0);
    EXPECT_EQ(made.as<fuse_entry_out>().attr.mode & S_IFMT, static_cast<unsigned>(S_IFLNK));
    EXPECT_EQ(target("recording"), "/x/recording.so");
    EXPECT_EQ(mount.set(lab_node(), "policy", "recording"), 0);
    EXPECT_EQ(policy.take_calls(), std::vector<std::string>{"newnet"});
}

TEST_F(PoliciesDirectoryTest, TheCallerIsAnsweredWhenItIsLoaded) {
    mount.background.held = true;
    const Call adding = start(link("recording", "/x/recording.so"));
    EXPECT_EQ(outcome(adding), kWaiting);
    EXPECT_FALSE(registered());
    EXPECT_EQ(mount.get(lab_node(), "policy"), "broadcast") << "everything else goes on";
    mount.background.held = false;
    EXPECT_EQ(outcome(adding)->error, 0);
    EXPECT_TRUE(registered());
}

TEST_F(PoliciesDirectoryTest, OfTwoThatComeTogetherOneIsTooLate) {
    mount.background.held = true;
    const Call one = start(link("recording", "/x/recording.so"));
    const Call two = start(link("recording", "/x/recording.so"));
    mount.background.held = false;
    EXPECT_EQ(outcome(one)->error, 0);
    EXPECT_EQ(outcome(two), error(EEXIST));
    EXPECT_EQ(mount.loader.loaded, 1);
}

TEST_F(PoliciesDirectoryTest, ANameIsTakenOnce) {
    add();
    EXPECT_EQ(add(), error(EEXIST));
    EXPECT_EQ(call(link("broadcast", "/x/recording.so")), error(EEXIST));
}

TEST_F(PoliciesDirectoryTest, TheLinksNameIsThePolicys) {
    EXPECT_EQ(call(link("other", "/x/recording.so")), error(EINVAL));
    EXPECT_THAT(words(), HasSubstr("is policy 'recording'"));
    EXPECT_EQ(mount.loader.loaded, 0);
    EXPECT_FALSE(registered());
}

TEST_F(PoliciesDirectoryTest, WhatCannotBeLoadedIsNotRegistered) {
    EXPECT_EQ(call(link("missing", "/x/missing.so")), error(ENOENT));
    EXPECT_THAT(words(), HasSubstr("/x/missing.so"));
    EXPECT_FALSE(registered("missing"));
}

TEST_F(PoliciesDirectoryTest, AModuleMaySayThatItCannotWorkHere) {
    EXPECT_EQ(call(link("nothing", "/x/nothing.so")), error(EPROTO));
    EXPECT_EQ(words(), "/x/nothing.so: the module says that it cannot work here");
    EXPECT_EQ(call(link("sorry", "/x/sorry.so")), error(EPROTO));
    EXPECT_EQ(words(), "/x/sorry.so: there is no licence file");
    EXPECT_EQ(mount.loader.loaded, 0);
}

TEST_F(PoliciesDirectoryTest, AModuleOfAnotherApiIsRefused) {
    EXPECT_EQ(call(link("wrong", "/x/wrong.so")), error(EPROTO));
    EXPECT_EQ(mount.loader.loaded, 0);
}

TEST_F(PoliciesDirectoryTest, OnlyTheDaemonsUserRegisters) {
    kernel.caller = {kStranger, kStranger, 1};
    EXPECT_EQ(add(), error(EPERM));
    EXPECT_THAT(words(), HasSubstr("only the user that the daemon runs as"));
    kernel.caller.uid = kDaemon;
    add();
    kernel.caller.uid = kStranger;
    EXPECT_EQ(remove(), error(EPERM));
    EXPECT_TRUE(registered());
}

TEST_F(PoliciesDirectoryTest, IsUndoneIfItCannotBeSaved) {
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(add(), error(EIO));
    EXPECT_FALSE(registered());
    EXPECT_EQ(mount.loader.loaded, 0);
    EXPECT_EQ(words(), "the disk is full");
}

TEST_F(PoliciesDirectoryTest, LinksElsewhereAreNotMade) {
    EXPECT_EQ(call(ask::symlink(ask::kRoot, "recording", "/x/recording.so")), error(EPERM));
    EXPECT_EQ(call(ask::symlink(lab_node(), "recording", "/x/recording.so")), error(EPERM));
}

// ---- removing

TEST_F(PoliciesDirectoryTest, RemovingALinkTakesThePolicyOut) {
    add();
    EXPECT_EQ(mount.loader.loaded, 1);
    EXPECT_EQ(remove(), nothing());
    EXPECT_FALSE(registered());
    EXPECT_EQ(mount.loader.loaded, 0);
    EXPECT_EQ(mount.set(lab_node(), "policy", "recording"), EINVAL);
    EXPECT_EQ(add().error, 0) << "and again";
    EXPECT_EQ(mount.set(lab_node(), "policy", "recording"), 0);
}

TEST_F(PoliciesDirectoryTest, APolicyInUseStays) {
    add();
    mount.set(lab_node(), "policy", "recording");
    EXPECT_EQ(remove(), error(EADDRINUSE));
    EXPECT_EQ(words(), "networks that are bound to this policy: 1");
    mount.set(lab_node(), "policy", "broadcast");
    mount.set(ask::kRoot, "policy", "recording");
    EXPECT_EQ(remove(), error(EADDRINUSE));
    EXPECT_EQ(mount.loader.loaded, 1);
}

TEST_F(PoliciesDirectoryTest, WhatIsBuiltInStays) {
    EXPECT_EQ(remove("broadcast"), error(EPERM));
    EXPECT_EQ(remove("no-such"), error(ENOENT));
}

TEST_F(PoliciesDirectoryTest, ARemovalThatCannotBeSavedIsUndone) {
    add();
    const std::uint64_t node = mount.node(".ipnfs/policies/recording");
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(remove(), error(EIO));
    EXPECT_EQ(mount.node(".ipnfs/policies/recording"), node) << "the same one";
    EXPECT_EQ(mount.loader.loaded, 1);
}

TEST_F(PoliciesDirectoryTest, ARemovedPolicyIsUnloadedWhenThatIsSafe) {
    add();
    mount.commit.hold();
    const Call removing = start(ask::unlink(directory(), "recording"));
    EXPECT_EQ(outcome(removing), kWaiting);
    EXPECT_EQ(mount.loader.loaded, 1);
    mount.commit.release();
    EXPECT_EQ(outcome(removing), nothing());
    EXPECT_EQ(mount.loader.loaded, 0);
}

TEST_F(PoliciesDirectoryTest, ANodeOfAPolicyThatIsGoneIsGone) {
    add();
    const std::uint64_t node = mount.node(".ipnfs/policies/recording");
    remove();
    EXPECT_EQ(call(ask::readlink(node)).error, EINVAL);
    EXPECT_EQ(call(ask::getattr(node)), error(ENOENT));
    add();
    EXPECT_NE(mount.node(".ipnfs/policies/recording"), node);
}

// ---- as a directory

TEST_F(PoliciesDirectoryTest, ListsLinks) {
    add();
    const Answer opened = call(ask::opendir(directory()));
    const std::string entries =
        call(ask::readdir(directory(), opened.as<fuse_open_out>().fh, 0, 4096)).data;
    EXPECT_THAT(entries, HasSubstr("broadcast"));
    EXPECT_THAT(entries, HasSubstr("recording"));
}

TEST_F(PoliciesDirectoryTest, NothingElseIsMadeOrMovedInIt) {
    add();
    EXPECT_EQ(call(ask::mkdir(directory(), "d")), error(EPERM));
    EXPECT_EQ(call(ask::mknod(directory(), "f")), error(EPERM));
    EXPECT_EQ(call(ask::create(directory(), "f", O_WRONLY)), error(EPERM));
    EXPECT_EQ(call(ask::rename(directory(), "recording", directory(), "other")), error(EPERM));
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, ".ipnfs")), error(EPERM));
    const std::uint64_t node = mount.node(".ipnfs/policies/recording");
    EXPECT_EQ(call(ask::chown(node, 5, 5)), error(EPERM));
    EXPECT_EQ(call(ask::open(node, O_RDONLY)).error, ENOENT);
    EXPECT_EQ(call(ask::readlink(directory())), error(EINVAL));
}

}  // namespace
}  // namespace ipn::test
