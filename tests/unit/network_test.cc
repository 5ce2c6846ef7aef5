// Network: joining, leaving, ports, reservations.
#include "core/network.h"

#include <gtest/gtest.h>

#include "world.h"

namespace ipn::core {
namespace {

using test::TestEndpoint;
using NetworkTest = test::CoreTest;

TEST_F(NetworkTest, PortNumbersStartAtZeroAndTheLowestFreeComesFirst) {
    EXPECT_EQ(reader().number(), 0U);
    TestEndpoint& second = reader();
    EXPECT_EQ(second.number(), 1U);
    EXPECT_EQ(reader().number(), 2U);
    second.leave();
    EXPECT_EQ(reader().number(), 1U);
}

TEST_F(NetworkTest, CountsNodesByRole) {
    reader();
    writer();
    both();
    world.join(lab(), Role::none);
    EXPECT_EQ(lab().readers(), 2U);
    EXPECT_EQ(lab().writers(), 2U);
    EXPECT_EQ(lab().nodes(), 4U);
}

TEST_F(NetworkTest, WhoLeavesIsCountedNoMore) {
    TestEndpoint& first = both();
    TestEndpoint& second = both();
    first.leave();
    EXPECT_EQ(lab().readers(), 1U);
    EXPECT_EQ(lab().writers(), 1U);
    EXPECT_EQ(lab().nodes(), 1U);
    EXPECT_EQ(lab().node_at(0), nullptr);
    EXPECT_EQ(lab().node_at(1), &second.node());
    EXPECT_EQ(lab().ports_end(), 2U);
}

TEST_F(NetworkTest, APortCanBeAskedForByNumber) {
    EXPECT_EQ(world.join(lab(), Role::reader, 7).number(), 7U);
    EXPECT_EQ(lab().ports_end(), 8U);
    EXPECT_EQ(reader().number(), 0U);
}

TEST_F(NetworkTest, APortInUseIsRefused) {
    world.join(lab(), Role::reader, 7);
    EXPECT_EQ(world.try_join(lab(), Role::reader, 7), EADDRINUSE);
    EXPECT_EQ(lab().nodes(), 1U);
}

TEST_F(NetworkTest, APortBeyondNumnodesIsRefused) {
    EXPECT_EQ(world.try_join(lab(), Role::reader, 32), EADDRNOTAVAIL);
    EXPECT_EQ(world.try_join(lab(), Role::reader, 31), 0);
}

TEST_F(NetworkTest, AFullNetworkRefuses) {
    set("numnodes", "2");
    reader();
    reader();
    EXPECT_EQ(world.try_join(lab(), Role::reader), EADDRNOTAVAIL);
    EXPECT_EQ(lab().readers(), 2U);
}

TEST_F(NetworkTest, NumnodesGrowsAndShrinksDownToTheHighestPortInUse) {
    TestEndpoint& high = world.join(lab(), Role::reader, 9);
    EXPECT_EQ(set("numnodes", "9"), EADDRINUSE);
    EXPECT_EQ(set("numnodes", "10"), 0);
    EXPECT_EQ(set("numnodes", "65535"), 0);
    EXPECT_EQ(world.join(lab(), Role::reader, 65534).number(), 65534U);
    EXPECT_EQ(set("numnodes", "65534"), EADDRINUSE);
    high.leave();
    world.everybody_leaves();
    EXPECT_EQ(set("numnodes", "1"), 0);
}

TEST_F(NetworkTest, AReservedPortIsNotHandedOutButCanBeAskedFor) {
    EXPECT_EQ(world.reserve(lab(), 0), 0);
    EXPECT_EQ(reader().number(), 1U);
    EXPECT_EQ(world.join(lab(), Role::reader, 0).number(), 0U);
    EXPECT_EQ(lab().nodes(), 2U) << "a reservation alone is no node";
}

TEST_F(NetworkTest, OnlyAFreePortBelowNumnodesCanBeReserved) {
    reader();
    EXPECT_EQ(world.reserve(lab(), 0), EADDRINUSE);
    EXPECT_EQ(world.reserve(lab(), 3), 0);
    EXPECT_EQ(world.reserve(lab(), 3), EADDRINUSE);
    EXPECT_EQ(world.reserve(lab(), 32), EADDRNOTAVAIL);
}

TEST_F(NetworkTest, AReservationOutlivesItsNode) {
    world.reserve(lab(), 0);
    world.join(lab(), Role::reader, 0).leave();
    EXPECT_EQ(reader().number(), 1U);
    world.unreserve(lab(), 0);
    EXPECT_EQ(reader().number(), 0U);
}

TEST_F(NetworkTest, ANodeKeepsItsPortWhenTheReservationGoes) {
    world.reserve(lab(), 0);
    TestEndpoint& node = world.join(lab(), Role::reader, 0);
    world.unreserve(lab(), 0);
    EXPECT_EQ(world.try_join(lab(), Role::reader, 0), EADDRINUSE);
    node.leave();
    EXPECT_EQ(reader().number(), 0U);
}

TEST_F(NetworkTest, NumnodesHoldsReservedPortsToo) {
    world.reserve(lab(), 5);
    EXPECT_EQ(set("numnodes", "5"), EADDRINUSE);
    world.unreserve(lab(), 5);
    EXPECT_EQ(set("numnodes", "5"), 0);
}

TEST_F(NetworkTest, AReservationKeepsTheDescription) {
    world.reserve(lab(), 0);
    TestEndpoint& first = world.join(lab(), Role::reader, 0);
    ASSERT_TRUE(first.describe("the printer"));
    first.leave();
    EXPECT_EQ(world.join(lab(), Role::reader, 0).node().description(), "the printer");
}

TEST_F(NetworkTest, ADescriptionIsAShortText) {
    TestEndpoint& node = reader();
    EXPECT_EQ(test::code(node.describe(std::string(127, 'x'))), 0);
    EXPECT_EQ(test::code(node.describe(std::string(128, 'x'))), EINVAL);
    EXPECT_EQ(test::code(node.describe("two\nlines")), EINVAL);
    EXPECT_EQ(node.node().description(), std::string(127, 'x'));
}

TEST_F(NetworkTest, ANodeBelongsToWhoOpenedIt) {
    const TestEndpoint& node = world.join(lab(), Role::reader, IPN_PORT_ANY, 1234);
    EXPECT_EQ(node.node().file, (Ownership{0644, 1234, 1234}));
    EXPECT_EQ(node.node().credentials().uid, 1234U);
}

TEST_F(NetworkTest, ThePortFileHasTheDirectorysModeLessX) {
    EXPECT_EQ(lab().port_file.mode, 0644U);
    EXPECT_EQ(lab().ports_directory.mode, 0755U);
}

TEST_F(NetworkTest, EveryUserWithANodeHasOneAccount) {
    world.join(lab(), Role::reader, IPN_PORT_ANY, 1);
    world.join(lab(), Role::reader, IPN_PORT_ANY, 1);
    world.join(lab(), Role::reader, IPN_PORT_ANY, 2);
    EXPECT_EQ(world.registry.memory().accounts(), 2U);
}

TEST_F(NetworkTest, AFailedJoinLeavesNothingBehind) {
    set("numnodes", "1");
    reader();
    EXPECT_EQ(world.try_join(lab(), Role::both), EADDRNOTAVAIL);
    EXPECT_EQ(lab().readers(), 1U);
    EXPECT_EQ(lab().writers(), 0U);
    EXPECT_EQ(world.registry.memory().accounts(), 1U);
}

}  // namespace
}  // namespace ipn::core
