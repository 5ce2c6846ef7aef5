// Errors that a policy makes up: no program ever sees one of 512 or more, which would hang it for
// ever.
#include "ipn/policy.h"
#include "proto_test.h"

namespace ipn::test {
namespace {

int refusal = 0;

constexpr ipn_policy kRefusing{
    .struct_size = sizeof(ipn_policy),
    .api = IPN_POLICY_API,
    .name = "refusing",
    .description = "refuses every packet and port with any error",
    .newnet = nullptr,
    .delnet = nullptr,
    .resizenet = nullptr,
    .newport = [](ipn_port*, std::uint32_t) { return refusal; },
    .postnewport = nullptr,
    .predelport = nullptr,
    .delport = nullptr,
    .handlemsg = [](ipn_port*, ipn_msg*, int) { return refusal; },
};

class PolicyErrorsTest : public ProtoTest {
  protected:
    PolicyErrorsTest() {
        const auto added = mount.world.registry.policies().add(&kRefusing);
        IPN_CHECK(added);
        set("policy", "refusing");
        refusal = 0;
    }
};

TEST_F(PolicyErrorsTest, OfAPacketAreTheWriters) {
    File from = writer();
    refusal = -ESRCH;
    EXPECT_EQ(from.write("hello"), error(ESRCH));
    refusal = -511;
    EXPECT_EQ(from.write("hello").error, 511);
}

TEST_F(PolicyErrorsTest, OfAPacketThatNoProgramCanGetAreEproto) {
    File from = writer();
    for (const int code : {512, 513, 600, 4095, 1 << 20, INT32_MAX}) {
        refusal = -code;
        EXPECT_EQ(from.write("hello"), error(EPROTO)) << code;
    }
}

TEST_F(PolicyErrorsTest, ThatAreNoneAreEproto) {
    File from = writer();
    for (const int code : {1, 5, 600, INT32_MAX, INT32_MIN}) {
        refusal = code;
        EXPECT_EQ(from.write("hello"), error(EPROTO)) << code;
    }
}

TEST_F(PolicyErrorsTest, OfAPortThatNoProgramCanGetAreEproto) {
    const std::uint64_t node = mount.node("lab/port");
    refusal = -EADDRNOTAVAIL;
    EXPECT_EQ(call(ask::open(node, O_RDWR)), error(EADDRNOTAVAIL));
    for (const int code : {512, 600, INT32_MAX}) {
        refusal = -code;
        EXPECT_EQ(call(ask::open(node, O_RDWR)), error(EPROTO)) << code;
    }
}

TEST_F(PolicyErrorsTest, ACreationThatThePolicyRefusesReservesNothing) {
    refusal = -EADDRNOTAVAIL;
    EXPECT_EQ(call(ask::create(ports_node(), "5", O_RDWR)), error(EADDRNOTAVAIL));
    EXPECT_FALSE(mount.exists("lab/ports/5"));
}

}  // namespace
}  // namespace ipn::test
