#include "world.h"

#include <ostream>

#include "broadcast.h"
#include "core/on_loop.h"
#include "core/policies.h"
#include "run_work.h"

namespace ipn::test {

using core::AssumeLoop;
using core::Network;

World::World(const core::Registry::Limits& limits) : registry(clock, limits) {
    const auto added = registry.policies().add(ipn_broadcast_policy(&core::policy_host()));
    IPN_CHECK(added);
    create("lab");
}

World::~World() {
    everybody_leaves();
}

Network& World::create(std::string_view name) {
    const AssumeLoop here;
    const auto created = registry.create(name, {0755, 1000, 1000});
    IPN_CHECK(created);
    return **created;
}

int World::remove(Network& network) {
    const AssumeLoop here;
    const auto unlinked = registry.unlink(network);
    if (unlinked) registry.destroy(network);
    return code(unlinked);
}

int World::set(Network& network, std::string_view option, std::string_view value) {
    const AssumeLoop here;
    return code(network.set_option(*core::find_option(option), value));
}

int World::set_default(std::string_view option, std::string_view value) {
    const AssumeLoop here;
    return code(registry.set_default(*core::find_option(option), value));
}

TestEndpoint& World::join(Network& network, const Network::JoinRequest& request) {
    TestEndpoint& endpoint = endpoints_.emplace_back();
    const auto joined = endpoint.join(network, request);
    IPN_CHECK(joined);
    return endpoint;
}

TestEndpoint& World::join(Network& network, core::Role role, std::uint32_t port,
                          std::uint32_t uid) {
    return join(network, {.role = role, .port = port, .credentials = {uid, uid, 1}});
}

int World::try_join(Network& network, core::Role role, std::uint32_t port) {
    TestEndpoint& endpoint = endpoints_.emplace_back();
    const int error = code(endpoint.join(network, {.role = role, .port = port, .credentials = {}}));
    if (error != 0) endpoints_.pop_back();
    return error;
}

void World::cut(TestEndpoint& endpoint) {
    const AssumeLoop here;
    endpoint.node().network().cut(endpoint.node());
}

void World::shut_down(Network& network) {
    const AssumeLoop here;
    network.shut_down();
}

int World::reserve(Network& network, std::uint32_t number) {
    const AssumeLoop here;
    return code(network.reserve(number, {0644, 1000, 1000}));
}

void World::unreserve(Network& network, std::uint32_t number) {
    const AssumeLoop here;
    network.unreserve(number);
}

void World::run_work() {
    test::run_work(registry.work());
}

void World::advance(core::Duration time) {
    clock.advance(time);
    registry.timers().run(clock.now());
    run_work();
}

void CoreTest::TearDown() {
    world.everybody_leaves();
    EXPECT_EQ(world.registry.memory().used(), 0U);
    EXPECT_EQ(world.registry.memory().accounts(), 0U);
}

}  // namespace ipn::test

namespace ipn::core {

void PrintTo(Network::Send outcome, std::ostream* out) {
    constexpr const char* kNames[] = {"done",       "would_block", "too_long", "too_short",
                                      "never_fits", "closed",      "reset",    "refused"};
    *out << kNames[static_cast<int>(outcome)];
}

}  // namespace ipn::core
