#include "fs/inodes.h"

#include <linux/fuse.h>

#include <algorithm>
#include <memory>

namespace ipn::fs {
namespace {

// A node id: the top four bits say what the rest means.
enum class Space : std::uint64_t {
    fixed = 0,
    network = 1,
    ports = 2,
    fresh = 3,
    policy = 4,
    views = 5,
    of_policy = 6,
    stats = 7,
    capture = 9,
    oob = 10,
    taps = 11,
    grabs = 12,
    interface = 13,
};

constexpr unsigned kSpaceShift = Slots<int>::kHandleBits;
constexpr std::uint64_t kRest = (std::uint64_t{1} << kSpaceShift) - 1;

constexpr std::uint64_t kRoot = FUSE_ROOT_ID;
constexpr std::uint64_t kMount = 2;
constexpr std::uint64_t kVersion = 3;
constexpr std::uint64_t kPolicies = 4;
constexpr std::uint64_t kMetrics = 5;
constexpr std::uint64_t kEvents = 8;

// What a network has because of the policy that it is bound to: which network, which binding of it,
// and which of the policy's files; the last one stands for the directory of endpoints.
struct OfPolicy {
    static constexpr unsigned kIndexBits = 10, kBindingBits = 14;
    static constexpr std::uint64_t kEndpoints = (1u << kIndexBits) - 1;

    std::uint64_t network, binding, index;

    static OfPolicy from(std::uint64_t rest) {
        return {rest >> (kIndexBits + kBindingBits),
                rest >> kIndexBits & ((1u << kBindingBits) - 1), rest & kEndpoints};
    }
    static std::uint64_t rest(const core::Network& network, std::uint64_t index) {
        const std::uint64_t binding = network.binding_number() & ((1u << kBindingBits) - 1);
        return network.id() << (kIndexBits + kBindingBits) | binding << kIndexBits | index;
    }
};

// FNV-1a.
std::uint64_t hash(std::uint64_t seed, std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325 ^ seed;
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return value;
}

std::uint64_t node_id(Space space, std::uint64_t rest) {
    return static_cast<std::uint64_t>(space) << kSpaceShift | rest;
}

}  // namespace

Place Inodes::find(std::uint64_t id) const {
    const std::uint64_t rest = id & kRest;
    const auto in_network = [&](Place::Kind kind, std::uint64_t network) {
        Place place{.kind = kind, .network = registry_.find(network)};
        if (place.network == nullptr) place.kind = Place::Kind::gone;
        return place;
    };
    switch (static_cast<Space>(id >> kSpaceShift)) {
        case Space::fixed:
            if (rest == kRoot) return {.kind = Place::Kind::root};
            if (rest == kMount) return {.kind = Place::Kind::mount};
            if (rest == kVersion) return {.kind = Place::Kind::version};
            if (rest == kPolicies) return {.kind = Place::Kind::policies};
            if (rest == kMetrics) return {.kind = Place::Kind::metrics};
            if (rest == kEvents) return {.kind = Place::Kind::events};
            return {};
        case Space::policy: {
            const auto serial = static_cast<std::uint32_t>(rest);
            if (registry_.policies().find(serial) == nullptr) return {};
            return {.kind = Place::Kind::policy, .number = serial};
        }
        case Space::network:
            return in_network(Place::Kind::network, rest);
        case Space::ports:
            return in_network(Place::Kind::ports, rest);
        case Space::taps:
            return in_network(Place::Kind::taps, rest);
        case Space::grabs:
            return in_network(Place::Kind::grabs, rest);
        case Space::interface: {
            InterfaceFile* file = interfaces_.find(rest);
            if (file == nullptr) return {};
            Place place = in_network(Place::Kind::interface, file->network);
            place.interface = file;
            return place;
        }
        case Space::views:
            return in_network(Place::Kind::views, rest);
        case Space::stats:
            return in_network(Place::Kind::stats, rest);
        case Space::oob:
            return in_network(Place::Kind::oob, rest);
        case Space::capture:
            return in_network(Place::Kind::capture, rest);
        case Space::of_policy:
            return find_of_policy(rest);
        case Space::fresh:
            break;
    }
    const Fresh* fresh = fresh_.find(rest);
    if (fresh == nullptr) return {};
    Place place = in_network(fresh->kind, fresh->network);
    place.number = fresh->number;
    if (!fresh->opens.empty()) place.open = &fresh->opens.front();
    if (fresh->name) {
        place.name = *fresh->name;
        const bool bound =
            place.network != nullptr && place.network->binding_number() == fresh->number;
        if (!bound) place.kind = Place::Kind::gone;
    }
    return place;
}

Place Inodes::find_of_policy(std::uint64_t rest) const {
    const OfPolicy file = OfPolicy::from(rest);
    core::Network* network = registry_.find(file.network);
    if (network == nullptr || OfPolicy::rest(*network, file.index) != rest) return {};
    const core::Policy& policy = network->policy();
    if (file.index == OfPolicy::kEndpoints) {
        if (policy.endpoints() == nullptr) return {};
        return {.kind = Place::Kind::endpoints, .network = network};
    }
    if (file.index >= policy.views().size()) return {};
    return {.kind = Place::Kind::view,
            .network = network,
            .number = static_cast<std::uint32_t>(file.index)};
}

std::uint64_t Inodes::stable(const Place& place) {
    switch (place.kind) {
        case Place::Kind::root:
            return node_id(Space::fixed, kRoot);
        case Place::Kind::mount:
            return node_id(Space::fixed, kMount);
        case Place::Kind::version:
            return node_id(Space::fixed, kVersion);
        case Place::Kind::policies:
            return node_id(Space::fixed, kPolicies);
        case Place::Kind::metrics:
            return node_id(Space::fixed, kMetrics);
        case Place::Kind::events:
            return node_id(Space::fixed, kEvents);
        case Place::Kind::policy:
            return node_id(Space::policy, place.number);
        case Place::Kind::network:
            return node_id(Space::network, place.network->id());
        case Place::Kind::ports:
            return node_id(Space::ports, place.network->id());
        case Place::Kind::taps:
            return node_id(Space::taps, place.network->id());
        case Place::Kind::grabs:
            return node_id(Space::grabs, place.network->id());
        case Place::Kind::interface:
            return node_id(Space::interface, place.interface->id);
        case Place::Kind::views:
            return node_id(Space::views, place.network->id());
        case Place::Kind::stats:
            return node_id(Space::stats, place.network->id());
        case Place::Kind::oob:
            return node_id(Space::oob, place.network->id());
        case Place::Kind::capture:
            return node_id(Space::capture, place.network->id());
        case Place::Kind::view:
            return node_id(Space::of_policy, OfPolicy::rest(*place.network, place.number));
        case Place::Kind::endpoints:
            return node_id(Space::of_policy, OfPolicy::rest(*place.network, OfPolicy::kEndpoints));
        case Place::Kind::port:
        case Place::Kind::framed:
        case Place::Kind::numbered:
        case Place::Kind::endpoint:
        case Place::Kind::gone:
            break;
    }
    IPN_CHECK(false);
    return 0;
}

std::uint64_t Inodes::fresh(const Place& place) {
    IPN_CHECK(place.is_port());
    auto made = std::make_unique<Fresh>();
    made->kind = place.kind;
    made->number = place.number;
    if (place.kind == Place::Kind::endpoint) {
        made->number = place.network->binding_number();
        made->name = std::make_unique<const std::string>(place.name);
    }
    made->network = place.network->id();
    made->lookups = 1;
    return node_id(Space::fresh, fresh_.insert(std::move(made)));
}

void Inodes::forget(std::uint64_t id, std::uint64_t lookups) {
    if (static_cast<Space>(id >> kSpaceShift) != Space::fresh) return;
    Fresh* fresh = fresh_.find(id & kRest);
    if (fresh == nullptr) return;
    fresh->lookups -= std::min(lookups, fresh->lookups);
    if (fresh->lookups == 0) fresh_.erase(id & kRest);
}

void Inodes::opened(std::uint64_t id, OpenPort& open) {
    Fresh* fresh = fresh_.find(id & kRest);
    IPN_CHECK(fresh != nullptr);
    fresh->opens.push_back(open);
}

// Every network has a range of its own; in it the fixed names come first, then the port numbers.
// The names of endpoints are too many for it.
std::uint64_t Inodes::shown(const Place& place) {
    constexpr unsigned kRangeShift = 17;
    constexpr std::uint64_t kPorts = core::PortSet::kSize;
    constexpr std::uint64_t kViews = 1024;
    // No network comes as far as these.
    constexpr std::uint64_t kInterfaceRange = std::uint64_t{1} << 61;
    constexpr std::uint64_t kPolicyRange = std::uint64_t{1} << 62;
    constexpr std::uint64_t kEndpointRange = std::uint64_t{1} << 63;
    const std::uint64_t range = place.network == nullptr ? 0 : place.network->id() << kRangeShift;
    switch (place.kind) {
        case Place::Kind::gone:
            return 0;
        case Place::Kind::root:
            return kRoot;
        case Place::Kind::mount:
            return kMount;
        case Place::Kind::version:
            return kVersion;
        case Place::Kind::policies:
            return kPolicies;
        case Place::Kind::metrics:
            return kMetrics;
        case Place::Kind::events:
            return kEvents;
        case Place::Kind::policy:
            return kPolicyRange + place.number;
        case Place::Kind::network:
            return range;
        case Place::Kind::port:
            return range + 1;
        case Place::Kind::ports:
            return range + 2;
        case Place::Kind::framed:
            return range + 3;
        case Place::Kind::views:
            return range + 4;
        case Place::Kind::endpoints:
            return range + 5;
        case Place::Kind::stats:
            return range + 6;
        case Place::Kind::capture:
            return range + 9;
        case Place::Kind::oob:
            return range + 10;
        case Place::Kind::taps:
            return range + 11;
        case Place::Kind::grabs:
            return range + 12;
        case Place::Kind::interface:
            return kInterfaceRange + place.interface->id;
        case Place::Kind::view:
            return range + kViews + place.number;
        case Place::Kind::numbered:
            return range + kPorts + place.number;
        case Place::Kind::endpoint:
            return kEndpointRange | hash(range, place.name);
    }
    return 0;
}

}  // namespace ipn::fs
