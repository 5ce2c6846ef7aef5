// Random: numbers that depend on the seed and nothing else, on every machine and with every
// library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace ipn::sim {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {  // splitmix64
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    unsigned below(std::size_t bound) { return static_cast<unsigned>(next() % bound); }
    unsigned between(unsigned low, unsigned high) { return low + below(high - low + 1); }
    bool chance(unsigned percent) { return below(100) < percent; }

    template <typename T>
    T of(std::initializer_list<T> values) {
        return values.begin()[below(values.size())];
    }
    // Any element of a container that is not empty.
    template <typename Container>
    auto& any(Container& container) {
        auto position = container.begin();
        for (unsigned skip = below(container.size()); skip > 0; --skip) ++position;
        return *position;
    }

  private:
    std::uint64_t state_;
};

}  // namespace ipn::sim
