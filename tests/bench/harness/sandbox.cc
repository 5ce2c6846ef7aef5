#include "harness/sandbox.h"

#include <fmt/core.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "harness/errors.h"
#include "harness/temporary_directory.h"

namespace bench {

namespace {

constexpr unsigned datagrams_queued = 512;  // systemd's default for net.unix.max_dgram_qlen

void furnish(const std::string& directory) {
    check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts");
    check(::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr), "/proc");
    check(::mount("tmpfs", directory.c_str(), "tmpfs", MS_NOSUID, nullptr), "tmpfs");
    std::ofstream("/proc/sys/net/unix/max_dgram_qlen") << datagrams_queued;
    rlimit descriptors;
    check(::getrlimit(RLIMIT_NOFILE, &descriptors), "limit of open files");
    descriptors.rlim_cur = descriptors.rlim_max;
    check(::setrlimit(RLIMIT_NOFILE, &descriptors), "limit of open files");
}

[[noreturn]] void run_inside(const std::string& directory,
                             const std::function<int(const std::string&)>& body) {
    int status = 1;
    try {
        check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        sigset_t none;
        sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        furnish(directory);
        status = body(directory);
    } catch (const std::exception& error) {
        fmt::print(stderr, "ipnfs-bench: {}\n", error.what());
    }
    std::fflush(nullptr);
    ::_exit(status);
}

pid_t fork_into_namespaces() {
    constexpr unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | SIGCHLD;
    const long pid = ::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr);
    return static_cast<pid_t>(check(pid, "namespaces (needs root)"));
}

}  // namespace

int run_in_sandbox(std::chrono::seconds timeout,
                   const std::function<int(const std::string&)>& body) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);

    const TemporaryDirectory directory(std::filesystem::temp_directory_path());
    std::fflush(nullptr);
    const pid_t inside = fork_into_namespaces();
    if (inside == 0) run_inside(directory.path(), body);

    const timespec limit{.tv_sec = timeout.count(), .tv_nsec = 0};
    const int signal = ::sigtimedwait(&signals, nullptr, &limit);
    if (signal != SIGCHLD) {
        fmt::print(stderr, "ipnfs-bench: {}\n", signal < 0 ? "timed out" : "interrupted");
        ::kill(inside, SIGKILL);
    }
    int status = 0;
    check(::waitpid(inside, &status, 0), "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace bench
