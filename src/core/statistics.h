// Statistics: what is counted of a network and its nodes, as one list of named numbers each.
//
// The file `stats` and the metrics of a mount are written from these lists, so that they never
// differ. Reading them costs time that grows with the network's nodes; counting costs nothing
// beside the packet. Threads: the loop only. Not done: how they are written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/network.h"
#include "core/on_loop.h"

namespace ipn::core {

struct Statistic {
    enum class Kind : std::uint8_t {
        counter,  // only grows, as long as the network or the node is there
        gauge,
    };
    std::string name;  // [a-z0-9_]; a policy's own: POLICY.name
    Kind kind;
    std::uint64_t value;
    std::string help;  // what it counts, in a few words
};

// Of the network, then what its policy counts. slowest_port is only there while somebody holds the
// network up.
std::vector<Statistic> statistics_of(Network& network) IPN_ON_LOOP;
std::vector<Statistic> statistics_of(const Node& node);

}  // namespace ipn::core
