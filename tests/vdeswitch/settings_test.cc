// Options: what is taken, how it is shown, and that everything else is refused with words.
#include "settings.h"

#include <gtest/gtest.h>

#include "switch_world.h"

namespace ipn::test {
namespace {

struct Case {
    const char* option;
    std::vector<std::pair<const char*, const char*>> taken;  // and how it is shown
    std::vector<const char*> refused;
};

const std::vector<Case>& of_networks() {
    static const std::vector<Case> kCases{
        {"ageing_s", {{"1", "1"}, {"1000000", "1000000"}}, {"0", "1000001", "", "01", "+5", "5 "}},
        {"table_size", {{"1", "1"}, {"1048576", "1048576"}}, {"0", "1048577", "-1", "many"}},
        {"persistence_ms", {{"0", "0"}, {"3600000", "3600000"}}, {"3600001", "0x1", "00"}},
        {"hub", {{"1", "1"}, {"0", "0"}}, {"2", "yes", "", "01"}},
        {"stp", {{"1", "1"}, {"0", "0"}}, {"on", " 1"}},
        {"priority", {{"0", "0"}, {"4096", "4096"}, {"61440", "61440"}}, {"1", "65536", "4095"}},
        {"trunk_default", {{"0", "0"}, {"1", "1"}}, {"10"}},
    };
    return kCases;
}

const std::vector<Case>& of_ports() {
    static const std::vector<Case> kCases{
        {"untagged",
         {{"none", "none"}, {"0", "0"}, {"1", "1"}, {"4094", "4094"}},
         {"4095", "", "None", "1 2", "-1"}},
        {"tagged",
         {{"10 20-29", "10 20-29"},
          {"20-29 10", "10 20-29"},
          {"  5   4 3  ", "3-5"},
          {"1-4094", "1-4094"},
          {"7-7", "7"},
          {"1-3 3-5 9", "1-5 9"},
          {"", ""},
          {" ", ""}},
         {"0", "4095", "5-4", "1-", "-1", "1-2-3", "1,2", "none", "1\n", "01"}},
        {"cost", {{"1", "1"}, {"200000000", "200000000"}}, {"0", "200000001", "1.5"}},
        {"edge", {{"1", "1"}, {"0", "0"}, {"auto", "auto"}}, {"2", "", "yes"}},
        {"isolated", {{"1", "1"}, {"0", "0"}}, {"2", ""}},
        {"static",
         {{"02:00:00:00:00:0B", "02:00:00:00:00:0b"},
          {"02:00:00:00:00:02 02:00:00:00:00:01", "02:00:00:00:00:01 02:00:00:00:00:02"},
          {"02:00:00:00:00:01 02:00:00:00:00:01", "02:00:00:00:00:01"},
          {"", ""}},
         {"02:00:00:00:00", "02-00-00-00-00-01", "03:00:00:00:00:01", "00:00:00:00:00:00",
          "02:00:00:00:00:0g", "02:00:00:00:00:01,02:00:00:00:00:02", "2:0:0:0:0:1",
          "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:+1", "02:00:00:00:00:01:02"}},
    };
    return kCases;
}

class SettingsTest : public SwitchTest {
  protected:
    SettingsTest() { join(1); }
    void check(const Case& option, std::uint32_t number) {
        SCOPED_TRACE(option.option);
        for (const auto& [text, shown] : option.taken) {
            EXPECT_EQ(set(lab(), option.option, text, number), 0) << text;
            EXPECT_EQ(get_port(number, option.option), shown);
        }
        const std::string before = get_port(number, option.option);
        for (const char* text : option.refused) {
            EXPECT_EQ(set(lab(), option.option, text, number), EINVAL) << text;
            EXPECT_EQ(get_port(number, option.option), before);
        }
    }
};

TEST_F(SettingsTest, OfANetwork) {
    for (const Case& option : of_networks()) check(option, IPN_PORT_ANY);
}

TEST_F(SettingsTest, OfAPort) {
    for (const Case& option : of_ports()) check(option, 0);
}

TEST_F(SettingsTest, EachIsAtFirstWhatTheTableSays) {
    EXPECT_EQ(of_networks().size() + of_ports().size(), vdeswitch::kSettingsCount);
    for (const vdeswitch::Setting& setting : vdeswitch::settings()) {
        const bool of_port = (setting.option.flags & IPN_OPTION_PORT) != 0;
        EXPECT_EQ(get_port(of_port ? 0 : IPN_PORT_ANY, setting.option.name), setting.option.initial)
            << setting.option.name;
        EXPECT_EQ((setting.option.flags & IPN_OPTION_MANAGER) != 0, of_port)
            << "not for those who only use the port";
    }
}

TEST_F(SettingsTest, ARefusalSaysWhy) {
    const core::AssumeLoop here;
    const auto index = lab().policy().find_option("tagged");
    const auto refused = lab().set_policy_option(0, index.value(), "ten");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().words,
              "it is a list of VLANs from 1 to 4094 and ranges of them, as in '10 20-29'");
}

TEST_F(SettingsTest, ManyStaticAddressesButNotAnyNumber) {
    std::string list;
    for (std::uint32_t station = 0; station < 1024; ++station)
        list += vdeswitch::to_string(0x020000000000 + station) + ' ';
    EXPECT_EQ(set_port(0, "static", list), 0);
    EXPECT_EQ(get_port(0, "static") + ' ', list);
    EXPECT_EQ(set_port(0, "static", list + "02:00:00:01:00:00"), EINVAL);
}

TEST_F(SettingsTest, DefaultsOfTheMountAreTried) {
    const core::AssumeLoop here;
    core::Policy& policy = *world.registry.policies().find("vdeswitch");
    const auto ageing = policy.find_option("ageing_s").value();
    EXPECT_EQ(code(world.registry.set_policy_default(policy, ageing, "0")), EINVAL);
    EXPECT_EQ(code(world.registry.set_policy_default(policy, ageing, "60")), 0);
    core::Network& other = world.create("other");
    EXPECT_EQ(world.set(other, "policy", "vdeswitch"), 0);
    EXPECT_EQ(other.policy_option(IPN_PORT_ANY, ageing).value(), "60");
}

}  // namespace
}  // namespace ipn::test
