// PolicyTest: the fixture of stories about policies and their network.
//
// A World whose network "lab" is bound to one of the tables of a RecordingPolicy, and what the host
// has warned of. Not done: expectations.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/policies.h"
#include "recording_policy.h"
#include "world.h"

namespace ipn::test {

class PolicyTest : public CoreTest {
  protected:
    explicit PolicyTest(const ipn_policy& table = RecordingPolicy::full_table()) {
        EXPECT_TRUE(policies().add(&table));
        EXPECT_EQ(set("policy", table.name), 0);
        policies().on_warning([this](const std::string& line) { warnings.push_back(line); });
        policy.calls.clear();
    }
    void TearDown() override {
        policy.forget_story();
        CoreTest::TearDown();
        // The networks' last calls need the policy, which goes before the world.
        while (world.registry.size() > 0) world.remove(*world.registry.by_name().begin()->second);
    }

    core::Policies& policies() { return world.registry.policies(); }
    ipn_net* net() { return reinterpret_cast<ipn_net*>(&lab()); }
    static ipn_port* port_of(TestEndpoint& endpoint) {
        return reinterpret_cast<ipn_port*>(&endpoint.node());
    }
    ipn_port* port(ipn_port* beside, std::uint32_t number) {
        return policy.host.port(policy.host.net(beside), number);
    }
    // A packet of the policy's own.
    ipn_msg* make(ipn_port* payer, std::string_view words) {
        ipn_msg* msg = policy.host.alloc(payer, static_cast<std::uint32_t>(words.size()));
        if (msg != nullptr) std::memcpy(policy.host.data(msg), words.data(), words.size());
        return msg;
    }
    std::string words_of(ipn_msg* msg) {
        return {reinterpret_cast<const char*>(policy.host.data(msg)), policy.host.length(msg)};
    }
    // Runs `function` within a call into the policy.
    template <typename Function>
    void inside(Function function) {
        policy.within_net = [&](const std::string&, ipn_net*) { function(); };
        set("numnodes", std::to_string(lab().options().numnodes + 1));
        policy.within_net = nullptr;
        policy.calls.clear();
    }

    RecordingPolicy policy{core::policy_host()};
    std::vector<std::string> warnings;
};

}  // namespace ipn::test
