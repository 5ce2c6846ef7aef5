// run_work: the loop's part of delivering, without a loop.
#pragma once

#include "core/work.h"

namespace ipn::test {

// Runs until nothing is left. Returns how many items ran; a test that never comes to rest is
// stopped.
inline int run_work(core::WorkQueue& work) {
    constexpr int kEndless = 100'000;
    int ran = 0;
    for (; !work.empty(); ++ran) {
        IPN_CHECK(ran < kEndless);
        work.run_one();
    }
    return ran;
}

}  // namespace ipn::test
