// Policies: those that networks of this mount can be bound to, and the table of calls they get.
//
// Lifecycle: registered once at start, before any network exists. The tables belong to the policies
// and outlive this.
// Threads: the loop only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ipn/policy.h"

namespace ipn::core {

class Policies {
  public:
    // EPROTO: not a table of this API; EEXIST: the name is taken.
    Result<void> add(const ipn_policy* policy);
    // EINVAL with the names that there are.
    Result<const ipn_policy*> find(std::string_view name) const;

  private:
    std::vector<const ipn_policy*> policies_;
};

// The network's side, for ipn_policy_module().
const ipn_host& policy_host();

}  // namespace ipn::core
