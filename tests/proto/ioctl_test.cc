// ioctl(2): a node's own attributes, for whoever has it open.
#include "ipn/ipn.h"
#include "proto_test.h"

namespace ipn::test {
namespace {

class IoctlTest : public ProtoTest {
  protected:
    static std::string attribute(std::string_view name, std::string_view value = "") {
        ipn_attr attribute{};
        name.copy(attribute.name, sizeof attribute.name);
        value.copy(attribute.value, sizeof attribute.value);
        attribute.size = static_cast<std::uint32_t>(value.size());
        return raw(attribute);
    }
    Answer ioctl(const File& file, unsigned command, std::string_view in,
                 std::uint32_t out_size = 0) {
        return call(ask::ioctl(file.node, file.handle, command, in, out_size));
    }
    Answer get(const File& file, std::string_view name) {
        return ioctl(file, IPN_IOC_GETATTR, attribute(name), sizeof(ipn_attr));
    }
    static std::string value(const Answer& answer) {
        const auto attribute = answer.as<ipn_attr>(sizeof(fuse_ioctl_out));
        return {attribute.value, attribute.size};
    }
};

TEST_F(IoctlTest, AnAttributeIsSetAndRead) {
    const File port = reader();
    EXPECT_EQ(ioctl(port, IPN_IOC_SETATTR, attribute("descr", "mine")).error, 0);
    EXPECT_EQ(value(get(port, "descr")), "mine");
    EXPECT_EQ(value(get(port, "user.ipn.descr")), "mine");
    EXPECT_EQ(value(get(port, "number")), "0");
}

// Opening /proc/self/fd/N makes a second open through the same inode.
TEST_F(IoctlTest, ADescriptorReachesItsOwnNode) {
    const File one = reader();
    const File two(kernel, one.node, call(ask::open(one.node, O_RDONLY)).as<fuse_open_out>().fh);
    EXPECT_EQ(value(get(one, "number")), "0");
    EXPECT_EQ(value(get(two, "number")), "1");
}

TEST_F(IoctlTest, ADescriptorReachesItsNodeWhateverInodeIsNamed) {
    const File port = reader();
    const Message set =
        ask::ioctl(12345, port.handle, IPN_IOC_SETATTR, attribute("descr", "mine"), 0);
    EXPECT_EQ(call(set).error, 0);
    EXPECT_EQ(value(get(port, "descr")), "mine");
}

TEST_F(IoctlTest, TheErrorsAreThoseOfAttributes) {
    const File port = reader();
    EXPECT_EQ(get(port, "nonsense"), error(ENODATA));
    EXPECT_EQ(ioctl(port, IPN_IOC_SETATTR, attribute("nonsense", "1")), error(EOPNOTSUPP));
    EXPECT_EQ(ioctl(port, IPN_IOC_SETATTR, attribute("number", "1")), error(EPERM));
    EXPECT_EQ(ioctl(port, IPN_IOC_SETATTR, attribute("role", "none of it")), error(EINVAL));
}

TEST_F(IoctlTest, OptionsOfTheNetworkAreReadAndNotSet) {
    const File port = reader();
    EXPECT_EQ(value(get(port, "mtu")), "1514");
    EXPECT_EQ(value(get(port, "user.ipn.readers")), "1");
    EXPECT_EQ(ioctl(port, IPN_IOC_SETATTR, attribute("eof", "last-writer")), error(EOPNOTSUPP));
    EXPECT_EQ(value(get(port, "eof")), "never");
}

TEST_F(IoctlTest, TheWordsBehindTheCallersLastError) {
    const File port = open(O_RDWR);
    EXPECT_EQ(get(port, "error"), error(ENODATA));
    EXPECT_EQ(get(port, "error"), error(ENODATA)) << "that was none";
    EXPECT_EQ(ioctl(port, IPN_IOC_SETATTR, attribute("role", "none of it")), error(EINVAL));
    EXPECT_EQ(value(get(port, "error")), "a role is reader, writer, both or none");
    kernel.caller.uid = 1001;
    EXPECT_EQ(get(port, "error"), error(ENODATA)) << "that is somebody else's";
}

TEST_F(IoctlTest, WrongSizes) {
    const File port = reader();
    const std::string right = attribute("descr");
    for (const std::string& in : {std::string(), right.substr(1), right + "x"}) {
        EXPECT_EQ(ioctl(port, IPN_IOC_GETATTR, in, sizeof(ipn_attr)), error(EINVAL));
        EXPECT_EQ(ioctl(port, IPN_IOC_SETATTR, in), error(EINVAL));
    }
    EXPECT_EQ(ioctl(port, IPN_IOC_GETATTR, right, sizeof(ipn_attr) - 1), error(EINVAL));
}

TEST_F(IoctlTest, AValueLargerThanItCanBe) {
    const File port = reader();
    ipn_attr lies{};
    std::string_view("descr").copy(lies.name, sizeof lies.name);
    for (const std::uint32_t size : {257U, 4096U, UINT32_MAX}) {
        lies.size = size;
        EXPECT_EQ(ioctl(port, IPN_IOC_SETATTR, raw(lies)), error(EINVAL));
    }
}

TEST_F(IoctlTest, ANameWithoutAnEnd) {
    const File port = reader();
    EXPECT_EQ(get(port, std::string(64, 'x')), error(ENODATA));
}

TEST_F(IoctlTest, OtherCommandsAndOtherFiles) {
    constexpr unsigned kTcgets = 0x5401;
    const File port = reader();
    EXPECT_EQ(ioctl(port, kTcgets, "", 60), error(ENOTTY));
    for (const std::uint64_t not_open : {std::uint64_t{0}, port.handle + 1, UINT64_MAX}) {
        EXPECT_EQ(call(ask::ioctl(port.node, not_open, IPN_IOC_GETATTR, attribute("descr"), 328)),
                  error(ENOTTY));
    }
}

}  // namespace
}  // namespace ipn::test
