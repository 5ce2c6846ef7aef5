// Usage: what a process has used of the processors so far, or in an interval.
#pragma once

#include <sys/types.h>

namespace bench {

struct Usage {
    double cpu_s = 0;
    // Only if asked for, since they cost some reading of /proc:
    double user_s = 0;    // in the program itself
    double system_s = 0;  // in the kernel on its behalf
    double switches = 0;  // to another process, because it waited or because its time was up

    Usage& operator+=(const Usage& other) {
        cpu_s += other.cpu_s;
        user_s += other.user_s;
        system_s += other.system_s;
        switches += other.switches;
        return *this;
    }
    friend Usage operator-(const Usage& after, const Usage& before) {
        return {.cpu_s = after.cpu_s - before.cpu_s,
                .user_s = after.user_s - before.user_s,
                .system_s = after.system_s - before.system_s,
                .switches = after.switches - before.switches};
    }
};

enum class UsageDetail { processor_time, everything };

Usage usage_of(pid_t pid, UsageDetail detail);

}  // namespace bench
