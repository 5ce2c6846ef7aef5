// What nobody outside can tell: where addresses hash to, and the address of a switch.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <new>

namespace ipn::vdeswitch {

// The kernel always has some; if it had not, there would be no switch: std::bad_alloc.
inline std::uint64_t entropy() {
    std::uint64_t drawn = 0;
    if (getentropy(&drawn, sizeof drawn) != 0) throw std::bad_alloc();
    return drawn;
}

}  // namespace ipn::vdeswitch
