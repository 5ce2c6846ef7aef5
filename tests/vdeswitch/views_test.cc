// What the views show, to the letter: scripts read them.
#include "switch_world.h"

namespace ipn::test {
namespace {

class ViewsTest : public SwitchTest {};

TEST_F(ViewsTest, OfASwitchThatNobodyUsesAreHeaders) {
    EXPECT_EQ(view("fdb"), "mac vlan port age_s flags\n");
    EXPECT_EQ(view("vlans"), "vlan port tagged|untagged state\n");
    EXPECT_EQ(view("ports"),
              "port state untagged tagged trunk isolated static cost edge stations\n");
}

TEST_F(ViewsTest, Fdb) {
    join(3);
    set_port(2, "static", "02:00:00:00:00:0f");
    send(1, tagged(control(7), kEverybody, mac(0xa)));
    world.advance(std::chrono::milliseconds(12'999));
    send(0, frame(kEverybody, mac(0xc)));
    send(0, frame(kEverybody, mac(0xb)));
    EXPECT_EQ(view("fdb"),
              "mac vlan port age_s flags\n"
              "02:00:00:00:00:0f any 2 0 static\n"
              "02:00:00:00:00:0b 0 0 0 learned\n"
              "02:00:00:00:00:0c 0 0 0 learned\n"
              "02:00:00:00:00:0a 7 1 12 learned\n");
    world.advance(std::chrono::seconds(288));
    EXPECT_EQ(view("fdb").find("0a 7 1"), std::string::npos) << "it is aged";
}

TEST_F(ViewsTest, Vlans) {
    join(2);
    set_port(0, "untagged", "20");
    set_port(0, "tagged", "10 20 30");
    world.reserve(lab(), 5);
    set_port(5, "untagged", "none");
    set_port(5, "tagged", "10");
    EXPECT_EQ(view("vlans"),
              "vlan port tagged|untagged state\n"
              "0 1 untagged forwarding\n"
              "10 0 tagged forwarding\n"
              "10 5 tagged disabled\n"
              "20 0 untagged forwarding\n"
              "30 0 tagged forwarding\n");
}

TEST_F(ViewsTest, Ports) {
    join(2);
    set_port(0, "untagged", "none");
    set_port(0, "tagged", "10 20-29");
    set_port(0, "static", "02:00:00:00:00:0f");
    send(1, frame(kEverybody, mac(0xa)));
    send(1, frame(kEverybody, mac(0xb)));
    world.reserve(lab(), 5);
    set_port(5, "isolated", "1");
    set_port(5, "cost", "7");
    set_port(5, "edge", "1");
    EXPECT_EQ(view("ports"),
              "port state untagged tagged trunk isolated static cost edge stations\n"
              "0 forwarding - 10,20-29 0 0 1 20000 auto 0\n"
              "1 forwarding 0 - 1 0 0 20000 auto 2\n"
              "5 disabled 0 - 1 1 0 7 1 0\n");
    set_net("trunk_default", "0");
    EXPECT_NE(view("ports").find("1 forwarding 0 - 0"), std::string::npos);
}

}  // namespace
}  // namespace ipn::test
