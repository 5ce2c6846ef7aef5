// Observers: the registered policies that want to know of every network (struct ipn_hooks).
//
// For each network an observer's calls never overlap and come in order: create, bound (again at
// every change), shutdown, destroy; what create answered is handed to the others. Whoever is added
// late is told of the networks and policies that exist; to whoever is removed, networks end.
// Invariants: (1) an observer has a place for the context of every network that was announced, so
// that no notice can fail; (2) a network is announced when it is complete, and forgotten before it
// goes. Threads: the loop only.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "core/on_loop.h"

namespace ipn::core {

class Network;
class Policies;
class Policy;
class Registry;

class Observers {
  public:
    explicit Observers(Policies& policies) : policies_(policies) {}

    // Tells `policy`, which has hooks, of all networks of `registry` (may be null) and of all
    // policies but itself. May throw std::bad_alloc, having told nothing.
    void add(Policy& policy, const Registry* registry) IPN_ON_LOOP;
    void remove(const Policy& policy, const Registry* registry) IPN_ON_LOOP;

    // Makes places for the context of a network that is about to be announced. May throw
    // std::bad_alloc; then, as for a network that is not announced after all, forget_place().
    void make_place(std::uint64_t network) IPN_ON_LOOP;
    void forget_place(std::uint64_t network) IPN_ON_LOOP;

    void created(Network& network) IPN_ON_LOOP;
    void bound(Network& network) IPN_ON_LOOP;
    void shutting_down(Network& network) IPN_ON_LOOP;
    void destroyed(Network& network) IPN_ON_LOOP;
    void policy_registered(const std::string& name, bool registered) IPN_ON_LOOP;

  private:
    struct Observer {
        Policy& policy;
        std::unordered_map<std::uint64_t, void*> contexts;
    };

    void tell_created(Observer& observer, Network& network) IPN_ON_LOOP;
    void tell_bound(Observer& observer, Network& network) IPN_ON_LOOP;
    void tell_shutdown(Observer& observer, Network& network) IPN_ON_LOOP;
    void tell_destroyed(Observer& observer, Network& network) IPN_ON_LOOP;
    void tell_policy(Observer& observer, const std::string& name, bool registered) IPN_ON_LOOP;

    Policies& policies_;
    std::list<Observer> observers_;  // in the order of their registration
};

}  // namespace ipn::core
