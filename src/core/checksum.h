// Checksum: the Internet's (RFC 1071), the one's complement sum of 16-bit words.
//
// Words are added as they lie in memory, whatever the machine's byte order: the sum then lies in
// memory the same way. Of several pieces only the last may have an odd number of bytes. It does not
// overflow before some 2^30 pieces.
// Not done: the complement is the caller's, who knows what a field of 0 means (in UDP: none).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ipn::core {

// A number as it lies in memory in network order.
constexpr std::uint16_t to_network(std::uint32_t number) {
    const auto low = static_cast<std::uint16_t>(number);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return static_cast<std::uint16_t>(low << 8 | low >> 8);
#else
    return low;
#endif
}

class Checksum {
  public:
    void add(std::uint16_t word) { sum_ += word; }
    // One's complement: undoes add().
    void subtract(std::uint16_t word) { sum_ += static_cast<std::uint16_t>(~word); }
    void add(std::span<const std::byte> bytes) {
        walk(bytes, [](const std::byte*, const void*, std::size_t) {});
    }
    // Adds what it copies: in one pass, since it is memory that costs.
    void copy(std::byte* to, std::span<const std::byte> from) {
        const std::byte* const start = from.data();
        walk(from, [to, start](const std::byte* at, const void* word, std::size_t size) {
            std::memcpy(to + (at - start), word, size);
        });
    }

    std::uint16_t sum() const {
        std::uint64_t sum = sum_;
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        return static_cast<std::uint16_t>(sum);
    }

  private:
    template <typename Word>
    static Word load(const std::byte* from) {
        Word word;
        std::memcpy(&word, from, sizeof word);
        return word;
    }

    // Adds `bytes`, and tells `see` of each word that was loaded.
    template <typename See>
    void walk(std::span<const std::byte> bytes, See see) {
        const std::byte* at = bytes.data();
        std::size_t left = bytes.size();
        const auto next = [&](auto word) {
            word = load<decltype(word)>(at);
            see(at, &word, sizeof word);
            at += sizeof word;
            left -= sizeof word;
            return word;
        };
        // Two sums of eight bytes at a time, whose carries are counted: the compiler keeps all of
        // it in registers.
        std::uint64_t even = 0, odd = 0, carries = 0;
        while (left >= 2 * sizeof even) {
            const std::uint64_t first = next(std::uint64_t{}), second = next(std::uint64_t{});
            even += first;
            carries += even < first;
            odd += second;
            carries += odd < second;
        }
        const auto halves = [](std::uint64_t sum) { return (sum & 0xffffffff) + (sum >> 32); };
        sum_ += halves(even) + halves(odd) + carries;
        // NOLINTNEXTLINE(bugprone-infinite-loop): next() makes less of what is left
        while (left >= sizeof(std::uint16_t)) sum_ += next(std::uint16_t{});
        if (left > 0) {
            const std::byte last[2] = {*at, std::byte{0}};
            see(at, last, 1);
            sum_ += load<std::uint16_t>(last);
        }
    }

    std::uint64_t sum_ = 0;
};

}  // namespace ipn::core
