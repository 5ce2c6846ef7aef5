#include "fs/attributes.h"

#include <array>
#include <charconv>
#include <string>

#include "core/text.h"
#include "fs/capture_filter.h"

namespace ipn::fs {

using core::Change;
using core::fail;
using core::Network;
using core::Node;
using core::Result;
using core::Role;

namespace {

// What is connected or reserved at a place, if anything.
struct Port {
    Node* node;
    core::Reservation* reservation;
    std::uint32_t number;
    Network* network;
};

Port port_at(const Place& place) {
    if (place.open != nullptr) {
        Node& node = place.open->node();
        return {&node, nullptr, node.number(), &node.network()};
    }
    if (place.kind == Place::Kind::interface) {
        Node* node = place.interface->interface->node();
        if (node == nullptr) return {nullptr, nullptr, 0, nullptr};
        return {node, nullptr, node->number(), &node->network()};
    }
    if (place.kind != Place::Kind::numbered) return {nullptr, nullptr, 0, nullptr};
    return {place.network->node_at(place.number), place.network->reservation(place.number),
            place.number, place.network};
}

using Set = Result<Change> (*)(const Port& port, std::string_view value);

// A node's attributes, all in one table. Those of a reserved port that nobody uses are the ones
// that need no node.
struct NodeAttribute {
    std::string_view name;
    Result<std::string> (*get)(const Port& port);
    Set set;  // null: read only
};

template <std::uint64_t Node::Counters::*Counter>
Result<std::string> counter(const Port& port) {
    if (port.node == nullptr) return fail(ENODATA, "nobody is connected to this port");
    return std::to_string(port.node->counters().*Counter);
}

template <std::uint32_t core::Credentials::*Member>
Result<std::string> credential(const Port& port) {
    if (port.node == nullptr) return fail(ENODATA, "nobody is connected to this port");
    return std::to_string(port.node->credentials().*Member);
}

Result<std::string> description(const Port& port) {
    return port.node != nullptr ? port.node->description() : port.reservation->description;
}

Result<Change> set_description(const Port& port, std::string_view value) {
    const core::AssumeLoop here;
    Change change{[&registry = port.network->registry(), id = port.network->id(), node = port.node,
                   number = port.number, before = *description(port)] {
        const core::AssumeLoop loop;
        Network* still = registry.find(id);
        if (still == nullptr) return;
        if (core::Reservation* kept = still->reservation(number)) kept->description = before;
        if (node != nullptr && still->node_at(number) == node)
            static_cast<void>(node->set_description(before));
    }};
    if (port.node != nullptr) {
        if (auto set = port.node->set_description(value); !set)
            return tl::unexpected(std::move(set.error()));
    } else {
        if (auto valid = Node::check_description(value); !valid)
            return tl::unexpected(std::move(valid.error()));
        port.reservation->description = value;
    }
    return change;
}

Result<std::string> role(const Port& port) {
    if (port.node == nullptr) return fail(ENODATA, "nobody is connected to this port");
    return std::string(to_string(port.node->role()));
}

Result<Change> set_role(const Port& port, std::string_view value) {
    const core::AssumeLoop here;
    if (port.node == nullptr) return fail(EINVAL, "nobody is connected to this port");
    for (const Role wanted : {Role::none, Role::reader, Role::writer, Role::both}) {
        if (value != to_string(wanted)) continue;
        auto narrowed = port.node->narrow(wanted);
        if (!narrowed) return tl::unexpected(std::move(narrowed.error()));
        return Change{};
    }
    return fail(EINVAL, "a role is reader, writer, both or none");
}

Result<std::string> want_oob(const Port& port) {
    if (port.node == nullptr) return fail(ENODATA, "nobody is connected to this port");
    return std::string(port.node->wants_oob() ? "1" : "0");
}

Result<Change> set_want_oob(const Port& port, std::string_view value) {
    const core::AssumeLoop here;
    if (port.node == nullptr) return fail(EINVAL, "nobody is connected to this port");
    if (value != "0" && value != "1")
        return fail(EINVAL, "want_oob: " + core::quoted(value) + " is neither '0' nor '1'");
    Change change{[&registry = port.network->registry(), id = port.network->id(), node = port.node,
                   number = port.number, before = port.node->wants_oob()] {
        const core::AssumeLoop loop;
        Network* still = registry.find(id);
        Node* connected = still == nullptr ? nullptr : still->node_at(number);
        if (connected != nullptr && connected == node) connected->want_oob(before);
    }};
    port.node->want_oob(value == "1");
    return change;
}

template <std::uint32_t core::Credentials::*Member>
Result<std::string> peer(const Port& port) {
    if (port.node == nullptr || !port.node->peer)
        return fail(ENODATA, "the policy has named no other end");
    return std::to_string(port.node->peer.get()->*Member);
}

constexpr std::array kNodeAttributes{
    NodeAttribute{"descr", description, set_description},
    NodeAttribute{"role", role, set_role},
    NodeAttribute{"want_oob", want_oob, set_want_oob},
    NodeAttribute{
        "number",
        [](const Port& port) -> Result<std::string> { return std::to_string(port.number); },
        nullptr},
    NodeAttribute{"kind",
                  [](const Port& port) -> Result<std::string> {
                      return std::string(port.node == nullptr ? "reserved"
                                                              : to_string(port.node->kind()));
                  },
                  nullptr},
    NodeAttribute{"from",
                  [](const Port& port) -> Result<std::string> {
                      if (port.node == nullptr || port.node->last_from() == Node::kNobody)
                          return fail(ENODATA, "no packet was read yet");
                      return std::to_string(port.node->last_from());
                  },
                  nullptr},
    NodeAttribute{"pid", credential<&core::Credentials::pid>, nullptr},
    NodeAttribute{"uid", credential<&core::Credentials::uid>, nullptr},
    NodeAttribute{"gid", credential<&core::Credentials::gid>, nullptr},
    NodeAttribute{"peer_pid", peer<&core::Credentials::pid>, nullptr},
    NodeAttribute{"peer_uid", peer<&core::Credentials::uid>, nullptr},
    NodeAttribute{"peer_gid", peer<&core::Credentials::gid>, nullptr},
    NodeAttribute{"received", counter<&Node::Counters::received>, nullptr},
    NodeAttribute{"sent", counter<&Node::Counters::sent>, nullptr},
    NodeAttribute{"dropped", counter<&Node::Counters::dropped>, nullptr},
    NodeAttribute{"truncated", counter<&Node::Counters::truncated>, nullptr},
    NodeAttribute{"oob_dropped",
                  [](const Port& port) -> Result<std::string> {
                      if (port.node == nullptr)
                          return fail(ENODATA, "nobody is connected to this port");
                      return std::to_string(port.node->oob_dropped());
                  },
                  nullptr},
};

const NodeAttribute* find_node_attribute(std::string_view name) {
    for (const NodeAttribute& attribute : kNodeAttributes)
        if (attribute.name == name) return &attribute;
    return nullptr;
}

// Facts about a network that are shown, not set.
struct Fact {
    std::string_view name;
    std::string (*get)(const Network& network);
};

constexpr std::array<Fact, 4> kFacts{{
    {"netid", [](const Network& network) { return std::to_string(network.id()); }},
    {"readers", [](const Network& network) { return std::to_string(network.readers()); }},
    {"writers", [](const Network& network) { return std::to_string(network.writers()); }},
    {"nodes", [](const Network& network) { return std::to_string(network.nodes()); }},
}};

const Fact* find_fact(std::string_view name) {
    for (const Fact& fact : kFacts)
        if (fact.name == name) return &fact;
    return nullptr;
}

constexpr std::string_view kState = "state";
constexpr std::string_view kUp = "up";
constexpr std::string_view kDown = "down";

auto unknown_to_write(std::string_view name) {
    return fail(EOPNOTSUPP, "there is no attribute " + core::quoted(name) + " here");
}
auto unknown_to_read() {
    return fail(ENODATA, "there is no such attribute here");
}

constexpr std::string_view kNetns = "netns";
constexpr std::string_view kShare = "share";

// What is said of the directory that interfaces are made in.
std::string* namespace_of(const Place& place) {
    if (place.kind == Place::Kind::taps) return &place.network->taps.netns;
    if (place.kind == Place::Kind::grabs) return &place.network->grabs.netns;
    return nullptr;
}

bool has_options(const Place& place) {
    return place.kind == Place::Kind::root || place.kind == Place::Kind::network;
}

}  // namespace

Result<std::string> Attributes::get(const Place& place, std::string_view name) const {
    if (has_options(place)) {
        const core::NetworkOptions& values =
            place.kind == Place::Kind::root ? registry_.defaults() : place.network->options();
        if (const core::Option* option = core::find_option(name)) return option->show(values);
    }
    if (place.kind == Place::Kind::network) {
        if (const Fact* fact = find_fact(name)) return fact->get(*place.network);
        if (name == kState)
            return std::string(place.network->state() == Network::State::up ? kUp
                                                                            : "shutting-down");
    }
    if (const std::string* netns = namespace_of(place); netns != nullptr && name == kNetns) {
        if (netns->empty()) return fail(ENODATA, "interfaces are made where their maker is");
        return *netns;
    }
    if (place.kind == Place::Kind::grabs && name == kShare)
        return std::string(place.network->grabs.share ? "1" : "0");
    if (const auto option = of_policies_.find(place, name)) return of_policies_.get(*option);
    const Port port = port_at(place);
    if (port.node == nullptr && port.reservation == nullptr) return unknown_to_read();
    const NodeAttribute* attribute = find_node_attribute(name);
    return attribute == nullptr ? unknown_to_read() : attribute->get(port);
}

Result<Change> Attributes::set(const Place& place, std::string_view name, std::string_view value,
                               const core::Credentials& caller) {
    if (has_options(place))
        if (const core::Option* option = core::find_option(name))
            return set_option(place, *option, value);
    if (place.kind == Place::Kind::network) {
        if (name == kState) return set_state(*place.network, value);
        if (find_fact(name) != nullptr) return fail(EPERM, std::string(name) + " is read only");
    }
    if (namespace_of(place) != nullptr && name == kNetns) return set_namespace(place, value);
    if (place.kind == Place::Kind::grabs && name == kShare) return set_share(place, value);
    if (const auto option = of_policies_.find(place, name))
        return of_policies_.set(*option, value, caller);
    const Port port = port_at(place);
    if (port.node == nullptr && port.reservation == nullptr) return unknown_to_write(name);
    const NodeAttribute* attribute = find_node_attribute(name);
    if (attribute == nullptr) return unknown_to_write(name);
    if (attribute->set == nullptr) return fail(EPERM, std::string(name) + " is read only");
    return attribute->set(port, value);
}

Result<Change> Attributes::reset(const Place& place, std::string_view name,
                                 const core::Credentials& caller) {
    if (has_options(place))
        if (const core::Option* option = core::find_option(name))
            return set_option(place, *option, std::nullopt);
    if (const auto option = of_policies_.find(place, name))
        return of_policies_.reset(*option, caller);
    if (name == "descr" || (namespace_of(place) != nullptr && name == kNetns))
        return set(place, name, "", caller);
    if (place.kind == Place::Kind::grabs && name == kShare) return set(place, name, "0", caller);
    if (name == "want_oob") return set(place, name, "0", caller);
    if (auto known = get(place, name); !known) return tl::unexpected(std::move(known.error()));
    return fail(EPERM, std::string(name) + " has no default to go back to");
}

std::vector<std::string> Attributes::list(const Place& place) const {
    std::vector<std::string> names;
    if (has_options(place))
        for (const core::Option& option : core::options()) names.emplace_back(option.name);
    if (const std::string* netns = namespace_of(place); netns != nullptr && !netns->empty())
        names.emplace_back(kNetns);
    if (place.kind == Place::Kind::grabs) names.emplace_back(kShare);
    if (place.kind == Place::Kind::interface && place.interface->entry.kind == core::NodeKind::grab)
        names.emplace_back(kShare);
    if (place.kind == Place::Kind::interface)
        for (const std::string_view name : {"persist", "name", "netns", "ifindex", "mac", "mtu"})
            names.emplace_back(name);
    const bool connected = port_at(place).node != nullptr;
    for (const NodeAttribute& attribute : kNodeAttributes) {
        const bool listed = connected || attribute.set != nullptr;
        if (listed && !has_options(place) && get(place, attribute.name))
            names.emplace_back(attribute.name);
    }
    of_policies_.list(place, names);
    return names;
}

Result<Change> Attributes::set_option(const Place& place, const core::Option& option,
                                      std::optional<std::string_view> value) {
    if (value && option.name == core::kCaptureFilter)
        if (auto valid = check_capture_filter(*value); !valid)
            return tl::unexpected(std::move(valid.error()));
    if (place.kind == Place::Kind::root) {
        const core::NetworkOptions built_in;
        return set_default(option, value ? std::string(*value) : option.show(built_in));
    }
    Network& network = *place.network;
    auto replaced = value ? network.set_option(option, *value) : network.reset_option(option);
    if (!replaced) return tl::unexpected(std::move(replaced.error()));
    if (replaced->options.empty()) return Change{};
    return Change{[this, id = network.id(), before = std::move(*replaced)] {
        const core::AssumeLoop here;
        if (Network* still = registry_.find(id)) still->put_back(before);
    }};
}

Result<Change> Attributes::set_default(const core::Option& option, std::string_view value) {
    Change change{[this, &option, before = option.show(registry_.defaults())] {
        const core::AssumeLoop here;
        static_cast<void>(registry_.set_default(option, before));
    }};
    if (auto set = registry_.set_default(option, value); !set)
        return tl::unexpected(std::move(set.error()));
    return change;
}

Result<Change> Attributes::set_namespace(const Place& place, std::string_view value) {
    const bool possible = value.find('/') == value.npos && value != "." && value != ".." &&
                          value.size() <= 255 && core::is_text(value);
    if (!possible) return fail(EINVAL, "a network namespace is a name in /run/netns or a pid");
    std::string* netns = namespace_of(place);
    Change change{[this, id = place.network->id(), kind = place.kind, before = *netns] {
        if (Network* still = registry_.find(id))
            *namespace_of({.kind = kind, .network = still}) = before;
    }};
    *netns = value;
    return change;
}

Result<Change> Attributes::set_share(const Place& place, std::string_view value) {
    if (value != "0" && value != "1")
        return fail(EINVAL, "share: " + core::quoted(value) + " is neither '0' nor '1'");
    bool& share = place.network->grabs.share;
    Change change{[this, id = place.network->id(), before = share] {
        if (Network* still = registry_.find(id)) still->grabs.share = before;
    }};
    share = value == "1";
    return change;
}

Result<Change> Attributes::set_state(Network& network, std::string_view value) {
    const bool up = network.state() == Network::State::up;
    if (value == kDown)
        network.shut_down();
    else if (value != kUp)
        return fail(EINVAL, "a state is set to 'down', which ends the network");
    else if (!up)
        return fail(EPERM, "a network that is shutting down does not come up again");
    return Change{};
}

}  // namespace ipn::fs
