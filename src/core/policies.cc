#include "core/policies.h"

#include <algorithm>

#include "core/network.h"
#include "core/policy_call.h"
#include "core/registry.h"
#include "core/text.h"

namespace ipn::core {

Result<const ipn_policy*> Policies::start(const ipn_policy* (*module)(const ipn_host*),
                                          const std::string& called) {
    const auto nameless = Policy::nameless(called);
    const PolicyCall call(*this, *nameless);
    const ipn_policy* table = module(&policy_host());
    if (table == nullptr)
        return fail(EPROTO, call.words("the module says that it cannot work here"));
    return table;
}

Result<Policy*> Policies::add(const ipn_policy* table, Policy::Origin origin) {
    auto policy = Policy::read(table, std::move(origin));
    if (!policy) return tl::unexpected(std::move(policy.error()));
    return add(std::move(*policy));
}

Result<Policy*> Policies::add(std::unique_ptr<Policy> policy) {
    const AssumeLoop here;
    if (find(policy->name()) != nullptr)
        return fail(EEXIST, "policy '" + policy->name() + "' is registered already");
    if (policy->serial == 0) policy->serial = ++last_serial_;
    Policy& added = *policies_.emplace_back(std::move(policy));
    try {
        if (added.hooks() != nullptr) observers_.add(added, registry_);
    } catch (const std::bad_alloc&) {
        policies_.pop_back();
        throw;
    }
    observers_.policy_registered(added.name(), true);
    if (registry_ != nullptr) {
        added.registered =
            registry_->tell({.kind = Event::Kind::policy_registered, .policy = added.name()});
    }
    return &added;
}

Result<std::unique_ptr<Policy>> Policies::remove(std::string_view name) {
    const auto found = std::find_if(policies_.begin(), policies_.end(),
                                    [&](const auto& policy) { return policy->name() == name; });
    if (found == policies_.end()) return fail(ENOENT, "no such policy is registered");
    if ((*found)->networks > 0) {
        return fail(EADDRINUSE, "networks that are bound to this policy: " +
                                    std::to_string((*found)->networks));
    }
    if (registry_ != nullptr && registry_->defaults().policy == name)
        return fail(EADDRINUSE,
                    "new networks are bound to this policy (user.ipn.policy of the root)");
    std::unique_ptr<Policy> removed = std::move(*found);
    policies_.erase(found);
    if (removed->hooks() != nullptr) observers_.remove(*removed, registry_);
    observers_.policy_registered(removed->name(), false);
    if (registry_ != nullptr)
        registry_->tell({.kind = Event::Kind::policy_unregistered, .policy = removed->name()});
    return removed;
}

Policy* Policies::find(std::string_view name) const {
    for (const auto& policy : policies_)
        if (policy->name() == name) return policy.get();
    return nullptr;
}

Policy* Policies::find(std::uint32_t serial) const {
    for (const auto& policy : policies_)
        if (policy->serial == serial) return policy.get();
    return nullptr;
}

Result<Policy*> Policies::find_for_network(std::string_view name) const {
    Policy* policy = find(name);
    if (policy != nullptr && policy->handles_packets()) return policy;
    if (policy != nullptr)
        return fail(EINVAL, "policy '" + std::string(name) + "' only watches networks");
    std::string known;
    for (const auto& each : policies_)
        if (each->handles_packets()) known += (known.empty() ? "" : ", ") + each->name();
    return fail(EINVAL, "no policy " + quoted(name) + " is registered; there are: " + known);
}

void Policies::warn(const Policy& policy, const Network* network, std::string_view words) {
    if (!log_ || !may_warn()) return;
    constexpr std::size_t kLengthMax = 1000;
    std::string line = "policy " + policy.name();
    if (network != nullptr) line += ", network " + network->name();
    words = words.substr(0, kLengthMax);
    log_(line + ": " + (is_text(words) ? std::string(words) : quoted(words)));
    if (warnings_ == kWarningsMax) log_("policies: further warnings of this minute are left out");
}

bool Policies::may_warn() {
    constexpr std::chrono::minutes kPeriod(1);
    const Instant now = registry_ == nullptr ? Instant() : registry_->clock().now();
    if (warnings_ == 0 || now - warnings_since_ >= kPeriod) {
        warnings_since_ = now;
        warnings_ = 0;
    }
    return ++warnings_ <= kWarningsMax;
}

}  // namespace ipn::core
