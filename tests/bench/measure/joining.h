// Joining: what it costs to join a network and to leave it again, beside those who are there.
#pragma once

#include "transports/transport.h"

namespace bench {

// The median time of both together on a network that has `nodes` readers already.
double join_and_leave_us(Transport& transport, unsigned nodes);

}  // namespace bench
