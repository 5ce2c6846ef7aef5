// Registry: names, ids and limits of the networks of a mount.
#include "core/registry.h"

#include <gtest/gtest.h>

#include "core/on_loop.h"
#include "world.h"

namespace ipn::core {
namespace {

using test::code;

class RegistryTest : public test::CoreTest {
  protected:
    RegistryTest() : CoreTest(test::limits(1024 * 1024, 3)) {}

    int create(std::string_view name) {
        const AssumeLoop here;
        return code(world.registry.create(name, {0755, 1, 1}));
    }
    int rename(Network& network, std::string_view name) {
        const AssumeLoop here;
        return code(world.registry.rename(network, name));
    }
    int unlink(Network& network) {
        const AssumeLoop here;
        return code(world.registry.unlink(network));
    }
    void destroy(Network& network) {
        const AssumeLoop here;
        world.registry.destroy(network);
    }
    void restore(Network& network) {
        const AssumeLoop here;
        world.registry.restore_name(network);
    }
};

TEST_F(RegistryTest, FindsANetworkByNameAndById) {
    Network& news = world.create("news");
    EXPECT_EQ(world.registry.find("news"), &news);
    EXPECT_EQ(world.registry.find(news.id()), &news);
    EXPECT_EQ(world.registry.find("olds"), nullptr);
    EXPECT_EQ(world.registry.find(std::uint64_t{99}), nullptr);
}

TEST_F(RegistryTest, NamesHaveRules) {
    for (const std::string_view good : {"a", "lan0", "A-b_c.9", "-", "a.b", "x."})
        EXPECT_TRUE(check_network_name(good)) << good;
    for (const std::string_view bad : {"", ".", "..", ".lan0", "a/b", "a b", "ä", "a\n", "lan:0"})
        EXPECT_EQ(code(check_network_name(bad)), EINVAL) << bad;
    EXPECT_TRUE(check_network_name(std::string(63, 'x')));
    EXPECT_EQ(code(check_network_name(std::string(64, 'x'))), ENAMETOOLONG);
}

TEST_F(RegistryTest, ABadNameMakesNoNetwork) {
    EXPECT_EQ(create(".hidden"), EINVAL);
    EXPECT_EQ(create(std::string(64, 'x')), ENAMETOOLONG);
    EXPECT_EQ(world.registry.size(), 1U);
}

TEST_F(RegistryTest, ANameIsTakenOnce) {
    EXPECT_EQ(create("lab"), EEXIST);
}

TEST_F(RegistryTest, ThereIsALimit) {
    EXPECT_EQ(create("two"), 0);
    EXPECT_EQ(create("three"), 0);
    EXPECT_EQ(create("four"), ENOSPC);
    EXPECT_EQ(world.remove(*world.registry.find("two")), 0);
    EXPECT_EQ(create("four"), 0);
}

TEST_F(RegistryTest, NetworksThatShutDownCountForTheLimit) {
    create("two");
    Network& third = world.create("three");
    world.join(third, Role::reader);
    world.shut_down(third);
    EXPECT_EQ(create("four"), ENOSPC);
    world.everybody_leaves();
    EXPECT_EQ(create("four"), 0);
}

TEST_F(RegistryTest, IdsAreNeverUsedAgain) {
    std::uint64_t last = lab().id();
    for (int i = 0; i < 5; ++i) {
        Network& network = world.create("short-lived");
        EXPECT_GT(network.id(), last);
        last = network.id();
        world.remove(network);
    }
}

TEST_F(RegistryTest, ARefusedNetworkUsesNoId) {
    const std::uint64_t last = lab().id();
    create("lab");
    EXPECT_EQ(world.create("next").id(), last + 1);
}

TEST_F(RegistryTest, ARenamedNetworkIsTheSame) {
    Network& network = lab();
    const std::uint64_t id = network.id();
    EXPECT_EQ(rename(network, "office"), 0);
    EXPECT_EQ(world.registry.find("lab"), nullptr);
    EXPECT_EQ(world.registry.find("office"), &network);
    EXPECT_EQ(network.name(), "office");
    EXPECT_EQ(network.id(), id);
}

TEST_F(RegistryTest, ANetworkThatLostItsNameCannotBeRenamed) {
    Network& network = lab();
    ASSERT_EQ(unlink(network), 0);
    Network& successor = world.create("lab");
    EXPECT_EQ(rename(network, "office"), ENOENT);
    EXPECT_EQ(world.registry.find("lab"), &successor);
}

TEST_F(RegistryTest, RenamingNeverReplaces) {
    create("two");
    EXPECT_EQ(rename(lab(), "two"), EEXIST);
    EXPECT_EQ(rename(lab(), "a/b"), EINVAL);
    EXPECT_EQ(rename(lab(), std::string(64, 'x')), ENAMETOOLONG);
    EXPECT_EQ(lab().name(), "lab");
}

TEST_F(RegistryTest, ANetworkInUseCanBeRenamed) {
    test::TestEndpoint &to = reader(), &from = writer();
    EXPECT_EQ(rename(lab(), "office"), 0);
    from.write("still here");
    EXPECT_EQ(to.read(), "still here");
}

TEST_F(RegistryTest, AnUnlinkedNetworkCanGetItsNameBack) {
    Network& network = lab();
    EXPECT_EQ(unlink(network), 0);
    EXPECT_FALSE(lab_exists());
    EXPECT_EQ(world.registry.find(network.id()), &network);
    restore(network);
    EXPECT_EQ(world.registry.find("lab"), &network);
}

TEST_F(RegistryTest, ANetworkCanBeEndedByForceAndItsNameIsFreeAtOnce) {
    test::TestEndpoint& node = reader();
    const std::uint64_t id = lab().id();
    destroy(lab());
    EXPECT_FALSE(lab_exists());
    EXPECT_EQ(create("lab"), 0);
    EXPECT_EQ(node.read(), test::kEndOfFile);
    EXPECT_NE(world.registry.find(id), nullptr);
    node.leave();
    EXPECT_EQ(world.registry.find(id), nullptr);
    EXPECT_TRUE(lab_exists()) << "its successor has nothing to do with it";
}

TEST_F(RegistryTest, ListsNetworksByName) {
    create("b");
    create("a");
    std::string names;
    for (const auto& [name, network] : world.registry.by_name()) names += name + " ";
    EXPECT_EQ(names, "a b lab ");
}

TEST_F(RegistryTest, DefaultsHoldForNetworksMadeLater) {
    EXPECT_EQ(world.set_default("mtu", "99"), 0);
    EXPECT_EQ(lab().options().mtu, 1514U);
    EXPECT_EQ(world.create("later").options().mtu, 99U);
}

TEST_F(RegistryTest, ABadDefaultChangesNothing) {
    EXPECT_EQ(world.set_default("mtu", "0"), EINVAL);
    EXPECT_EQ(world.set_default("policy", "no-such"), EINVAL);
    EXPECT_EQ(world.registry.defaults(), NetworkOptions());
}

TEST_F(RegistryTest, ANetworksLifeInMemoryEndsWithIt) {
    test::TestEndpoint &to = reader(), &from = writer();
    from.write("x");
    to.leave();
    from.leave();
    world.remove(lab());
    EXPECT_EQ(world.registry.memory().used(), 0U);
    EXPECT_TRUE(world.registry.work().empty());
}

}  // namespace
}  // namespace ipn::core
