// Clock: time as the core sees it, so that tests can turn it by hand.
#pragma once

#include <chrono>

namespace ipn::core {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;   // never goes back
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;  // for people

class Clock {
  public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    virtual WallTime wall() const = 0;  // may be a few milliseconds coarse: stamped on every packet
    virtual WallTime exact_wall() const = 0;  // to the nanosecond, and for that dearer
};

}  // namespace ipn::core
