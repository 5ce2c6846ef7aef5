// Options: the table of what can be set on a network.
#include "core/options.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "world.h"

namespace ipn::core {
namespace {

using test::code;

// Sets one option on fresh defaults and shows it again; "EINVAL" if it was refused.
std::string set_and_show(std::string_view name, std::string_view value) {
    NetworkOptions options;
    const Option& option = *find_option(name);
    const auto parsed = option.parse(options, value);
    if (!parsed) {
        EXPECT_EQ(parsed.error().code, EINVAL);
        EXPECT_FALSE(parsed.error().words.empty());
        EXPECT_EQ(options, NetworkOptions()) << "a refused value changed something";
        return "EINVAL";
    }
    return option.show(options);
}

TEST(OptionsTest, DefaultsAreThoseOfTheManual) {
    const std::map<std::string_view, std::string> expected{
        {"policy", "broadcast"}, {"mtu", "1514"},        {"type", "packet"},
        {"lossless", "0"},       {"msgpoolsize", "128"}, {"numnodes", "32"},
        {"eof", "never"},        {"minreaders", "0"},    {"stall_timeout_ms", "0"},
        {"overrun_error", "0"},  {"short_read", "keep"}, {"linktype", "user0"},
        {"ephemeral", "0"},      {"capture.filter", ""}, {"capture.snaplen", "262144"}};
    const NetworkOptions defaults;
    for (const auto& [name, value] : expected) {
        ASSERT_NE(find_option(name), nullptr) << name;
        EXPECT_EQ(find_option(name)->show(defaults), value) << name;
    }
}

TEST(OptionsTest, AnUnknownNameIsNotFound) {
    EXPECT_EQ(find_option("colour"), nullptr);
    EXPECT_EQ(find_option(""), nullptr);
    EXPECT_EQ(find_option("MTU"), nullptr);
}

TEST(OptionsTest, WhatIsShownCanBeSet) {
    const NetworkOptions defaults;
    for (const Option& option : options())
        EXPECT_EQ(set_and_show(option.name, option.show(defaults)), option.show(defaults))
            << option.name;
}

TEST(OptionsTest, NumbersHaveRanges) {
    EXPECT_EQ(set_and_show("mtu", "1"), "1");
    EXPECT_EQ(set_and_show("mtu", "65535"), "65535");
    EXPECT_EQ(set_and_show("mtu", "0"), "EINVAL");
    EXPECT_EQ(set_and_show("mtu", "65536"), "EINVAL");
    EXPECT_EQ(set_and_show("msgpoolsize", "0"), "EINVAL");
    EXPECT_EQ(set_and_show("msgpoolsize", "65535"), "65535");
    EXPECT_EQ(set_and_show("msgpoolsize", "65536"), "EINVAL");
    EXPECT_EQ(set_and_show("numnodes", "0"), "EINVAL");
    EXPECT_EQ(set_and_show("numnodes", "65536"), "EINVAL");
    EXPECT_EQ(set_and_show("minreaders", "0"), "0");
    EXPECT_EQ(set_and_show("stall_timeout_ms", "4294967295"), "4294967295");
    EXPECT_EQ(set_and_show("stall_timeout_ms", "4294967296"), "EINVAL");
    EXPECT_EQ(set_and_show("stall_timeout_ms", "99999999999999999999"), "EINVAL");
}

TEST(OptionsTest, ANumberHasOneSpelling) {
    for (const std::string_view value :
         {"", " 5", "5 ", "+5", "-5", "05", "0x5", "5k", "5\n", "five"})
        EXPECT_EQ(set_and_show("mtu", value), "EINVAL") << value;
}

TEST(OptionsTest, ChoicesAreNamed) {
    EXPECT_EQ(set_and_show("type", "stream"), "stream");
    EXPECT_EQ(set_and_show("eof", "last-writer"), "last-writer");
    EXPECT_EQ(set_and_show("short_read", "truncate"), "truncate");
    EXPECT_EQ(set_and_show("linktype", "ethernet"), "ethernet");
    EXPECT_EQ(set_and_show("lossless", "1"), "1");
    EXPECT_EQ(set_and_show("type", "Stream"), "EINVAL");
    EXPECT_EQ(set_and_show("lossless", "yes"), "EINVAL");
    EXPECT_EQ(set_and_show("lossless", "2"), "EINVAL");
    EXPECT_EQ(set_and_show("ephemeral", ""), "EINVAL");
}

TEST(OptionsTest, APolicyHasAPlainName) {
    EXPECT_EQ(set_and_show("policy", "vdeswitch-l3"), "vdeswitch-l3");
    EXPECT_EQ(set_and_show("policy", ""), "EINVAL");
    EXPECT_EQ(set_and_show("policy", "../x"), "EINVAL");
    EXPECT_EQ(set_and_show("policy", std::string(64, 'a')), "EINVAL");
}

TEST(OptionsTest, AnErrorQuotesTheValueWithoutItsControlCharacters) {
    NetworkOptions options;
    const auto parsed = find_option("mtu")->parse(options, "\x1b[31m" + std::string(500, 'x'));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().words.find('\x1b'), std::string::npos);
    EXPECT_LT(parsed.error().words.size(), 150U);
}

class NetworkOptionsTest : public test::CoreTest {};

TEST_F(NetworkOptionsTest, WhatShapesPacketsChangesOnlyWhileNobodyIsConnected) {
    auto& somebody = reader();
    for (const auto& [name, value] :
         std::map<std::string_view, std::string_view>{{"policy", "other"},
                                                      {"mtu", "99"},
                                                      {"type", "stream"},
                                                      {"lossless", "1"},
                                                      {"msgpoolsize", "9"}})
        EXPECT_EQ(set(name, value), EBUSY) << name;
    somebody.leave();
    EXPECT_EQ(set("mtu", "99"), 0);
    EXPECT_EQ(lab().options().mtu, 99U);
}

TEST_F(NetworkOptionsTest, TheOtherOptionsChangeAtAnyTime) {
    reader();
    for (const auto& [name, value] :
         std::map<std::string_view, std::string_view>{{"numnodes", "9"},
                                                      {"eof", "last-writer"},
                                                      {"minreaders", "2"},
                                                      {"stall_timeout_ms", "10"},
                                                      {"overrun_error", "1"},
                                                      {"short_read", "truncate"},
                                                      {"linktype", "ethernet"},
                                                      {"ephemeral", "1"}}) {
        EXPECT_EQ(set(name, value), 0) << name;
        EXPECT_EQ(find_option(name)->show(lab().options()), value) << name;
    }
}

TEST_F(NetworkOptionsTest, SettingWhatIsSetIsNoChange) {
    reader();
    EXPECT_EQ(set("mtu", "1514"), 0);
    EXPECT_EQ(set("policy", "broadcast"), 0);
}

TEST_F(NetworkOptionsTest, ABadValueChangesNothing) {
    EXPECT_EQ(set("mtu", "0"), EINVAL);
    EXPECT_EQ(lab().options(), NetworkOptions());
}

TEST_F(NetworkOptionsTest, AnUnknownPolicyIsRefused) {
    EXPECT_EQ(set("policy", "no-such"), EINVAL);
    EXPECT_EQ(lab().options().policy, "broadcast");
}

TEST_F(NetworkOptionsTest, NothingChangesOnceTheNetworkIsShuttingDown) {
    reader();
    Network& network = lab();
    world.shut_down(network);
    EXPECT_EQ(world.set(network, "eof", "last-writer"), EPIPE);
}

}  // namespace
}  // namespace ipn::core
