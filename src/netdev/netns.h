// Namespace: a network namespace, held open, and doing something in it.
//
// A thread that enters a namespace may be unable to come back. Hence run_in() makes a thread for
// the purpose, which ends when it is through.
// Threads: any, but never the loop's: all of it can wait.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "netdev/fd.h"

namespace ipn::netdev {

class Namespace {
  public:
    explicit Namespace(Fd fd) : fd_(std::move(fd)) {}

    // ESRCH: no such process.
    static core::Result<Namespace> of_process(std::uint32_t pid);
    // The calling thread's.
    static core::Result<Namespace> own();
    // As a user names one: a name in /run/netns or, if there is none, a pid. EINVAL.
    static core::Result<Namespace> named(const std::string& name);
    // A new one, in which there is nothing, and nobody.
    static core::Result<Namespace> make();

    int fd() const { return fd_.get(); }
    // "net:[NUMBER]".
    std::string text() const;
    bool same_as(const Namespace& other) const;

  private:
    Fd fd_;
};

// Whether named() can be asked: one component of a path.
bool is_namespace_name(std::string_view name);

// Makes a thread enter `where`, and waits for it; the rest of the process stays where it is.
core::Result<void> run_on_thread_in(const Namespace& where,
                                    const std::function<core::Result<void>()>& function);

// Returns what `function` does there, a Result.
template <typename Function>
auto run_in(const Namespace& where, Function function) {
    decltype(function()) result = core::fail(EIO, "it was not done");
    const auto ran = run_on_thread_in(where, [&]() -> core::Result<void> {
        result = function();
        return {};
    });
    if (!ran) result = tl::unexpected(ran.error());
    return result;
}

}  // namespace ipn::netdev
