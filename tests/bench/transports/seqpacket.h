// SOCK_SEQPACKET sockets: what a program does that has no network to join. Each receiver has an
// inbox, a socket pair, and whoever sends puts every packet into each inbox but its own. Lossless;
// 212,992 bytes of socket buffer each.
#pragma once

#include <memory>
#include <string>

#include "transports/transport.h"

namespace bench {

std::string seqpacket_name(unsigned packets_a_call);

// `packets_a_call` more than one: by sendmmsg(2) and recvmmsg(2).
std::unique_ptr<Transport> make_seqpacket(unsigned packets_a_call = 1);

}  // namespace bench
