// A network and its policy: being bound to one, what it presets, and its own options.

#include <new>
#include <utility>

#include "core/binding.h"
#include "core/network.h"
#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "core/policy_timer.h"
#include "core/registry.h"

namespace ipn::core {
namespace {

PolicyFiles files_of(const Policy& policy, const Ownership& directory) {
    const Ownership view{directory.mode & 0444, directory.uid, directory.gid};
    const Ownership endpoint{directory.mode & 0666, directory.uid, directory.gid};
    return {std::vector<Ownership>(policy.views().size(), view), directory, endpoint, {}};
}

}  // namespace

// ---- binding

Result<void> Network::bind_first() {
    const auto policy = registry_.policies().find_for_network(options_.policy);
    if (!policy) return tl::unexpected(policy.error());
    NetworkOptions wanted = options_;
    follow_presets(wanted, nullptr, **policy);
    if (auto bound = bind(wanted); !bound) return bound;
    gate_open_ = options_.minreaders == 0;
    return {};
}

Result<void> Network::bind(const NetworkOptions& wanted) {
    const auto policy = registry_.policies().find_for_network(wanted.policy);
    if (!policy) return tl::unexpected(policy.error());
    if (auto enough = check_size(wanted.numnodes); !enough) return enough;

    auto binding = std::make_unique<Binding>(**policy);
    PolicyFiles files = files_of(**policy, directory);
    NetworkOptions before = wanted;
    std::swap(options_, before);
    swap_binding(binding);
    if (auto begun = begin_policy(); !begun) {
        swap_binding(binding);
        std::swap(options_, before);
        return begun;
    }
    if (binding) {
        swap_binding(binding);
        end_policy();
        swap_binding(binding);
    }
    binding_->held_before = backlog_->held();
    ++binding_number_;
    policy_files = std::move(files);
    return {};
}

void Network::swap_binding(std::unique_ptr<Binding>& other) {
    std::swap(binding_, other);
    policy_ = binding_ == nullptr ? nullptr : &binding_->policy;
}

Result<void> Network::begin_policy() {
    if (const auto newnet = policy_->table().newnet) {
        const PolicyCall call(*this);
        auto begun = call.result_of(newnet(handle(*this)), "the policy refused the network");
        if (!begun) {
            disown_timers();
            return begun;
        }
    }
    ++policy_->networks;
    for (const auto& [index, text] : policy_->defaults) {
        auto done = give_policy_option(IPN_PORT_ANY, index, text);
        if (done) continue;
        end_policy();
        return done;
    }
    return {};
}

void Network::end_policy() {
    if (const auto delnet = policy_->table().delnet) {
        const PolicyCall call(*this);
        delnet(handle(*this));
    }
    disown_timers();
    if (const std::uint32_t held = backlog_->held(); held > binding_->held_before) {
        registry_.policies().warn(*policy_, this,
                                  "it still holds " + std::to_string(held - binding_->held_before) +
                                      " packets of a network that it no longer has");
    }
    --policy_->networks;
}

void Network::disown_timers() {
    std::size_t timers = 0;
    for (; !binding_->timers.empty(); ++timers) binding_->timers.pop_front().disown();
    if (timers > 0) {
        registry_.policies().warn(*policy_, this,
                                  "it left " + std::to_string(timers) + " timers behind");
    }
}

PolicyTimer* Network::new_timer(void (*expired)(void*), void* context) {
    auto* timer = new PolicyTimer(*this, expired, context);
    binding_->timers.push_back(*timer);
    return timer;
}

void*& Network::policy_private() {
    return binding_->private_data;
}

void Network::hold_writers(bool held) {
    binding_->writers_held = held;
    if (!held) let_writers_go_on();
}

// ---- presets

std::string Network::initial(const Option& option, const Policy& policy) const {
    const char* preset = policy.preset(option.name);
    return preset == nullptr ? option.show(registry_.defaults()) : std::string(preset);
}

void Network::follow_presets(NetworkOptions& options, const Policy* from, const Policy& to) const {
    const auto preset_by_either = [&](const Option& option) {
        return to.preset(option.name) != nullptr ||
               (from != nullptr && from->preset(option.name) != nullptr);
    };
    for (const Option& option : core::options()) {
        if (was_set(option) || !preset_by_either(option)) continue;
        const auto followed = set(options, option, initial(option, to));
        IPN_CHECK(followed);  // presets were checked when the policy was registered
    }
}

// ---- the policy's own options

Result<std::string> Network::policy_option(std::uint32_t port, std::size_t index) {
    constexpr std::size_t kUsual = 256;
    constexpr std::size_t kLengthMax = 65536;
    const auto getsockopt = policy_->table().getsockopt;
    std::string value(kUsual, '\0');
    const PolicyCall call(*this);
    for (;;) {
        const int answer = getsockopt(handle(*this), port, index, value.data(), value.size());
        if (answer == -ENODATA) return fail(ENODATA, call.words("the option has no value"));
        if (answer < 0) return fail(call.error_of(answer), call.words("the policy has no answer"));
        const auto length = static_cast<std::size_t>(answer);
        if (length > kLengthMax) return fail(call.error_of(answer), "the value is too long");
        const bool whole = length <= value.size();
        value.resize(length);
        if (whole) return value;
    }
}

Result<void> Network::set_policy_option(std::uint32_t port, std::size_t index,
                                        std::string_view text) {
    const ipn_option& option = policy_->options()[index];
    if (state_ != State::up) return fail(EPIPE, "the network is shutting down");
    if ((option.flags & IPN_OPTION_UNCONNECTED) != 0 && nodes_ > 0) {
        return fail(EBUSY, std::string(option.name) +
                               " can only change while no node is connected, and " +
                               std::to_string(nodes_) + " are");
    }
    if (auto given = give_policy_option(port, index, text); !given) return given;
    registry_.tell({.kind = Event::Kind::option,
                    .network = this,
                    .policy = policy_->name(),
                    .option = option.name,
                    .port = port,
                    .value = text});
    return {};
}

Result<void> Network::give_policy_option(std::uint32_t port, std::size_t index,
                                         std::string_view text) {
    const PolicyCall call(*this);
    return call.result_of(
        policy_->table().setsockopt(handle(*this), port, index, text.data(), text.size()),
        "the policy refused the value");
}

std::vector<PolicyValue> Network::policy_values() {
    std::vector<PolicyValue> values = policy_values(IPN_PORT_ANY);
    for (const auto& [number, kept] : reservations_)
        for (PolicyValue& value : policy_values(number)) values.push_back(std::move(value));
    return values;
}

std::vector<PolicyValue> Network::policy_values(std::uint32_t port) {
    const std::uint32_t wanted = port == IPN_PORT_ANY ? IPN_OPTION_NET : IPN_OPTION_PORT;
    std::vector<PolicyValue> values;
    for (std::size_t index = 0; index < policy_->options().size(); ++index) {
        const std::uint32_t flags = policy_->options()[index].flags;
        if ((flags & wanted) == 0 || (flags & IPN_OPTION_READ_ONLY) != 0) continue;
        if (auto value = policy_option(port, index))
            values.push_back({port, index, std::move(*value)});
    }
    return values;
}

std::uint64_t Network::policy_stat(std::size_t index) {
    const PolicyCall call(*this);
    return policy_->stats()[index].value(handle(*this));
}

void Network::put_back(const std::vector<PolicyValue>& values) {
    for (const auto& [port, index, text] : values)
        if (index < policy_->options().size() && (port == IPN_PORT_ANY || taken_.contains(port)))
            static_cast<void>(set_policy_option(port, index, text));
}

void Network::reset_port(std::uint32_t number) {
    const auto resetport = policy_->table().resetport;
    if (resetport == nullptr || taken_.contains(number)) return;
    const PolicyCall call(*this);
    resetport(handle(*this), number);
}

}  // namespace ipn::core
