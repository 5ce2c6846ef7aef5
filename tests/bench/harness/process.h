// Process: a child of the benchmark, killed and reaped with its owner.
// A child dies with the benchmark (PR_SET_PDEATHSIG). Not done: pipes between children; those who
// need one pass descriptors in Stdio.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/clock.h"
#include "harness/usage.h"

namespace bench {

// Descriptors that a program starts with; -1 is /dev/null.
struct Stdio {
    int in = -1;
    int out = -1;
    int err = 2;
};

class Process {
  public:
    // Runs `body` in a forked child; an exception in it is printed and ends the child with
    // status 1.
    static Process fork(const std::string& name, const std::function<void()>& body);
    // Runs a program found in PATH, with `environment` ("NAME=value") added.
    static Process exec(const std::vector<std::string>& argv, const Stdio& stdio = {},
                        const std::vector<std::string>& environment = {});

    Process(Process&& other) noexcept
        : pid_(std::exchange(other.pid_, 0)), name_(std::move(other.name_)) {}
    Process& operator=(Process&&) = delete;
    ~Process();

    pid_t id() const { return pid_; }

    // Waits for the end; throws if that takes longer or the status is not 0.
    void wait(Milliseconds timeout);
    // Throws if the child has ended.
    void expect_running();
    // Sends SIGKILL and does not wait: to end many children at once before they are destroyed.
    void kill() const;
    // What the child has used so far.
    Usage usage(UsageDetail detail = UsageDetail::processor_time) const {
        return usage_of(pid_, detail);
    }
    double cpu_seconds() const { return usage().cpu_s; }

  private:
    Process(pid_t pid, std::string name) : pid_(pid), name_(std::move(name)) {}
    bool reap(Milliseconds timeout, int& status);

    pid_t pid_;  // 0: none, or already reaped
    std::string name_;
};

// Ends all of them, in one time-out's worth of waiting.
void end_all(std::vector<Process>& processes);

}  // namespace bench
