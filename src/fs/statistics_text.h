// What is counted, as text: `stats` of a network, `.ipnfs/metrics` of the mount.
//
// Threads: the loop only. Not done: counting; see core/statistics.h.
#pragma once

#include <string>

#include "core/on_loop.h"
#include "core/registry.h"

namespace ipn::fs {

// `name value` a line: of the network, of its policy, then of each port that is in use as
// port.NUMBER.name.
std::string stats_text(core::Network& network) IPN_ON_LOOP;

// OpenMetrics 1.0 text (https://prometheus.io/docs/specs/om/open_metrics_spec/): families
// ipnfs_NAME of the mount, ipnfs_network_NAME and ipnfs_port_NAME of all networks that are up.
std::string metrics_text(core::Registry& registry) IPN_ON_LOOP;

}  // namespace ipn::fs
