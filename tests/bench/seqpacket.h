// One SOCK_SEQPACKET socket pair per receiver: what a program does that has no network to join.
// The sender sends every packet once to each receiver. Lossless; 212,992 bytes of socket buffer
// each.
#pragma once

#include <memory>

#include "transport.h"

namespace bench {

std::unique_ptr<Transport> make_seqpacket();

}  // namespace bench
