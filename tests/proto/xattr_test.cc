// Extended attributes on the wire: sizes, flags, and values that are no text.
#include <sys/xattr.h>

#include "proto_test.h"

namespace ipn::test {
namespace {

using namespace std::string_literals;

class XattrTest : public ProtoTest {
  protected:
    Answer size(std::uint32_t bytes) {
        fuse_getxattr_out out{};
        out.size = bytes;
        return packet(raw(out));
    }
};

TEST_F(XattrTest, AValueIsTextWithoutAnEnd) {
    EXPECT_EQ(call(ask::getxattr(lab_node(), "user.ipn.mtu")), packet("1514"));
}

TEST_F(XattrTest, AProbeGetsTheSize) {
    EXPECT_EQ(call(ask::getxattr(lab_node(), "user.ipn.mtu", 0)), size(4));
    const Answer names = call(ask::listxattr(lab_node()));
    EXPECT_EQ(call(ask::listxattr(lab_node(), 0)),
              size(static_cast<std::uint32_t>(names.data.size())));
}

TEST_F(XattrTest, ABufferThatIsTooSmallIsAnError) {
    EXPECT_EQ(call(ask::getxattr(lab_node(), "user.ipn.mtu", 3)), error(ERANGE));
    EXPECT_EQ(call(ask::getxattr(lab_node(), "user.ipn.mtu", 4)), packet("1514"));
    EXPECT_EQ(call(ask::listxattr(lab_node(), 10)), error(ERANGE));
}

TEST_F(XattrTest, AnEmptyValueIsAValue) {
    const File port = reader();
    EXPECT_EQ(call(ask::getxattr(port.node, "user.ipn.descr", 0)), size(0));
    EXPECT_EQ(call(ask::getxattr(port.node, "user.ipn.descr")), nothing());
}

TEST_F(XattrTest, TheListHasEveryOption) {
    const std::string names = call(ask::listxattr(lab_node())).data;
    for (const core::Option& option : core::options())
        EXPECT_NE(names.find("user.ipn." + std::string(option.name) + '\0'), names.npos)
            << option.name;
}

TEST_F(XattrTest, CreatingWhatExistsIsAnError) {
    EXPECT_EQ(call(ask::setxattr(lab_node(), "user.ipn.mtu", "900", XATTR_CREATE)), error(EEXIST));
    EXPECT_EQ(mount.get(lab_node(), "mtu"), "1514");
}

TEST_F(XattrTest, ReplacingWhatExistsIsTheSameAsSetting) {
    EXPECT_EQ(call(ask::setxattr(lab_node(), "user.ipn.mtu", "900", XATTR_REPLACE)), nothing());
    EXPECT_EQ(mount.get(lab_node(), "mtu"), "900");
}

TEST_F(XattrTest, UnknownNames) {
    for (const char* name : {"user.ipn.nonsense", "user.ipn.", "user.ipn", "user.mtu", "mtu", "",
                             "security.selinux", "system.posix_acl_access", "trusted.ipn.mtu"}) {
        EXPECT_EQ(call(ask::getxattr(lab_node(), name)), error(ENODATA)) << name;
        for (const int flags : {0, int{XATTR_CREATE}, int{XATTR_REPLACE}})
            EXPECT_EQ(call(ask::setxattr(lab_node(), name, "1", flags)), error(EOPNOTSUPP)) << name;
    }
}

TEST_F(XattrTest, ReadOnlyOnes) {
    for (const char* name : {"netid", "readers", "writers", "nodes"})
        EXPECT_EQ(mount.set(lab_node(), name, "1"), EPERM) << name;
    EXPECT_EQ(mount.set(lab_node(), "error", "1"), EPERM);
}

TEST_F(XattrTest, AValueWithANulInItIsNotThePartBeforeIt) {
    EXPECT_EQ(mount.set(lab_node(), "mtu", "900\0"s), EINVAL);
    EXPECT_EQ(mount.set(lab_node(), "mtu", "9\0000"s), EINVAL);
    EXPECT_EQ(mount.set(lab_node(), "policy", "broadcast\0"s), EINVAL);
    EXPECT_EQ(mount.set(reader().node, "descr", "a\0b"s), EINVAL);
    EXPECT_EQ(mount.get(lab_node(), "mtu"), "1514");
}

TEST_F(XattrTest, TheLargestValueThereIs) {
    const std::string large(65536, '9');
    for (const core::Option& option : core::options())
        EXPECT_EQ(mount.set(lab_node(), option.name, large), EINVAL) << option.name;
    EXPECT_LT(mount.get(lab_node(), "error").size(), 200U) << "the words stay short";
}

TEST_F(XattrTest, AnEmptyValueIsNoOptions) {
    for (const core::Option& option : core::options()) {
        const bool may_be_empty = option.name == core::kCaptureFilter;  // then all packets pass
        EXPECT_EQ(mount.set(lab_node(), option.name, ""), may_be_empty ? 0 : EINVAL) << option.name;
    }
}

TEST_F(XattrTest, RemovingRestoresTheDefault) {
    set("mtu", "900");
    EXPECT_EQ(call(ask::removexattr(lab_node(), "user.ipn.mtu")), nothing());
    EXPECT_EQ(mount.get(lab_node(), "mtu"), "1514");
    EXPECT_EQ(call(ask::removexattr(lab_node(), "user.ipn.nonsense")), error(ENODATA));
    EXPECT_EQ(call(ask::removexattr(lab_node(), "user.other")), error(ENODATA));
    EXPECT_EQ(call(ask::removexattr(lab_node(), "user.ipn.netid")), error(EPERM));
}

TEST_F(XattrTest, TheRootHasTheDefaultsOfNetworksMadeLater) {
    EXPECT_EQ(mount.set(ask::kRoot, "mtu", "900"), 0);
    EXPECT_EQ(mount.get(lab_node(), "mtu"), "1514");
    const auto made = call(ask::mkdir(ask::kRoot, "lan0")).as<fuse_entry_out>();
    EXPECT_EQ(mount.get(made.nodeid, "mtu"), "900");
}

TEST_F(XattrTest, WhatMayNotChangeWhileNodesAreConnected) {
    reader();
    EXPECT_EQ(mount.set(lab_node(), "mtu", "900"), EBUSY);
    EXPECT_EQ(mount.set(lab_node(), "short_read", "truncate"), 0);
}

TEST_F(XattrTest, AnOpenPortHasTheAttributesOfItsNode) {
    const File one = reader();
    const File two = writer();
    EXPECT_EQ(mount.set(one.node, "descr", "the first"), 0);
    EXPECT_EQ(mount.get(one.node, "descr"), "the first");
    EXPECT_EQ(mount.get(two.node, "descr"), "");
    EXPECT_EQ(mount.get(mount.node("lab/ports/0"), "descr"), "the first");
    EXPECT_EQ(mount.get(mount.node("lab/port"), "descr"), "<ENODATA>") << "nobody's";
}

TEST_F(XattrTest, ARoleIsOnlyNarrowed) {
    const File port = open(O_RDWR);
    EXPECT_EQ(mount.set(port.node, "role", "reader"), 0);
    EXPECT_EQ(mount.set(port.node, "role", "both"), EPERM);
    EXPECT_EQ(mount.set(port.node, "role", "sender"), EINVAL);
}

}  // namespace
}  // namespace ipn::test
