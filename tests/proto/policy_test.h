// PolicyProtoTest: the fixture of stories about policies as programs meet them.
//
// A ProtoTest whose network "lab" is bound to the full table of a RecordingPolicy.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/policies.h"
#include "ipn/ipn.h"
#include "proto_test.h"
#include "recording_policy.h"

namespace ipn::test {

class PolicyProtoTest : public ProtoTest {
  protected:
    PolicyProtoTest() {
        EXPECT_TRUE(policies().add(&RecordingPolicy::full_table()));
        set("policy", "full");
        policy.calls.clear();
    }
    void TearDown() override {
        policy.forget_story();
        ProtoTest::TearDown();
        // The networks' last calls need the policy, which goes before the mount.
        core::Registry& registry = mount.world.registry;
        while (!registry.by_name().empty()) mount.world.remove(*registry.by_name().begin()->second);
    }

    core::Policies& policies() { return mount.world.registry.policies(); }
    ipn_net* net() { return reinterpret_cast<ipn_net*>(&lab()); }
    ipn_port* port_at(std::uint32_t number) { return policy.host.port(net(), number); }

    std::string get(std::string_view name) { return mount.get(lab_node(), name); }
    int set_code(std::string_view name, std::string_view value) {
        return mount.set(lab_node(), name, value);
    }
    int reset(std::uint64_t node, std::string_view name) {
        return call(ask::removexattr(node, "user.ipn." + std::string(name))).error;
    }
    // The names that listxattr(2) gives, without "user.ipn.".
    std::vector<std::string> list(std::uint64_t node) {
        const std::string all = call(ask::listxattr(node)).data;
        std::vector<std::string> names;
        for (std::size_t at = 0; at < all.size(); at = all.find('\0', at) + 1)
            names.push_back(std::string(all.c_str() + at).substr(9));
        return names;
    }
    // What stands behind the last error of the present caller.
    std::string words(std::uint64_t node) { return mount.get(node, "error"); }

    RecordingPolicy policy{core::policy_host()};
};

}  // namespace ipn::test
