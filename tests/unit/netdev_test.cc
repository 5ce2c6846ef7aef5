// What netdev reads as text: what the kernel says about a process, and MAC addresses.
#include <gtest/gtest.h>

#include "netdev/capability.h"
#include "netdev/netlink.h"

namespace ipn::test {
namespace {

using netdev::MacAddress;
using netdev::parse_mac;
using netdev::parse_status;

constexpr const char* kStatus =
    "Name:\tUid: 7 7 7 7\nUmask:\t0022\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t5\t5\t5\n"
    "CapInh:\tffffffffffffffff\nCapEff:\t0000000000001000\nCapBnd:\t000001ffffffffff\n";

TEST(ProcessStatusTest, SaysUsersAndCapabilities) {
    const auto status = parse_status(kStatus);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->effective_uid, 1001U);
    EXPECT_EQ(status->filesystem_uid, 1003U);
    EXPECT_EQ(status->effective_capabilities, 0x1000U);
}

TEST(ProcessStatusTest, WhatIsNotThereIsNoStatus) {
    for (const char* text :
         {"", "Uid:", "Uid:\t1\t2\t3\nCapEff:\t0\n", "Uid:\t1\t2\t3\t4\n", "CapEff:\t0\n",
          "Uid:\t1\t2\t3\t4\nCapEff:\tx\n", "Uid:\t1\t2\t-3\t4\nCapEff:\t0\n",
          "Uid:\t1\t2\t3\t99999999999\nCapEff:\t0\n", "Uids:\t1\t2\t3\t4\nCapEffs:\t0\n"})
        EXPECT_FALSE(parse_status(text)) << text;
}

// Its name is a process's own choice; a newline in it the kernel escapes.
TEST(ProcessStatusTest, AProcessCannotSpeakForItselfByItsName) {
    const auto status = parse_status(
        "Name:\tCapEff:\tffff\\nCapEff:\tffff\nUid:\t1\t1\t1\t1\n"
        "CapEff:\t0000000000000000\n");
    ASSERT_TRUE(status);
    EXPECT_EQ(status->effective_capabilities, 0U);
}

TEST(MacAddressTest, GoesToTextAndBack) {
    const auto mac = parse_mac("02:00:5E:aB:00:ff");
    ASSERT_TRUE(mac);
    EXPECT_EQ(*mac, (MacAddress{0x02, 0x00, 0x5e, 0xab, 0x00, 0xff}));
    EXPECT_EQ(netdev::to_text(*mac), "02:00:5e:ab:00:ff");
}

TEST(MacAddressTest, WhatIsNone) {
    for (const char* text :
         {"", "02:00:5e:ab:00", "02:00:5e:ab:00:ff:", "02:00:5e:ab:00:fff", "02-00-5e-ab-00-ff",
          "2:0:5e:ab:0:ff:0000", "02:00:5e:ab:00:-1", "02:00:5e:ab:00:0x", " 2:00:5e:ab:00:ff"})
        EXPECT_FALSE(parse_mac(text)) << text;
}

TEST(NamespaceNameTest, IsOneComponentOfAPath) {
    for (const char* name : {"a", "1", "...", "a b"})
        EXPECT_TRUE(netdev::is_namespace_name(name)) << name;
    for (const char* name : {"", ".", "..", "a/b", "/a"})
        EXPECT_FALSE(netdev::is_namespace_name(name)) << name;
    EXPECT_FALSE(netdev::is_namespace_name(std::string(256, 'a')));
}

}  // namespace
}  // namespace ipn::test
