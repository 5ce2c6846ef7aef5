// vde_switch -hub, spoken to by its own protocol: a stream socket `ctl` on which a client announces
// its datagram socket and learns the switch's, then one datagram a frame. Lossy: the switch drops
// what does not fit into a client's queue. Carries frames of up to 1518 bytes.
#pragma once

#include <memory>
#include <string>

#include "transports/transport.h"

namespace bench {

std::unique_ptr<Transport> make_vde(const std::string& name, const std::string& directory,
                                    const WindowSetting& window);

}  // namespace bench
