// PortSet: which port numbers are taken, with the lowest free one found in constant time.
//
// Three levels of 64-bit words: a set bit below means taken, a set bit above means that the whole
// word below is taken. Memory for the bottom level comes as numbers are first used.
// Limits: numbers 0..65535.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "core/check.h"

namespace ipn::core {

class PortSet {
  public:
    static constexpr std::uint32_t kSize = 65536;

    bool contains(std::uint32_t number) const {
        return number / 64 < words_.size() && (words_[number / 64] >> (number % 64) & 1u) != 0;
    }

    // The lowest number that is not in the set; kSize if there is none.
    std::uint32_t lowest_free() const {
        for (std::size_t top = 0; top < full_.size(); ++top) {
            if (full_[top] == ~std::uint64_t{0}) continue;
            const auto word = top * 64 + static_cast<std::size_t>(std::countr_one(full_[top]));
            const std::uint64_t bits = word < words_.size() ? words_[word] : 0;
            return static_cast<std::uint32_t>(word * 64) +
                   static_cast<std::uint32_t>(std::countr_one(bits));
        }
        return kSize;
    }

    // May throw std::bad_alloc, changing nothing.
    void insert(std::uint32_t number) {
        IPN_CHECK(number < kSize && !contains(number));
        const std::size_t word = number / 64;
        if (word >= words_.size()) words_.resize(word + 1);
        words_[word] |= std::uint64_t{1} << (number % 64);
        if (words_[word] == ~std::uint64_t{0}) full_[word / 64] |= std::uint64_t{1} << (word % 64);
    }

    void erase(std::uint32_t number) {
        IPN_CHECK(contains(number));
        const std::size_t word = number / 64;
        words_[word] &= ~(std::uint64_t{1} << (number % 64));
        full_[word / 64] &= ~(std::uint64_t{1} << (word % 64));
    }

    // One more than the highest number in the set, 0 if it is empty.
    std::uint32_t end() const {
        for (std::size_t word = words_.size(); word-- > 0;) {
            if (words_[word] != 0)
                return static_cast<std::uint32_t>(word * 64) +
                       static_cast<std::uint32_t>(std::bit_width(words_[word]));
        }
        return 0;
    }

  private:
    std::vector<std::uint64_t> words_;
    std::array<std::uint64_t, kSize / 64 / 64> full_{};
};

}  // namespace ipn::core
