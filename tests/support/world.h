// World: a small mount without files, for tests of networks.
//
// One registry with the broadcast policy, one fake clock, one network "lab", and the endpoints that
// a test lets join. CoreTest, its fixture, ends every test with everybody gone and checks that no
// memory is charged to anybody any more.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <list>
#include <string>
#include <string_view>

#include "core/network.h"
#include "core/registry.h"
#include "fake_clock.h"
#include "test_endpoint.h"

namespace ipn::test {

// The errno value of a result, 0 for success.
template <typename T>
int code(const core::Result<T>& result) {
    return result ? 0 : result.error().code;
}

// Limits of which only some matter to a test.
inline core::Registry::Limits limits(std::size_t memory, std::uint32_t networks = 1024) {
    return {.networks = networks, .hops = 8, .memory = memory, .gather = {}};
}

class World {
  public:
    explicit World(const core::Registry::Limits& limits = {});
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    core::Network& create(std::string_view name);
    // Takes an empty network's name away and destroys it: rmdir(2). Returns an errno value.
    int remove(core::Network& network);

    // Sets an option. Returns an errno value.
    int set(core::Network& network, std::string_view option, std::string_view value);
    int set_default(std::string_view option, std::string_view value);

    // A new endpoint, joined to `network`; it must succeed.
    TestEndpoint& join(core::Network& network, const core::Network::JoinRequest& request);
    TestEndpoint& join(core::Network& network, core::Role role, std::uint32_t port = IPN_PORT_ANY,
                       std::uint32_t uid = 1000);
    // The errno value that joining gives; 0 leaves the new endpoint joined.
    int try_join(core::Network& network, core::Role role, std::uint32_t port = IPN_PORT_ANY);
    void cut(TestEndpoint& endpoint);
    void shut_down(core::Network& network);
    int reserve(core::Network& network, std::uint32_t number);
    void unreserve(core::Network& network, std::uint32_t number);

    // Deliveries and wake-ups until nothing is left to do.
    void run_work();
    // Lets time pass and what is due happen.
    void advance(core::Duration time);

    // Everybody leaves, in the order in which they joined.
    void everybody_leaves() { endpoints_.clear(); }

    FakeClock clock;
    core::Registry registry;

  private:
    std::list<TestEndpoint> endpoints_;
};

class CoreTest : public testing::Test {
  protected:
    explicit CoreTest(const core::Registry::Limits& limits = {}) : world(limits) {}

    void TearDown() override;

    core::Network& lab() { return *world.registry.find("lab"); }
    bool lab_exists() const { return world.registry.find("lab") != nullptr; }
    int set(std::string_view option, std::string_view value) {
        return world.set(lab(), option, value);
    }
    TestEndpoint& reader() { return world.join(lab(), core::Role::reader); }
    TestEndpoint& writer() { return world.join(lab(), core::Role::writer); }
    TestEndpoint& both() { return world.join(lab(), core::Role::both); }

    World world;
};

// Short forms for expectations.
using Send = core::Network::Send;
using core::Role;
inline constexpr auto kNothing = TestEndpoint::kNothing;
inline constexpr auto kEndOfFile = TestEndpoint::kEndOfFile;
inline constexpr auto kLost = TestEndpoint::kLost;
inline constexpr auto kReset = TestEndpoint::kReset;

}  // namespace ipn::test

namespace ipn::core {

// How failing expectations print an outcome.
void PrintTo(Network::Send outcome, std::ostream* out);

}  // namespace ipn::core
