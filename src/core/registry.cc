#include "core/registry.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

#include "core/policy_call.h"

namespace ipn::core {

Result<void> check_network_name(std::string_view name) {
    constexpr std::size_t kLengthMax = 63;
    constexpr std::string_view kLetters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    if (name.size() > kLengthMax)
        return fail(ENAMETOOLONG,
                    "a network's name has at most 63 bytes, not " + std::to_string(name.size()));
    if (name.empty() || name.front() == '.' || name.find_first_not_of(kLetters) != name.npos)
        return fail(EINVAL,
                    "a network's name is made of A-Z a-z 0-9 . _ - and does not begin with a dot");
    return {};
}

Registry::Registry(const Clock& clock, const Limits& limits)
    : clock_(clock),
      limits_(limits),
      memory_(limits.memory),
      packets_(memory_),
      work_(clock, limits.gather) {
    memory_.on_room([this] {
        const AssumeLoop here;
        for (const std::uint64_t id : std::exchange(awaiting_memory_, {}))
            if (Network* network = find(id)) network->memory_freed();
    });
}

Registry::~Registry() {
    const AssumeLoop here;
    while (!networks_.empty()) {
        const std::size_t before = networks_.size();
        destroy(*networks_.begin()->second);
        IPN_CHECK(networks_.size() < before);
    }
}

Result<Network*> Registry::create(std::string_view name, Ownership directory) {
    if (auto valid = check_network_name(name); !valid) return tl::unexpected(valid.error());
    if (find(name) != nullptr) return fail(EEXIST, "there is a network of that name");
    if (networks_.size() >= limits_.networks) {
        return fail(ENOSPC, "the mount has " + std::to_string(networks_.size()) +
                                " networks, as many as max_networks allows");
    }
    const std::uint64_t id = next_id();
    auto made = std::make_unique<Network>(*this, id, std::string(name), defaults_, directory);
    Network* network = made.get();
    if (auto bound = network->bind_first(); !bound) return tl::unexpected(std::move(bound.error()));
    try {
        policies_.observers().make_place(id);
        by_name_.emplace(network->name_, network);
        networks_.emplace(id, std::move(made));
    } catch (const std::bad_alloc&) {
        by_name_.erase(network->name_);
        policies_.observers().forget_place(id);
        throw;
    }
    last_id_ = id;
    policies_.observers().created(*network);
    network->created_ =
        tell({.kind = Event::Kind::create, .network = network, .policy = network->policy().name()});
    return network;
}

Result<void> Registry::unlink(Network& network) {
    if (network.nodes() > 0) {
        return fail(EBUSY, std::to_string(network.nodes()) +
                               " nodes are connected (end it by force: user.ipn.state down)");
    }
    forget_name(network);
    return {};
}

void Registry::restore_name(Network& network) {
    by_name_.emplace(network.name_, &network);
}

void Registry::forget_name(const Network& network) {
    if (find(network.name_) == &network) by_name_.erase(network.name_);
}

void Registry::destroy(Network& network) {
    forget_name(network);
    if (network.state() == Network::State::up)
        network.shut_down();
    else if (network.attached_ == 0)
        erase(network);
}

void Registry::erase(Network& network) {
    const std::uint64_t id = network.id_;
    policies_.observers().destroyed(network);
    tell({.kind = Event::Kind::destroy, .network = &network});
    networks_.erase(id);
    if (on_gone_) on_gone_(id);
}

Result<void> Registry::rename(Network& network, std::string_view name) {
    if (auto valid = check_network_name(name); !valid) return valid;
    if (find(name) != nullptr) return fail(EEXIST, "there is a network of that name");
    if (find(network.name_) != &network) return fail(ENOENT, "the network has lost its name");
    std::string copy(name);
    by_name_.emplace(copy, &network);
    by_name_.erase(network.name_);
    network.name_ = std::move(copy);
    tell({.kind = Event::Kind::rename, .network = &network});
    return {};
}

Network* Registry::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
}

Network* Registry::find(std::uint64_t id) const {
    const auto found = networks_.find(id);
    return found == networks_.end() ? nullptr : found->second.get();
}

Result<void> Registry::set_default(const Option& option, std::string_view text) {
    NetworkOptions wanted = defaults_;
    if (auto parsed = set(wanted, option, text); !parsed) return parsed;
    if (auto known = policies_.find_for_network(wanted.policy); !known)
        return tl::unexpected(std::move(known.error()));
    defaults_ = std::move(wanted);
    return {};
}

Result<void> Registry::set_policy_default(Policy& policy, std::size_t index,
                                          std::optional<std::string_view> text) {
    if (!text) {
        policy.defaults.erase(index);
        return {};
    }
    {
        const PolicyCall call(policies_, policy);
        const int answer =
            policy.table().setsockopt(nullptr, IPN_PORT_ANY, index, text->data(), text->size());
        if (auto good = call.result_of(answer, "the policy refused the value"); !good) return good;
    }
    policy.defaults.insert_or_assign(index, std::string(*text));
    return {};
}

Stamp Registry::tell(Event event) {
    event.stamp = {++last_event_, clock_.wall()};
    if (events_ != nullptr) events_->happened(event);
    return event.stamp;
}

void Registry::replay(const std::function<void(const Event&)>& function) const {
    std::vector<Event> events;
    std::deque<std::string> values;
    policies_.for_each([&](const Policy& policy) {
        events.push_back({.kind = Event::Kind::policy_registered,
                          .policy = policy.name(),
                          .stamp = policy.registered});
    });
    for_each([&](const Network& network) { network.history(events, values); });
    std::sort(events.begin(), events.end(),
              [](const Event& a, const Event& b) { return a.stamp.seq < b.stamp.seq; });
    for (const Event& event : events) function(event);
}

void Registry::await_memory(Network& network) {
    const auto known = std::find(awaiting_memory_.begin(), awaiting_memory_.end(), network.id());
    if (known == awaiting_memory_.end()) awaiting_memory_.push_back(network.id());
    memory_.await_room();
}

}  // namespace ipn::core
