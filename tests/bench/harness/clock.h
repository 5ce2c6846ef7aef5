// Time as the benchmark measures it: CLOCK_MONOTONIC, which all processes of a machine share.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace bench {

using Nanoseconds = std::chrono::nanoseconds;
using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC on Linux

inline std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
}

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

inline void sleep_for(Nanoseconds duration) {
    const auto s = std::chrono::duration_cast<std::chrono::seconds>(duration);
    const timespec time{.tv_sec = s.count(), .tv_nsec = (duration - s).count()};
    ::nanosleep(&time, nullptr);
}

}  // namespace bench
