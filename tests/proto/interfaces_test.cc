// tap/: whose requests wait for the kernel, and how long an interface and its file stay.
#include "proto_test.h"

namespace ipn::test {
namespace {

class InterfacesTest : public ProtoTest {
  protected:
    FakeHost& host = mount.host;

    std::uint64_t directory() { return mount.node("lab/tap"); }
    Call start_touch(std::string_view name = "tap0", int flags = O_WRONLY) {
        return start(ask::create(directory(), name, flags | O_CREAT));
    }
    // The file, open.
    File touch(std::string_view name = "tap0", int flags = O_WRONLY) {
        const Answer made = call(ask::create(directory(), name, flags | O_CREAT));
        EXPECT_EQ(made.error, 0);
        const auto node = made.as<fuse_entry_out>().nodeid;
        return {kernel, node, made.as<fuse_open_out>(sizeof(fuse_entry_out)).fh};
    }
    // touch(1): made, and closed again.
    void make(std::string_view name = "tap0") { touch(name).close(); }
    int code(const Message& message) { return call(message).error; }
    std::string words() { return mount.get(directory(), "error"); }
    int persist(int value, std::string_view name = "tap0") {
        return mount.set(mount.node("lab/tap/" + std::string(name)), "persist",
                         std::to_string(value));
    }
    bool there(std::string_view name = "tap0") {
        return mount.exists("lab/tap/" + std::string(name));
    }
    std::string text() {
        File file = mount.open("lab/tap/tap0", O_RDONLY);
        const std::string read = file.read().data;
        file.close();
        return read;
    }
    void remove() { EXPECT_EQ(code(ask::unlink(directory(), "tap0")), 0); }
};

TEST_F(InterfacesTest, TouchIsAnsweredWhenTheInterfaceIsThere) {
    host.held = true;
    const Call touch = start_touch();
    EXPECT_EQ(outcome(touch), kWaiting);
    EXPECT_EQ(lab().nodes(), 0U);
    EXPECT_FALSE(there());
    host.held = false;
    EXPECT_EQ(outcome(touch)->error, 0);
    EXPECT_EQ(lab().nodes(), 1U);
    EXPECT_TRUE(there());
}

TEST_F(InterfacesTest, WhatTheHostIsAskedFor) {
    set("mtu", "9014");
    EXPECT_EQ(mount.set(directory(), "netns", "cellar"), 0);
    make("ipn%d");
    ASSERT_TRUE(host.wish);
    EXPECT_EQ(host.wish->name, "ipn%d");
    EXPECT_EQ(host.wish->netns, "cellar");
    EXPECT_EQ(host.wish->caller.pid, Caller{}.pid);
    EXPECT_EQ(host.wish->packet_bytes_max, 9014U);
    EXPECT_FALSE(host.wish->by_mode);
    EXPECT_TRUE(there("ipn5"));
    EXPECT_FALSE(there("ipn%d"));
}

TEST_F(InterfacesTest, ARefusalHasItsWords) {
    host.refusal = {EPERM, "no capability"};
    EXPECT_EQ(code(ask::create(directory(), "tap0", O_WRONLY | O_CREAT)), EPERM);
    EXPECT_EQ(words(), "no capability");
    host.refusal.reset();
    make();  // the name is free
}

TEST_F(InterfacesTest, ANameIsTakenWhileItIsBeingMade) {
    host.held = true;
    const Call first = start_touch();
    EXPECT_EQ(code(ask::create(directory(), "tap0", O_WRONLY | O_CREAT)), EEXIST);
    host.held = false;
    EXPECT_EQ(outcome(first)->error, 0);
}

TEST_F(InterfacesTest, IfTheNetworkGoesMeanwhileSoDoesTheInterface) {
    host.held = true;
    const Call touch = start_touch();
    EXPECT_EQ(code(ask::rmdir(ask::kRoot, "lab")), 0);
    host.held = false;
    EXPECT_EQ(outcome(touch), error(ENOENT));
    mount.serve();
    EXPECT_TRUE(host.exists.empty());
    EXPECT_EQ(host.closed, 1);
}

TEST_F(InterfacesTest, WhatCannotBeMadeToLastIsTakenBack) {
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(code(ask::create(directory(), "tap0", O_WRONLY | O_CREAT)), EIO);
    mount.serve();
    EXPECT_TRUE(host.exists.empty());
    EXPECT_FALSE(there());
}

TEST_F(InterfacesTest, NorIsARemovalThatCannotBeMadeToLast) {
    make();
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(code(ask::unlink(directory(), "tap0")), EIO);
    EXPECT_TRUE(there());
    EXPECT_EQ(lab().nodes(), 1U);
}

TEST_F(InterfacesTest, AReplugThatCannotBeMadeToLastIsTakenBack) {
    make();
    mount.world.create("other");
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(code(ask::rename(directory(), "tap0", mount.node("other/tap"), "tap0")), EIO);
    EXPECT_TRUE(there());
    EXPECT_EQ(lab().nodes(), 1U);
}

TEST_F(InterfacesTest, ReadingShowsTheStateOfTheMomentOfOpening) {
    File control = touch();
    File file = mount.open("lab/tap/tap0", O_RDONLY);
    control.close();
    const std::string read = file.read().data;
    EXPECT_EQ(read.substr(0, read.find("port:")),
              "name: tap0\nkind: tap\nstate: connected\nnetns: net:[1]\nifindex: 7\n"
              "mac: 02:00:00:00:00:07\nmtu: 1500\nlink: up\noffloads: \npersist: 1\n"
              "controlled: yes\n");
    EXPECT_NE(text().find("controlled: no\n"), std::string::npos);
}

TEST_F(InterfacesTest, ControlIsForOneAtATime) {
    File control = touch();
    EXPECT_EQ(code(ask::open(control.node, O_WRONLY)), EBUSY);
    EXPECT_EQ(code(ask::open(control.node, O_RDWR)), EBUSY);
    File reader = mount.open("lab/tap/tap0", O_RDONLY);
    reader.close();
    EXPECT_EQ(code(ask::open(control.node, O_WRONLY)), EBUSY) << "a reader had no control";
    control.close();
    EXPECT_EQ(code(ask::open(control.node, O_RDWR)), 0);
}

TEST_F(InterfacesTest, WhatIsMadeForReadingHasNobodyInControl) {
    File reader = touch("tap0", O_RDONLY);
    EXPECT_EQ(code(ask::open(reader.node, O_WRONLY)), 0);
}

TEST_F(InterfacesTest, RemovalIsAnsweredWhenTheKernelHasLetGo) {
    make();
    host.held = true;
    const Call removal = start(ask::unlink(directory(), "tap0"));
    EXPECT_EQ(outcome(removal), kWaiting);
    EXPECT_FALSE(there());
    EXPECT_EQ(lab().nodes(), 0U);
    host.held = false;
    EXPECT_EQ(outcome(removal)->error, 0);
    EXPECT_TRUE(host.exists.empty());
}

TEST_F(InterfacesTest, AnOpenFileOutlivesItsInterface) {
    File control = touch();
    remove();
    make();
    control.close();  // which is not that of the new one
    EXPECT_TRUE(there());
}

TEST_F(InterfacesTest, WithPersist0ItGoesWithItsController) {
    File control = touch();
    EXPECT_EQ(persist(0), 0);
    EXPECT_TRUE(there());
    control.close();
    mount.serve();
    EXPECT_FALSE(there());
    EXPECT_TRUE(host.exists.empty());
}

TEST_F(InterfacesTest, WithPersist0AndNobodyInControlItGoesAtOnce) {
    make();
    EXPECT_EQ(persist(0), 0);
    EXPECT_FALSE(there());
    EXPECT_TRUE(host.exists.empty());
}

TEST_F(InterfacesTest, WithPersist2TheKernelKeepsItButNotFromARemoval) {
    make();
    EXPECT_EQ(persist(2), 0);
    EXPECT_EQ(host.exists.at("tap0"), 2);
    EXPECT_EQ(persist(1), 0);
    EXPECT_EQ(host.exists.at("tap0"), 1);
    EXPECT_EQ(persist(2), 0);
    remove();
    EXPECT_TRUE(host.exists.empty());
}

TEST_F(InterfacesTest, WithPersist2ItSurvivesItsNetwork) {
    make();
    EXPECT_EQ(persist(2), 0);
    set("state", "down");
    mount.serve();
    EXPECT_TRUE(host.exists.contains("tap0"));
    EXPECT_EQ(host.closed, 1);
}

TEST_F(InterfacesTest, OnlyThreeValuesAreOnes) {
    make();
    const std::uint64_t node = mount.node("lab/tap/tap0");
    for (const char* value : {"", "3", "-1", "01", "yes"})
        EXPECT_EQ(mount.set(node, "persist", value), EINVAL) << value;
    EXPECT_EQ(mount.get(node, "persist"), "1");
}

TEST_F(InterfacesTest, TheFileOfOneThatVanishedStays) {
    make();
    host.vanish("tap0");
    EXPECT_EQ(lab().nodes(), 0U);
    EXPECT_NE(text().find("state: disconnected\nreason: the interface has gone\n"),
              std::string::npos);
    EXPECT_EQ(mount.get(mount.node("lab/tap/tap0"), "received"), "<ENODATA>");
    EXPECT_EQ(code(ask::rmdir(ask::kRoot, "lab")), EBUSY);
    remove();
    EXPECT_EQ(code(ask::rmdir(ask::kRoot, "lab")), 0);
}

TEST_F(InterfacesTest, WithPersist0TheFileGoesToo) {
    touch();
    EXPECT_EQ(persist(0), 0);
    host.vanish("tap0");
    mount.serve();
    EXPECT_FALSE(there());
}

TEST_F(InterfacesTest, AnEphemeralNetworkGoesWithItsLastInterface) {
    set("ephemeral", "1");
    make();
    host.vanish("tap0");
    mount.serve();
    EXPECT_FALSE(mount.exists("lab"));
    EXPECT_EQ(host.closed, 1);
}

TEST_F(InterfacesTest, WhoeverReplugsKeepsTheInode) {
    make();
    mount.world.create("other");
    const fuse_entry_out before = mount.look_up("lab/tap/tap0");
    EXPECT_EQ(code(ask::rename(directory(), "tap0", mount.node("other/tap"), "tap0")), 0);
    const fuse_entry_out after = mount.look_up("other/tap/tap0");
    EXPECT_EQ(before.nodeid, after.nodeid);
    EXPECT_EQ(before.attr.ino, after.attr.ino);
    EXPECT_EQ(lab().nodes(), 0U);
}

TEST_F(InterfacesTest, AFileOnlyMovesToWhereItsKindIs) {
    make();
    mount.world.create("other");
    for (const char* target : {"other", "other/grab", "other/ports", "lab/grab"})
        EXPECT_EQ(code(ask::rename(directory(), "tap0", mount.node(target), "tap0")), EPERM)
            << target;
    EXPECT_EQ(code(ask::rename(directory(), "tap0", mount.node("other/tap"), "tap1")), EPERM);
    EXPECT_EQ(code(ask::rename(directory(), "tap0", directory(), "tap0")), 0);
}

TEST_F(InterfacesTest, WithoutAPortFreeTheHostIsNotEvenAsked) {
    set("numnodes", "1");
    reader();
    EXPECT_EQ(code(ask::create(directory(), "tap0", O_WRONLY | O_CREAT)), EADDRNOTAVAIL);
    EXPECT_FALSE(host.wish);
}

}  // namespace
}  // namespace ipn::test
