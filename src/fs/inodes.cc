#include "fs/inodes.h"

#include <linux/fuse.h>

#include <algorithm>
#include <memory>

namespace ipn::fs {
namespace {

// A node id: the top four bits say what the rest means.
enum class Space : std::uint64_t { fixed = 0, network = 1, ports = 2, fresh = 3 };

constexpr unsigned kSpaceShift = Slots<int>::kHandleBits;
constexpr std::uint64_t kRest = (std::uint64_t{1} << kSpaceShift) - 1;

constexpr std::uint64_t kRoot = FUSE_ROOT_ID;
constexpr std::uint64_t kMount = 2;
constexpr std::uint64_t kVersion = 3;

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
            return {};
        case Space::network:
            return in_network(Place::Kind::network, rest);
        case Space::ports:
            return in_network(Place::Kind::ports, rest);
        case Space::fresh:
            break;
    }
    const Fresh* fresh = fresh_.find(rest);
    if (fresh == nullptr) return {};
    Place place = in_network(fresh->kind, fresh->network);
    place.number = fresh->number;
    if (!fresh->opens.empty()) place.open = &fresh->opens.front();
    return place;
}

std::uint64_t Inodes::stable(const Place& place) {
    switch (place.kind) {
        case Place::Kind::root:
            return node_id(Space::fixed, kRoot);
        case Place::Kind::mount:
            return node_id(Space::fixed, kMount);
        case Place::Kind::version:
            return node_id(Space::fixed, kVersion);
        case Place::Kind::network:
            return node_id(Space::network, place.network->id());
        case Place::Kind::ports:
            return node_id(Space::ports, place.network->id());
        case Place::Kind::port:
        case Place::Kind::framed:
        case Place::Kind::numbered:
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
std::uint64_t Inodes::shown(const Place& place) {
    constexpr unsigned kRangeShift = 17;
    constexpr std::uint64_t kPorts = core::PortSet::kSize;
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
        case Place::Kind::network:
            return range;
        case Place::Kind::port:
            return range + 1;
        case Place::Kind::ports:
            return range + 2;
        case Place::Kind::framed:
            return range + 3;
        case Place::Kind::numbered:
            return range + kPorts + place.number;
    }
    return 0;
}

}  // namespace ipn::fs
