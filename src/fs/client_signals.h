// Whether a client has a signal that it will act on as soon as its request is answered.
//
// From /proc, so about 20 us. Not for each request.
#pragma once

#include <cstdint>

namespace ipn::fs {

// `client`: a thread's id, as requests have it. False if nothing can be said: it is 0 (in another
// pid namespace), gone or hidden.
bool has_signal(std::uint32_t client);

}  // namespace ipn::fs
