// `framed` and a policy that refuses packets, or makes others of them.
#include "frames.h"
#include "policy_test.h"

namespace ipn::test {
namespace {

class FramedPolicyTest : public PolicyProtoTest {
  protected:
    // Refuses packets that begin with 'x', and gives the others to everybody.
    void refuse_x(int code) {
        policy.handle = [this, code](ipn_port* from, ipn_msg* msg, int depth) {
            if (*policy.host.data(msg) == 'x') return -code;
            policy.host.send_all(policy.host.net(from), msg, depth);
            return 0;
        };
    }
    File framed(int flags) { return mount.open("lab/framed", flags); }
};

TEST_F(FramedPolicyTest, WhatComesBeforeAPacketThatIsRefusedIsSentAndCounted) {
    refuse_x(ESRCH);
    File to = framed(O_RDONLY), from = framed(O_WRONLY);
    EXPECT_EQ(from.write(frames({"one", "two", "xxx", "four"})), written(10));
    EXPECT_EQ(from.write(frames({"xxx", "four"})), error(ESRCH));
    EXPECT_EQ(from.write(frames({"four"})), written(6)) << "the stream goes on without it";
    EXPECT_EQ(to.read(), packet(frames({"one", "two", "four"})));
    EXPECT_EQ(mount.get(from.node, "sent"), "3");
}

TEST_F(FramedPolicyTest, APacketThatWasKeptAndIsRefusedStays) {
    refuse_x(EINVAL);
    File to = framed(O_RDONLY), from = framed(O_WRONLY);
    EXPECT_EQ(from.write(frame_header(2) + "x"), written(3));
    EXPECT_EQ(from.write("y"), error(EINVAL));
    refuse_x(0);
    EXPECT_EQ(from.write("y"), written(1));
    EXPECT_EQ(to.read(), error(EAGAIN)) << "it was not given to anybody";
}

TEST_F(FramedPolicyTest, APacketLongerThanItsLengthCanSayIsDroppedAndCounted) {
    set("mtu", "65535");
    policy.handle = [this](ipn_port* from, ipn_msg* msg, int depth) {
        ipn_msg* longer = policy.host.derive(from, msg, 0, 4);
        policy.host.send_all(policy.host.net(from), longer, depth);
        policy.host.put(longer);
        return 0;
    };
    File to = framed(O_RDONLY), port = reader(), from = writer();
    from.write(std::string(65535, 'a'));
    from.write(std::string(65531, 'b'));
    EXPECT_EQ(to.read(1 << 20).data.size(), 2U + 65535U);
    EXPECT_EQ(to.read(), error(EAGAIN));
    EXPECT_EQ(mount.get(to.node, "dropped"), "1");
    EXPECT_EQ(port.read(1 << 20).data.size(), 65539U);
}

}  // namespace
}  // namespace ipn::test
