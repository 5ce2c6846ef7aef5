// The connector policy of ipnfs: readers subscribe to one message id, idle nodes to many others.
#pragma once

#include <memory>
#include <string>

#include "transports/ipnfs_mount.h"
#include "transports/transport.h"

namespace bench {

// `ids`: how many there are on the bus, the one with the traffic included.
std::string connector_name(unsigned ids);

// `module`: the path of connector.so.
std::unique_ptr<Transport> make_connector(const IpnfsPlace& place, const std::string& module,
                                          unsigned ids);

}  // namespace bench
