// Policies: those that networks of this mount can be bound to, and those that watch them.
//
// Lifecycle: registered at mount or later (Policies knows nothing of files and modules), and
// removed when no network is bound to them. A table belongs to its module, which outlives its
// registration. What a module does wrong is told here, once or not too often, with its name.
// Threads: the loop only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/observers.h"
#include "core/on_loop.h"
#include "core/policy.h"
#include "ipn/policy.h"

namespace ipn::core {

class Network;
class Registry;

class Policies {
  public:
    // `registry`: whose networks observers are told of, null if there are none.
    explicit Policies(Registry* registry = nullptr) : registry_(registry) {}
    Policies(const Policies&) = delete;
    Policies& operator=(const Policies&) = delete;

    // Asks a module for its table. EPROTO: it says that it cannot work here. `called`: what to name
    // it meanwhile.
    Result<const ipn_policy*> start(const ipn_policy* (*module)(const ipn_host*),
                                    const std::string& called);
    // EPROTO: not a table of this API; EEXIST: the name is taken.
    Result<Policy*> add(const ipn_policy* table, Policy::Origin origin = {});
    // One that was taken out, again.
    Result<Policy*> add(std::unique_ptr<Policy> policy);
    // ENOENT; EADDRINUSE: a network is bound to it, or the next one would be.
    Result<std::unique_ptr<Policy>> remove(std::string_view name) IPN_ON_LOOP;

    // Null if there is none of that name, or with that serial number.
    Policy* find(std::string_view name) const;
    Policy* find(std::uint32_t serial) const;
    // One that networks can be bound to; else EINVAL with the names of those that there are.
    Result<Policy*> find_for_network(std::string_view name) const;
    template <typename Function>
    void for_each(Function function) const {
        for (const auto& policy : policies_) function(*policy);
    }

    Observers& observers() { return observers_; }
    Registry* registry() const { return registry_; }

    // Where warnings go: one line without a final newline, at most kWarningsMax a minute.
    void on_warning(std::function<void(const std::string&)> log) { log_ = std::move(log); }
    // `network`: may be null.
    void warn(const Policy& policy, const Network* network, std::string_view words);

    static constexpr unsigned kWarningsMax = 60;

  private:
    bool may_warn();

    Registry* const registry_;
    std::vector<std::unique_ptr<Policy>> policies_;  // in the order of their registration
    std::uint32_t last_serial_ = 0;
    Observers observers_{*this};
    std::function<void(const std::string&)> log_;
    Instant warnings_since_{};
    unsigned warnings_ = 0;  // since then
};

// The network's side, for ipn_policy_module().
const ipn_host& policy_host();

}  // namespace ipn::core
