// Error and Result: how an operating failure travels.
//
// Three kinds of trouble are kept apart everywhere in ipnfs:
//  - a programmer's error is an IPN_CHECK (check.h);
//  - an expected outcome is a small enum, handled where it occurs (Receive, Send, …);
//  - a failure that somebody must be told about is a Result<T>: an errno for the program that asked
//    and words for the person behind it (shown as `user.ipn.error`, in the log, on stderr).
//
// Library code returns errors and never logs them. Only fs/wire.h decides what the kernel sees.
#pragma once

#include <cerrno>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace ipn::core {

struct Error {
    int code;  // an errno value, 1..511
    std::string
        words;  // one sentence without a final stop; names what was wrong and what would be right
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(int code, std::string words) {
    return tl::unexpected<Error>(Error{code, std::move(words)});
}

}  // namespace ipn::core
