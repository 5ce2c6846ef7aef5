// Samples: times that one process measures and another evaluates, in shared memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace bench {

struct Percentiles {
    double p50_us;
    double p99_us;
};

class Samples {
  public:
    static constexpr std::size_t max = 1 << 14;

    bool full() const { return count_ == max; }
    void add(std::uint64_t ns) {
        if (!full()) ns_[count_++] = ns;
    }
    Percentiles percentiles() const {
        if (count_ == 0) throw std::runtime_error("nothing was measured");
        std::vector<std::uint64_t> sorted(ns_.begin(), ns_.begin() + count_);
        std::sort(sorted.begin(), sorted.end());
        const auto at = [&sorted](double share) {
            const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
            return static_cast<double>(sorted[index]) * 1e-3;
        };
        return {.p50_us = at(0.50), .p99_us = at(0.99)};
    }

  private:
    std::size_t count_ = 0;
    std::array<std::uint64_t, max> ns_{};
};

}  // namespace bench
