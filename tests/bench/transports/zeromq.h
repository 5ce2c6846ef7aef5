// ZeroMQ PUB/SUB over ipc; for two that answer each other, PAIR over ipc.
// The publisher waits when a subscriber's queue is full (XPUB_NODROP), so nothing is lost, as PUB
// alone would; its XPUB face tells when every subscriber is there.
#pragma once

#include <memory>
#include <string>

#include "transports/transport.h"

namespace bench {

std::unique_ptr<Transport> make_zeromq(const std::string& directory);

}  // namespace bench
