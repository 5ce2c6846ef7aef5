#include "harness/cores.h"

#include "harness/errors.h"

namespace bench {

Cores::Cores(Placement placement) {
    check(::sched_getaffinity(0, sizeof before_, &before_), "sched_getaffinity");
    if (placement == Placement::all_cores) return;
    int first = 0;
    while (!CPU_ISSET(first, &before_)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    check(::sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
}

Cores::~Cores() {
    ::sched_setaffinity(0, sizeof before_, &before_);
}

}  // namespace bench
