// ZeroMQ PUB/SUB over ipc; for two that answer each other, PAIR over ipc.
// The publisher waits when a subscriber's queue is full (XPUB_NODROP), so nothing is lost, as PUB
// alone would; its XPUB face tells when every subscriber is there.
#pragma once

#include <memory>
#include <string>

#include "transports/transport.h"

namespace bench {

inline constexpr const char* zeromq_topics_name = "ZeroMQ topics";

// With `topics`, messages begin with one of so many topics that the subscribers subscribe to, each
// to its share of those that nobody publishes; 0: they subscribe to everything.
std::unique_ptr<Transport> make_zeromq(const std::string& directory, unsigned topics = 0);

}  // namespace bench
