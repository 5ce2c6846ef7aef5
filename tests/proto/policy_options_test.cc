// The options of policies as attributes, `user.ipn.POLICY.NAME`.
#include "policy_test.h"

namespace ipn::test {
namespace {

using testing::Contains;
using testing::IsSupersetOf;
using testing::Not;

constexpr std::uint32_t kOwner = 1000, kStranger = 2000;  // FakeKernel's caller owns what it makes

class PolicyOptionsProtoTest : public PolicyProtoTest {
  protected:
    std::uint64_t root() { return ask::kRoot; }
};

// ---- on a network

TEST_F(PolicyOptionsProtoTest, OfANetworkAreReadSetAndReset) {
    EXPECT_EQ(get("full.colour"), "red");
    EXPECT_EQ(set_code("full.colour", "blue"), 0);
    EXPECT_EQ(get("full.colour"), "blue");
    EXPECT_EQ(reset(lab_node(), "full.colour"), 0);
    EXPECT_EQ(get("full.colour"), "red");
}

TEST_F(PolicyOptionsProtoTest, ABadValueIsExplained) {
    EXPECT_EQ(set_code("full.colour", "loud"), EINVAL);
    EXPECT_EQ(words(lab_node()), "full.colour: a colour is red, green or blue");
    EXPECT_EQ(get("full.colour"), "red");
}

TEST_F(PolicyOptionsProtoTest, ReadOnlyOnesAreOnlyRead) {
    EXPECT_EQ(get("full.age"), "7");
    EXPECT_EQ(set_code("full.age", "8"), EPERM);
    EXPECT_EQ(reset(lab_node(), "full.age"), EPERM);
}

TEST_F(PolicyOptionsProtoTest, SomeAreBusyWhileSomebodyIsConnected) {
    reader();
    EXPECT_EQ(set_code("full.frozen", "1"), EBUSY);
    EXPECT_EQ(reset(lab_node(), "full.frozen"), EBUSY);
}

TEST_F(PolicyOptionsProtoTest, AreThereOnlyWhileThePolicyIsBound) {
    set("policy", "broadcast");
    EXPECT_EQ(get("full.colour"), "<ENODATA>");
    EXPECT_EQ(set_code("full.colour", "blue"), EOPNOTSUPP);
    EXPECT_EQ(reset(lab_node(), "full.colour"), ENODATA);
    EXPECT_THAT(list(lab_node()), Not(Contains("full.colour")));
}

TEST_F(PolicyOptionsProtoTest, UnknownOnes) {
    for (const std::string_view name :
         {"full.", "full.no_such", "full.label", ".colour", "no-such.colour", "full.colour.x"}) {
        EXPECT_EQ(get(name), "<ENODATA>") << name;
        EXPECT_EQ(set_code(name, "1"), EOPNOTSUPP) << name;
    }
}

TEST_F(PolicyOptionsProtoTest, ThoseThatCanBeSetAreListed) {
    const auto names = list(lab_node());
    EXPECT_THAT(names, IsSupersetOf({"policy", "full.colour", "full.frozen"}));
    EXPECT_THAT(names, Not(Contains("full.age")));
    EXPECT_THAT(names, Not(Contains("full.label")));
}

TEST_F(PolicyOptionsProtoTest, ACommitThatFailsUndoesThem) {
    set("full.colour", "green");
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(set_code("full.colour", "blue"), EIO);
    EXPECT_EQ(get("full.colour"), "green");
    EXPECT_EQ(reset(lab_node(), "full.colour"), EIO);
    EXPECT_EQ(get("full.colour"), "green");
}

TEST_F(PolicyOptionsProtoTest, ACommitThatFailsBringsThePolicyBackWithItsOptions) {
    set("full.colour", "green");
    set("mtu", "333");
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(set_code("policy", "broadcast"), EIO);
    EXPECT_EQ(get("policy"), "full");
    EXPECT_EQ(get("full.colour"), "green");
    EXPECT_EQ(get("mtu"), "333");
    EXPECT_EQ(get("lossless"), "1");
}

// ---- presets

TEST_F(PolicyOptionsProtoTest, ResettingAnOptionGoesBackToThePreset) {
    EXPECT_EQ(get("mtu"), "100");
    set("mtu", "500");
    EXPECT_EQ(reset(lab_node(), "mtu"), 0);
    EXPECT_EQ(get("mtu"), "100");
    set("policy", "broadcast");
    EXPECT_EQ(get("mtu"), "1514");
}

// setfattr --restore sets what getfattr -d has listed in the order of the names, `lossless` before
// `policy`.
TEST_F(PolicyOptionsProtoTest, AListIsRestoredAsItWas) {
    set("lossless", "0");
    set("full.colour", "blue");
    std::map<std::string, std::string> dump;
    for (const std::string& name : list(lab_node())) dump[name] = get(name);
    call(ask::mkdir(ask::kRoot, "new"));
    const std::uint64_t fresh = mount.node("new");
    int refused = 0;
    for (int pass = 0; pass < 2; ++pass) {  // a name before `policy` is there only when it was set
        refused = 0;
        for (const auto& [name, value] : dump) refused += mount.set(fresh, name, value) != 0;
    }
    EXPECT_EQ(refused, 0);
    for (const auto& [name, value] : dump) EXPECT_EQ(mount.get(fresh, name), value) << name;
    EXPECT_EQ(mount.get(fresh, "lossless"), "0");
}

// ---- on a port

TEST_F(PolicyOptionsProtoTest, OfAPortAreOnItsFileAndOnItsDescriptor) {
    const File port = reader();
    EXPECT_EQ(mount.set(port.node, "full.label", "mine"), 0);
    EXPECT_EQ(mount.get(port.node, "full.label"), "mine");
    EXPECT_EQ(mount.get(mount.node("lab/ports/0"), "full.label"), "mine");
    EXPECT_EQ(mount.get(port.node, "full.serial"), "0");
    EXPECT_EQ(mount.get(port.node, "full.colour"), "<ENODATA>") << "that is the network's";
    EXPECT_THAT(list(port.node), IsSupersetOf({"full.label", "full.rank", "full.serial"}));
    EXPECT_EQ(reset(port.node, "full.label"), 0);
    EXPECT_EQ(mount.get(port.node, "full.label"), "");
}

TEST_F(PolicyOptionsProtoTest, OfAReservedPortStay) {
    call(ask::mknod(ports_node(), "4"));
    EXPECT_EQ(mount.set(mount.node("lab/ports/4"), "full.label", "uplink"), 0);
    mount.open("lab/ports/4", O_RDWR).close();
    const std::uint64_t kept = mount.node("lab/ports/4");
    EXPECT_EQ(mount.get(kept, "full.label"), "uplink");
    EXPECT_THAT(list(kept), Contains("full.label"));
    EXPECT_THAT(list(kept), Not(Contains("full.serial"))) << "it cannot be restored";
}

TEST_F(PolicyOptionsProtoTest, OfAReservedPortComeBackIfItsRemovalFails) {
    call(ask::mknod(ports_node(), "4"));
    mount.set(mount.node("lab/ports/4"), "full.label", "uplink");
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(call(ask::unlink(ports_node(), "4")), error(EIO));
    EXPECT_EQ(mount.get(mount.node("lab/ports/4"), "full.label"), "uplink");
}

TEST_F(PolicyOptionsProtoTest, OfAPortThatIsGoneAreGone) {
    const File port = reader();
    call(ask::unlink(ports_node(), "0"));
    EXPECT_EQ(mount.get(port.node, "full.label"), "<ENODATA>");
    EXPECT_EQ(mount.set(port.node, "full.label", "x"), EOPNOTSUPP);
}

TEST_F(PolicyOptionsProtoTest, SomeOfAPortAreForThoseWhoMayWriteTheDirectory) {
    kernel.caller.uid = kernel.caller.gid = kStranger;
    const File port = reader();
    EXPECT_EQ(mount.set(port.node, "full.label", "mine"), 0);
    EXPECT_EQ(mount.set(port.node, "full.rank", "9"), EPERM);
    EXPECT_NE(words(port.node).find("directory"), std::string::npos);
    EXPECT_EQ(reset(port.node, "full.rank"), EPERM);
    kernel.caller.uid = kOwner;
    EXPECT_EQ(mount.set(port.node, "full.rank", "9"), 0);
    kernel.caller.uid = 0;
    EXPECT_EQ(mount.set(port.node, "full.rank", "8"), 0);
    kernel.caller.uid = kStranger;
    kernel.caller.gid = 1000;
    EXPECT_EQ(mount.set(port.node, "full.rank", "7"), EPERM) << "mode 0755";
    lab().directory.mode = 0775;
    EXPECT_EQ(mount.set(port.node, "full.rank", "7"), 0);
    kernel.caller.gid = kStranger;
    EXPECT_EQ(mount.set(port.node, "full.rank", "6"), EPERM);
    lab().directory.mode = 0757;
    EXPECT_EQ(mount.set(port.node, "full.rank", "6"), 0);
    EXPECT_EQ(mount.get(port.node, "full.rank"), "6");
}

// ---- on the root

TEST_F(PolicyOptionsProtoTest, OnTheRootAreThoseOfNetworksMadeLater) {
    EXPECT_EQ(mount.get(root(), "full.colour"), "red");
    EXPECT_EQ(mount.set(root(), "full.colour", "green"), 0);
    EXPECT_EQ(mount.get(root(), "full.colour"), "green");
    EXPECT_EQ(get("full.colour"), "red");
    mount.set(root(), "policy", "full");
    call(ask::mkdir(root(), "new"));
    EXPECT_EQ(mount.get(mount.node("new"), "full.colour"), "green");
    EXPECT_EQ(reset(lab_node(), "full.colour"), 0);
    EXPECT_EQ(get("full.colour"), "green") << "the default";
    EXPECT_EQ(reset(root(), "full.colour"), 0);
    EXPECT_EQ(mount.get(root(), "full.colour"), "red");
}

TEST_F(PolicyOptionsProtoTest, OnTheRootAreCheckedAtOnce) {
    EXPECT_EQ(mount.set(root(), "full.colour", "loud"), EINVAL);
    EXPECT_EQ(words(root()), "full.colour: a colour is red, green or blue");
    EXPECT_EQ(mount.get(root(), "full.age"), "<ENODATA>");
    EXPECT_EQ(mount.set(root(), "full.age", "1"), EOPNOTSUPP);
    EXPECT_EQ(mount.set(root(), "full.label", "1"), EOPNOTSUPP);
}

TEST_F(PolicyOptionsProtoTest, OnTheRootAreListedIfTheyMatter) {
    EXPECT_THAT(list(root()), Not(Contains("full.colour")));
    mount.set(root(), "full.colour", "green");
    EXPECT_THAT(list(root()), Contains("full.colour"));
    EXPECT_THAT(list(root()), Not(Contains("full.frozen")));
    mount.set(root(), "policy", "full");
    EXPECT_THAT(list(root()), Contains("full.frozen"));
}

TEST_F(PolicyOptionsProtoTest, OnTheRootAreUndone) {
    mount.set(root(), "full.colour", "green");
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(mount.set(root(), "full.colour", "blue"), EIO);
    EXPECT_EQ(mount.get(root(), "full.colour"), "green");
    EXPECT_EQ(reset(root(), "full.colour"), EIO);
    EXPECT_EQ(mount.get(root(), "full.colour"), "green");
}

}  // namespace
}  // namespace ipn::test
