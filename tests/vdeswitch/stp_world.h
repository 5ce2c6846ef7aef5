// StpTest: several switches, each a network with a spanning tree, and wires between them.
//
// A wire is a node on either network and carries what one reads to the other, whole and in order,
// when the test lets time pass; cut, both nodes leave; dead, it stays and loses everything. Hosts
// are nodes that the switch knows as edges. Whatever moves is counted, so that a loop is a storm.
#pragma once

#include <list>
#include <sstream>
#include <utility>

#include "bpdu.h"
#include "switch_world.h"

namespace ipn::test {

class StpTest : public SwitchTest {
  protected:
    struct Wire {
        TestEndpoint* a;
        TestEndpoint* b;
        bool dead = false;
    };
    static constexpr int kStorm = 20'000;  // frames that no tree of a test ever moves at once

    // A switch whose priority is 4096 times `priority`: the first one is the root.
    core::Network& make_switch(unsigned priority, bool stp = true) {
        core::Network& network = world.create("s" + std::to_string(switches.size()));
        EXPECT_EQ(world.set(network, "policy", "vdeswitch"), 0);
        set(network, "priority", std::to_string(4096 * priority));
        set(network, "stp", stp ? "1" : "0");
        switches.push_back(&network);
        return network;
    }
    void make_switches(unsigned count, bool stp = true) {
        for (unsigned i = 0; i < count; ++i) make_switch(i, stp);
    }
    Wire& wire(std::size_t a, std::size_t b) {
        TestEndpoint& at_a = world.join(*switches[a], Role::both);
        TestEndpoint& at_b = world.join(*switches[b], Role::both);
        wires.push_back({&at_a, &at_b});
        pump();
        return wires.back();
    }
    void ring() {
        for (std::size_t i = 0; i < switches.size(); ++i) wire(i, (i + 1) % switches.size());
    }
    void cut(Wire& cut_one) {
        cut_one.a->leave();
        cut_one.b->leave();
        cut_one.dead = true;
        pump();
    }
    TestEndpoint& host(std::size_t at) {
        TestEndpoint& endpoint = world.join(*switches[at], Role::both);
        set(*switches[at], "edge", "1", endpoint.number());
        hosts.push_back(&endpoint);
        return endpoint;
    }
    void one_host_each() {
        for (std::size_t at = 0; at < switches.size(); ++at) host(at);
    }

    // Carries frames until none moves; how many moved.
    int pump();
    void seconds(int count) {
        for (; count > 0; --count) {
            world.advance(std::chrono::seconds(1));
            pump();
        }
    }

    // How often each host gets a broadcast of this one: never itself.
    std::vector<int> reached(TestEndpoint& from);
    // Whether every host reaches every other host once.
    bool is_tree();

    // A column of a port's row in the view; "" if there is no such row.
    std::string column(std::size_t at, std::string_view name, const std::string& port);
    std::string role(std::size_t at, const TestEndpoint& port) {
        return column(at, "role", std::to_string(port.number()));
    }
    std::string state(std::size_t at, const TestEndpoint& port) {
        return column(at, "state", std::to_string(port.number()));
    }

    void TearDown() override {
        world.everybody_leaves();
        SwitchTest::TearDown();
    }

    std::vector<core::Network*> switches;
    std::list<Wire> wires;
    std::vector<TestEndpoint*> hosts;
};

}  // namespace ipn::test
