// A pipe for each reader, filled by tee(2) and splice(2): the sender writes once and the kernel
// hands the same pages to all. What crosses is bytes, no packets: the readers cut them by a length
// that they know beforehand. Lossless; one sender only; pipes of 1 MiB.
#pragma once

#include <memory>

#include "transports/transport.h"

namespace bench {

inline constexpr const char* tee_pipes_name = "tee(2), bytes";

std::unique_ptr<Transport> make_tee_pipes(unsigned packets_a_write);

}  // namespace bench
