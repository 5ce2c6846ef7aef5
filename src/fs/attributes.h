// Attributes: the `user.ipn.*` of every place in the tree, as text.
//
// Reading, writing, restoring the default and listing, whatever way they are asked for (xattr or
// ioctl). Every change comes back as a Change for the commit gate.
// Errors: reading an unknown name ENODATA, writing one EOPNOTSUPP, a read-only one EPERM; else what
// the option says.
// Threads: the loop only. Not done: `user.ipn.error`, which belongs to the asker (see
// filesystem.cc); the options of policies, see policy_attributes.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/commit.h"
#include "core/error.h"
#include "core/on_loop.h"
#include "core/registry.h"
#include "fs/inodes.h"
#include "fs/policy_attributes.h"

namespace ipn::fs {

inline constexpr std::string_view kAttributePrefix = "user.ipn.";
// Not an attribute of anything: see Filesystem.
inline constexpr std::string_view kErrorName = "error";

// Names come without kAttributePrefix.
class Attributes {
  public:
    explicit Attributes(core::Registry& registry) : registry_(registry), of_policies_(registry) {}

    core::Result<std::string> get(const Place& place, std::string_view name) const IPN_ON_LOOP;
    core::Result<core::Change> set(const Place& place, std::string_view name,
                                   std::string_view value,
                                   const core::Credentials& caller) IPN_ON_LOOP;
    core::Result<core::Change> reset(const Place& place, std::string_view name,
                                     const core::Credentials& caller) IPN_ON_LOOP;
    // What can be set, so that the list can be restored; of a connected node, all.
    std::vector<std::string> list(const Place& place) const IPN_ON_LOOP;

  private:
    // Nothing: to what it is at first.
    core::Result<core::Change> set_option(const Place& place, const core::Option& option,
                                          std::optional<std::string_view> value) IPN_ON_LOOP;
    core::Result<core::Change> set_default(const core::Option& option,
                                           std::string_view value) IPN_ON_LOOP;
    core::Result<core::Change> set_namespace(const Place& place, std::string_view value);
    core::Result<core::Change> set_share(const Place& place, std::string_view value);
    core::Result<core::Change> set_state(core::Network& network,
                                         std::string_view value) IPN_ON_LOOP;

    core::Registry& registry_;
    PolicyAttributes of_policies_;
};

}  // namespace ipn::fs
