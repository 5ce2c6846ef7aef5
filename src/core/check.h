// IPN_CHECK: assertions about the program itself, on in every build.
//
// Only for what no input, however hostile, can make false. What a user, a client or the system can
// cause is an outcome (a small enum) or a failure (a Result, see error.h), never a check.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ipn::core {

[[noreturn]] inline void check_failed(const char* what, const char* file, int line) {
    std::fprintf(stderr, "ipnfs: %s:%d: check failed: %s\n", file, line, what);
    std::abort();
}

}  // namespace ipn::core

#define IPN_CHECK(condition)                \
    (static_cast<bool>(condition) ? void(0) \
                                  : ::ipn::core::check_failed(#condition, __FILE__, __LINE__))
