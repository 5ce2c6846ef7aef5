// AllocationCounter: how often a program has asked the heap for memory so far, counted inside it by
// count_allocations.so.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/temporary_directory.h"

namespace bench {

class AllocationCounter {
  public:
    // `preload` is the path of count_allocations.so.
    AllocationCounter(const std::string& directory, std::string preload);
    ~AllocationCounter();
    AllocationCounter(const AllocationCounter&) = delete;
    AllocationCounter& operator=(const AllocationCounter&) = delete;

    // What the program to be counted must have in its environment. One program per counter.
    std::vector<std::string> environment() const;
    std::uint64_t count() const { return counter_->load(); }

  private:
    std::string file() const { return directory_.path() + "/allocations"; }

    TemporaryDirectory directory_;
    std::string preload_;
    std::atomic<std::uint64_t>* counter_;
};

}  // namespace bench
