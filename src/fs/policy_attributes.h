// PolicyAttributes: the options of policies, `user.ipn.POLICY.NAME`.
//
// They are on a network and its ports as long as it is bound to the policy, and on the root of the
// mount for every registered policy: there they are what networks made later start with.
// Errors: what the policy says; EPERM read only, or for those who may write the network's directory
// (IPN_OPTION_MANAGER); EBUSY not while nodes are connected.
// Threads: the loop only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/commit.h"
#include "core/error.h"
#include "core/on_loop.h"
#include "core/registry.h"
#include "fs/inodes.h"

namespace ipn::fs {

class PolicyAttributes {
  public:
    explicit PolicyAttributes(core::Registry& registry) : registry_(registry) {}

    // An option at a place.
    struct Option {
        core::Policy* policy;
        std::size_t index;
        core::Network* network;  // null: the root
        std::uint32_t port;      // IPN_PORT_ANY: of the network

        const ipn_option& row() const { return policy->options()[index]; }
    };

    // What `name`, without "user.ipn.", is there, if it is any.
    std::optional<Option> find(const Place& place, std::string_view name) const;

    core::Result<std::string> get(const Option& option) const IPN_ON_LOOP;
    core::Result<core::Change> set(const Option& option, std::string_view value,
                                   const core::Credentials& caller) IPN_ON_LOOP;
    // To what it is at first.
    core::Result<core::Change> reset(const Option& option,
                                     const core::Credentials& caller) IPN_ON_LOOP;
    // Adds the names of those that can be set; of a connected node all that have a value.
    void list(const Place& place, std::vector<std::string>& names) const IPN_ON_LOOP;

  private:
    static std::string initial(const Option& option);
    core::Result<core::Change> set_default(const Option& option,
                                           std::optional<std::string_view> value) IPN_ON_LOOP;

    core::Registry& registry_;
};

}  // namespace ipn::fs
