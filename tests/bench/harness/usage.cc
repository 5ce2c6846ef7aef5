#include "harness/usage.h"

#include <fmt/core.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace bench {

namespace {

double processor_seconds(pid_t pid) {
    clockid_t clock;
    timespec time;
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
        throw std::runtime_error(fmt::format("process {}: no processor clock", pid));
    }
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void add_times(pid_t pid, Usage& usage) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(file, line);
    std::istringstream fields(line.substr(line.rfind(')') + 1));  // the name may have blanks
    constexpr unsigned before_times = 11;
    std::string skipped;
    for (unsigned field = 0; field < before_times; ++field) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    const auto ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
    usage.user_s += user / ticks_per_s;
    usage.system_s += system / ticks_per_s;
}

void add_switches(pid_t pid, Usage& usage) {
    for (const auto& thread :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid))) {
        std::ifstream status(thread.path() / "status");
        for (std::string line; std::getline(status, line);) {
            const auto name = line.find("ctxt_switches:");
            if (name != std::string::npos) usage.switches += std::stod(line.substr(name + 14));
        }
    }
}

}  // namespace

Usage usage_of(pid_t pid, UsageDetail detail) {
    Usage usage{.cpu_s = processor_seconds(pid)};
    if (detail == UsageDetail::processor_time) return usage;
    add_times(pid, usage);
    add_switches(pid, usage);
    return usage;
}

}  // namespace bench
