#include "fs/policy_attributes.h"

#include <utility>

namespace ipn::fs {

using core::Change;
using core::fail;
using core::Network;
using core::Policy;
using core::Result;

namespace {

// The number of the port that a place stands for, if it is in use or reserved.
std::optional<std::uint32_t> port_of(const Place& place) {
    if (place.open != nullptr) {
        const core::Node& node = place.open->node();
        if (node.state() != core::Node::State::connected) return std::nullopt;
        return node.number();
    }
    if (place.kind != Place::Kind::numbered) return std::nullopt;
    const bool there = place.network->node_at(place.number) != nullptr ||
                       place.network->reservation(place.number) != nullptr;
    return there ? std::optional(place.number) : std::nullopt;
}

// Whether the kernel would let `caller` write there, as far as is known here: of its groups only
// the first is.
bool may_write(const core::Credentials& caller, const core::Ownership& owner) {
    if (caller.uid == 0) return true;
    if (caller.uid == owner.uid) return (owner.mode & 0200u) != 0;
    if (caller.gid == owner.gid) return (owner.mode & 0020u) != 0;
    return (owner.mode & 0002u) != 0;
}

std::string name_of(const PolicyAttributes::Option& option) {
    return option.policy->name() + "." + option.row().name;
}

}  // namespace

std::optional<PolicyAttributes::Option> PolicyAttributes::find(const Place& place,
                                                               std::string_view name) const {
    const std::size_t dot = name.find('.');
    if (dot == name.npos) return std::nullopt;
    Policy* policy = registry_.policies().find(name.substr(0, dot));
    if (policy == nullptr) return std::nullopt;
    const auto index = policy->find_option(name.substr(dot + 1));
    if (!index) return std::nullopt;

    Option option{policy, *index, place.network, IPN_PORT_ANY};
    const std::uint32_t flags = option.row().flags;
    if (place.kind == Place::Kind::root) {
        const bool there = (flags & IPN_OPTION_NET) != 0 && (flags & IPN_OPTION_READ_ONLY) == 0;
        return there ? std::optional(option) : std::nullopt;
    }
    if (place.network == nullptr || &place.network->policy() != policy) return std::nullopt;
    if (place.kind == Place::Kind::network)
        return (flags & IPN_OPTION_NET) != 0 ? std::optional(option) : std::nullopt;
    const auto port = port_of(place);
    if (!port || (flags & IPN_OPTION_PORT) == 0) return std::nullopt;
    option.port = *port;
    return option;
}

std::string PolicyAttributes::initial(const Option& option) {
    if (option.port == IPN_PORT_ANY && option.network != nullptr) {
        const auto& defaults = option.policy->defaults;
        if (const auto set = defaults.find(option.index); set != defaults.end()) return set->second;
    }
    return option.row().initial;
}

Result<std::string> PolicyAttributes::get(const Option& option) const {
    if (option.network != nullptr) return option.network->policy_option(option.port, option.index);
    const auto set = option.policy->defaults.find(option.index);
    return set == option.policy->defaults.end() ? initial(option) : set->second;
}

Result<Change> PolicyAttributes::set(const Option& option, std::string_view value,
                                     const core::Credentials& caller) {
    const std::string name = name_of(option);
    if ((option.row().flags & IPN_OPTION_READ_ONLY) != 0)
        return fail(EPERM, name + " is read only");
    if (option.network == nullptr) return set_default(option, value);
    Network& network = *option.network;
    const bool managers_only =
        option.port != IPN_PORT_ANY && (option.row().flags & IPN_OPTION_MANAGER) != 0;
    if (managers_only && !may_write(caller, network.directory)) {
        return fail(EPERM, name + " is set by those who may write the network's directory");
    }

    auto before = get(option);
    if (!before) before = initial(option);
    Change change{
        [&registry = registry_, id = network.id(), policy = option.policy->name(),
         value_before = core::PolicyValue{option.port, option.index, std::move(*before)}] {
            const core::AssumeLoop here;
            Network* still = registry.find(id);
            if (still != nullptr && still->policy().name() == policy)
                still->put_back({value_before});
        }};
    if (auto done = network.set_policy_option(option.port, option.index, value); !done)
        return fail(done.error().code, name + ": " + done.error().words);
    return change;
}

Result<Change> PolicyAttributes::reset(const Option& option, const core::Credentials& caller) {
    if (option.network == nullptr) return set_default(option, std::nullopt);
    const bool read_only = (option.row().flags & IPN_OPTION_READ_ONLY) != 0;
    return set(option, read_only ? std::string() : initial(option), caller);
}

Result<Change> PolicyAttributes::set_default(const Option& option,
                                             std::optional<std::string_view> value) {
    const auto& defaults = option.policy->defaults;
    std::optional<std::string> before;
    if (const auto set = defaults.find(option.index); set != defaults.end()) before = set->second;
    Change change{
        [&registry = registry_, policy = option.policy->name(), index = option.index, before] {
            const core::AssumeLoop here;
            if (Policy* still = registry.policies().find(policy))
                static_cast<void>(registry.set_policy_default(*still, index, before));
        }};
    auto done = registry_.set_policy_default(*option.policy, option.index, value);
    if (!done) return fail(done.error().code, name_of(option) + ": " + done.error().words);
    return change;
}

void PolicyAttributes::list(const Place& place, std::vector<std::string>& names) const {
    const bool root = place.kind == Place::Kind::root;
    const bool connected = place.open != nullptr || (place.kind == Place::Kind::numbered &&
                                                     place.network->node_at(place.number));
    const auto list_of = [&](const Policy& policy) {
        const core::AssumeLoop here;
        const bool by_default = policy.name() == registry_.defaults().policy;
        for (std::size_t index = 0; index < policy.options().size(); ++index) {
            const std::string name = policy.name() + "." + policy.options()[index].name;
            const auto option = find(place, name);
            if (!option) continue;
            const bool read_only = (option->row().flags & IPN_OPTION_READ_ONLY) != 0;
            const bool listed = root ? by_default || policy.defaults.contains(index)
                                     : (connected || !read_only) && get(*option);
            if (listed) names.push_back(name);
        }
    };
    if (root)
        registry_.policies().for_each([&](const Policy& policy) { list_of(policy); });
    else if (place.network != nullptr)
        list_of(place.network->policy());
}

}  // namespace ipn::fs
