// 802.1Q: who gets what in which form.
#include "ethernet_frames.h"
#include "switch_world.h"

namespace ipn::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr std::uint32_t kAnne = 0xa, kBob = 0xb;
using Got = std::map<std::size_t, std::vector<std::string>>;

// Ports 0 and 1 are in VLAN 10, 2 in 20, 3 is a trunk of both, 4 as at first, 5 is 10 and
// tagged 20.
class VlanTest : public SwitchTest {
  protected:
    VlanTest() {
        join(6);
        set_port(0, "untagged", "10");
        set_port(1, "untagged", "10");
        set_port(2, "untagged", "20");
        set_port(3, "untagged", "none");
        set_port(3, "tagged", "10 20");
        set_port(5, "untagged", "10");
        set_port(5, "tagged", "20");
    }
    Got deliver(std::size_t from, const std::string& bytes) {
        received();
        EXPECT_EQ(send(from, bytes), Send::done);
        return received();
    }
    const std::string plain = frame(kEverybody, mac(kAnne));
    const std::string in_10 = tagged(control(10), kEverybody, mac(kAnne));
    const std::string in_20 = tagged(control(20), kEverybody, mac(kAnne));
};

TEST_F(VlanTest, UntaggedIsTaggedWhereThatIsWanted) {
    EXPECT_EQ(deliver(0, plain), (Got{{1, {plain}}, {3, {in_10}}, {5, {plain}}}));
    EXPECT_EQ(deliver(2, plain), (Got{{3, {in_20}}, {5, {in_20}}}));
}

TEST_F(VlanTest, TaggedIsUntaggedWhereThatIsWanted) {
    EXPECT_EQ(deliver(3, in_10), (Got{{0, {plain}}, {1, {plain}}, {5, {plain}}}));
    EXPECT_EQ(deliver(3, in_20), (Got{{2, {plain}}, {5, {in_20}}}));
    EXPECT_EQ(deliver(5, in_20), (Got{{2, {plain}}, {3, {in_20}}}));
}

TEST_F(VlanTest, AKnownStationGetsItInItsForm) {
    const std::string to_bob = frame(mac(kBob), mac(kAnne));
    const std::string to_bob_in_10 = tagged(control(10), mac(kBob), mac(kAnne));
    deliver(3, tagged(control(10), kEverybody, mac(kBob)));
    EXPECT_EQ(deliver(0, to_bob), (Got{{3, {to_bob_in_10}}}));
    deliver(0, frame(kEverybody, mac(kAnne)));
    const std::string to_anne = tagged(control(10), mac(kAnne), mac(kBob));
    EXPECT_EQ(deliver(3, to_anne), (Got{{0, {frame(mac(kAnne), mac(kBob))}}}));
}

TEST_F(VlanTest, StationsAreLearnedPerVlan) {
    deliver(0, frame(kEverybody, mac(kBob)));
    deliver(2, frame(kEverybody, mac(kBob)));
    EXPECT_EQ(stat("learned"), 2U);
    EXPECT_EQ(deliver(3, tagged(control(20), mac(kBob), mac(kAnne))),
              (Got{{2, {frame(mac(kBob), mac(kAnne))}}}));
    EXPECT_EQ(deliver(3, tagged(control(10), mac(kBob), mac(kAnne))),
              (Got{{0, {frame(mac(kBob), mac(kAnne))}}}));
}

TEST_F(VlanTest, AFrameOfAVlanThatThePortIsNotInIsDropped) {
    EXPECT_THAT(deliver(0, in_20), IsEmpty());
    EXPECT_THAT(deliver(3, plain), IsEmpty()) << "it takes nothing untagged";
    EXPECT_THAT(deliver(3, tagged(control(30), kEverybody, mac(kAnne))), IsEmpty());
    EXPECT_EQ(stat("filtered"), 3U);
    EXPECT_EQ(stat("learned"), 0U) << "nor is anything learned from it";
}

TEST_F(VlanTest, TheUntaggedVlanIsTakenWithItsTagToo) {
    EXPECT_EQ(deliver(0, in_10), (Got{{1, {plain}}, {3, {in_10}}, {5, {plain}}}));
}

TEST_F(VlanTest, UntaggedWinsWhereBothAreSet) {
    set_port(1, "tagged", "10 30");
    EXPECT_EQ(deliver(0, plain)[1], std::vector{plain});
}

TEST_F(VlanTest, PriorityIsKept) {
    const auto content = control(10, 5, true);
    const std::string urgent = tagged(content, kEverybody, mac(kAnne));
    set_port(4, "tagged", "10");
    EXPECT_EQ(deliver(3, urgent)[4], std::vector{urgent});
    // A tag of VLAN 0 tells a priority: it is of the port's untagged VLAN.
    const std::string priority_only = tagged(control(0, 5, true), kEverybody, mac(kAnne));
    EXPECT_EQ(deliver(0, priority_only),
              (Got{{1, {priority_only}}, {3, {urgent}}, {4, {urgent}}, {5, {priority_only}}}));
    EXPECT_EQ(deliver(4, priority_only), Got()) << "nobody else is in VLAN 0";
    EXPECT_THAT(deliver(3, priority_only), IsEmpty()) << "it takes nothing untagged";
}

TEST_F(VlanTest, TheReservedNumberIsNoVlan) {
    EXPECT_THAT(deliver(4, tagged(control(4095), kEverybody, mac(kAnne))), IsEmpty());
}

TEST_F(VlanTest, TheSecondOfTwoTagsIsPayload) {
    const std::string twice =
        tagged(control(10), kEverybody, mac(kAnne), "x").replace(16, 2, "\x81" + std::string(1, 0));
    std::string once = twice;
    once.erase(12, 4);
    EXPECT_EQ(deliver(3, twice)[0], std::vector{once});
}

TEST_F(VlanTest, TheOtherFormIsMadeOnce) {
    set_port(4, "untagged", "10");
    const std::uint32_t before = lab().backlog();
    received();
    EXPECT_EQ(send(3, in_10), Send::done);
    EXPECT_EQ(lab().backlog() - before, 1U) << "four ports wait for the same packet";
    received();
}

// ---- VLANs that are configured at no port

TEST_F(VlanTest, ATrunkByDefaultPassesWhatIsConfiguredNowhere) {
    TestEndpoint& other = both();
    ports.push_back(&other);
    const std::string in_30 = tagged(control(30), kEverybody, mac(kAnne));
    EXPECT_EQ(deliver(4, in_30), (Got{{6, {in_30}}}));
    EXPECT_THAT(deliver(4, in_10), IsEmpty()) << "it is the others'";
    EXPECT_EQ(deliver(4, plain), (Got{{6, {plain}}}));
    set_port(2, "tagged", "30");
    EXPECT_THAT(deliver(4, in_30), IsEmpty());
    set_port(2, "tagged", "");
    EXPECT_EQ(deliver(4, in_30), (Got{{6, {in_30}}}));
}

TEST_F(VlanTest, PortsThatNameTheirVlansAreInNoOther) {
    const std::string in_30 = tagged(control(30), kEverybody, mac(kAnne));
    EXPECT_THAT(deliver(0, in_30), IsEmpty()) << "else who shall be apart could meet there";
    EXPECT_THAT(deliver(3, in_30), IsEmpty());
}

TEST_F(VlanTest, WithoutTrunkDefaultTheyAreDropped) {
    ports.push_back(&both());
    EXPECT_EQ(set_net("trunk_default", "0"), 0);
    EXPECT_THAT(deliver(4, tagged(control(30), kEverybody, mac(kAnne))), IsEmpty());
    EXPECT_EQ(deliver(4, plain), (Got{{6, {plain}}}));
}

TEST_F(VlanTest, AReservedPortsVlanIsConfigured) {
    ports.push_back(&both());
    const std::string in_30 = tagged(control(30), kEverybody, mac(kAnne));
    world.reserve(lab(), 9);
    set_port(9, "untagged", "30");
    EXPECT_THAT(deliver(4, in_30), IsEmpty());
    world.unreserve(lab(), 9);
    EXPECT_EQ(deliver(4, in_30), (Got{{6, {in_30}}}));
}

// ---- changes

TEST_F(VlanTest, StationsOfAPortAreForgottenWhenItsVlansChange) {
    deliver(0, frame(kEverybody, mac(kAnne)));
    EXPECT_EQ(stat("stations"), 1U);
    set_port(0, "untagged", "20");
    EXPECT_EQ(stat("stations"), 0U);
    EXPECT_EQ(stat("flushed"), 1U);
}

TEST_F(VlanTest, AStaticAddressCountsInItsPortsVlans) {
    set_port(1, "static", "02:00:00:00:00:0b");
    const std::string to_bob = frame(mac(kBob), mac(kAnne));
    EXPECT_EQ(deliver(0, to_bob), (Got{{1, {to_bob}}}));
    const std::string elsewhere = tagged(control(20), mac(kBob), mac(kAnne));
    EXPECT_EQ(deliver(2, to_bob), (Got{{3, {elsewhere}}, {5, {elsewhere}}}));
}

// ---- packets with offloads

TEST_F(VlanTest, ASegmentToBeCutKeepsItsOffsetsRight) {
    Frame tcp;
    tcp.payload = pattern(3000);
    const std::string whole = tcp.build_partial();
    const auto send_large = [&](std::size_t port, const std::string& bytes,
                                const core::Offload::Wire& header) {
        const core::AssumeLoop here;
        core::Node& node = ports[port]->node();
        auto packet = world.registry.packets().allocate(static_cast<std::uint32_t>(bytes.size()),
                                                        node.account());
        std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), packet->data());
        const auto offload =
            core::Offload::from_wire(header, std::span(packet->data(), bytes.size()));
        ASSERT_TRUE(offload);
        packet->offload = *offload;
        ASSERT_EQ(lab().send(node, packet).outcome, Send::done);
    };
    received();
    send_large(0, whole, tcp.wire(1000));
    Frame in_vlan = tcp;
    in_vlan.tags = {{0x8100, 10}};
    const Got got = received();
    EXPECT_EQ(got.at(1), tcp.segments(1000));
    EXPECT_EQ(got.at(3), in_vlan.segments(1000));

    send_large(3, in_vlan.build_partial(), in_vlan.wire(1000));
    EXPECT_EQ(received().at(0), tcp.segments(1000));
}

}  // namespace
}  // namespace ipn::test
