#include "core/observers.h"

#include <algorithm>

#include "core/network.h"
#include "core/policies.h"
#include "core/policy.h"
#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "core/registry.h"

namespace ipn::core {

void Observers::add(Policy& policy, const Registry* registry) {
    std::list<Observer> one;
    one.push_back({policy, {}});
    Observer& observer = one.front();
    if (registry != nullptr)
        registry->for_each([&](const Network& network) { observer.contexts[network.id()]; });
    observers_.splice(observers_.end(), one);

    policies_.for_each([&](const Policy& known) {
        const AssumeLoop here;
        if (&known != &policy) tell_policy(observer, known.name(), true);
    });
    if (registry == nullptr) return;
    registry->for_each([&](Network& network) {
        const AssumeLoop here;
        tell_created(observer, network);
        tell_bound(observer, network);
        if (network.state() != Network::State::up) tell_shutdown(observer, network);
    });
}

void Observers::remove(const Policy& policy, const Registry* registry) {
    const auto found =
        std::find_if(observers_.begin(), observers_.end(),
                     [&](const Observer& observer) { return &observer.policy == &policy; });
    if (found == observers_.end()) return;
    if (registry != nullptr) {
        registry->for_each([&](Network& network) {
            const AssumeLoop here;
            if (network.state() == Network::State::up) tell_shutdown(*found, network);
            tell_destroyed(*found, network);
        });
    }
    observers_.erase(found);
}

void Observers::make_place(std::uint64_t network) {
    for (Observer& observer : observers_) observer.contexts[network];
}

void Observers::forget_place(std::uint64_t network) {
    for (Observer& observer : observers_) observer.contexts.erase(network);
}

void Observers::created(Network& network) {
    for (Observer& observer : observers_) {
        tell_created(observer, network);
        tell_bound(observer, network);
    }
}

void Observers::bound(Network& network) {
    for (Observer& observer : observers_) tell_bound(observer, network);
}

void Observers::shutting_down(Network& network) {
    for (Observer& observer : observers_) tell_shutdown(observer, network);
}

void Observers::destroyed(Network& network) {
    for (Observer& observer : observers_) tell_destroyed(observer, network);
}

void Observers::policy_registered(const std::string& name, bool registered) {
    for (Observer& observer : observers_) tell_policy(observer, name, registered);
}

void Observers::tell_created(Observer& observer, Network& network) {
    const PolicyCall call(policies_, observer.policy, &network);
    observer.contexts.at(network.id()) = observer.policy.hooks()->create(handle(network));
}

void Observers::tell_bound(Observer& observer, Network& network) {
    const auto bound = observer.policy.hooks()->bound;
    if (bound == nullptr) return;
    const PolicyCall call(policies_, observer.policy, &network);
    bound(handle(network), observer.contexts.at(network.id()), network.policy().name().c_str());
}

void Observers::tell_shutdown(Observer& observer, Network& network) {
    const auto shutdown = observer.policy.hooks()->shutdown;
    if (shutdown == nullptr) return;
    const PolicyCall call(policies_, observer.policy, &network);
    shutdown(handle(network), observer.contexts.at(network.id()));
}

void Observers::tell_destroyed(Observer& observer, Network& network) {
    const auto context = observer.contexts.extract(network.id());
    const PolicyCall call(policies_, observer.policy, &network);
    observer.policy.hooks()->destroy(handle(network), context.mapped());
}

void Observers::tell_policy(Observer& observer, const std::string& name, bool registered) {
    const auto told = observer.policy.hooks()->policy_registered;
    if (told == nullptr) return;
    const PolicyCall call(policies_, observer.policy);
    told(name.c_str(), registered ? 1 : 0);
}

}  // namespace ipn::core
