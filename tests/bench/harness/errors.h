// Errors: whatever the benchmark cannot do ends the measurement at hand, as an exception that
// carries the system's errno and words. The suite catches it per measurement and reports "n/a" with
// the reason.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace bench {

[[noreturn]] inline void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// The result of a system call, or an exception when it is negative.
template <typename T>
T check(T result, const std::string& what) {
    if (result < 0) fail(what);
    return result;
}

}  // namespace bench
