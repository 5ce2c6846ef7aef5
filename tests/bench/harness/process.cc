#include "harness/process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include "harness/errors.h"
#include "harness/fd.h"

namespace bench {

namespace {

constexpr Milliseconds kill_timeout{2000};
constexpr int exit_cannot_exec = 127;

void redirect(int from, int to) {
    const Fd null(check(::open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null"));
    check(::dup2(from < 0 ? null.get() : from, to), "dup2");
}

[[noreturn]] void run_child(const std::string& name, const std::function<void()>& body) {
    int status = 0;
    try {
        check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        check(::prctl(PR_SET_NAME, name.c_str()), "prctl");  // for ps and perf
        body();
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}: {}\n", name, error.what());
        status = 1;
    }
    std::fflush(stderr);
    ::_exit(status);
}

}  // namespace

Process Process::fork(const std::string& name, const std::function<void()>& body) {
    std::fflush(stdout);
    const pid_t pid = check(::fork(), "fork");
    if (pid == 0) run_child(name, body);
    return {pid, name};
}

Process Process::exec(const std::vector<std::string>& argv, const Stdio& stdio,
                      const std::vector<std::string>& environment) {
    return fork(argv.front(), [&] {
        redirect(stdio.in, STDIN_FILENO);
        redirect(stdio.out, STDOUT_FILENO);
        redirect(stdio.err, STDERR_FILENO);
        for (const std::string& entry : environment) {
            const auto equals = entry.find('=');
            ::setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
        }
        std::vector<char*> arguments;
        for (const std::string& argument : argv) {
            arguments.push_back(const_cast<char*>(argument.c_str()));
        }
        arguments.push_back(nullptr);
        ::execvp(arguments.front(), arguments.data());
        fmt::print(stderr, "{}: {}\n", argv.front(), std::generic_category().message(errno));
        ::_exit(exit_cannot_exec);
    });
}

Process::~Process() {
    if (pid_ == 0) return;
    kill();
    int status = 0;
    reap(kill_timeout, status);
}

bool Process::reap(Milliseconds timeout, int& status) {
    const auto deadline = Clock::now() + timeout;
    for (Milliseconds pause{0};; pause = Milliseconds{1}) {
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = 0;
            return true;
        }
        if (Clock::now() >= deadline) return false;
        sleep_for(pause);
    }
}

void Process::wait(Milliseconds timeout) {
    int status = 0;
    if (!reap(timeout, status)) throw std::runtime_error(name_ + ": still running after time-out");
    if (status != 0)
        throw std::runtime_error(fmt::format("{}: ended with status {:#x}", name_, status));
}

void Process::expect_running() {
    int status = 0;
    if (reap(Milliseconds{0}, status)) {
        throw std::runtime_error(fmt::format("{}: ended early, status {:#x}", name_, status));
    }
}

void Process::kill() const {
    if (pid_ != 0) ::kill(pid_, SIGKILL);
}

void end_all(std::vector<Process>& processes) {
    for (const Process& process : processes) process.kill();
    processes.clear();
}

}  // namespace bench
