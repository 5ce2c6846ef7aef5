// Fdb: the filtering database, which stations were heard at which port.
//
// A station is an address in a VLAN. It is learned from the source of a frame, lives until nothing
// was heard of it for the ageing time, and moves to another port where it is heard if its old one
// has not heard it for the persistence time: what loops, or pretends, does not move it at once.
// Invariants: (1) at most table_size stations; (2) of each port, stations are in a list, the one
// heard longest ago first; (3) what lookup() finds is not aged; (4) in the table of places, the
// buckets between the one that a key belongs in and the one that it is in are full.
// Limits, and the attack they prevent: when the table is full, the port with the most stations
// loses its oldest one, so that a port which sends from a million addresses displaces its own, and
// the stations of a port that has no more than its share stay.
// Cost: lookup() and learn() of a known station take constant time and no memory; what lookup()
// needs is in one line of the cache, so that it costs the same however many are known. A new
// station takes memory until the table has had its size once, and the logarithm of the number of
// ports.
// Time: milliseconds of any clock that does not go back. Threads: the loop only. Not done: a timer
// that removes the aged; they are removed when somebody looks or room is needed.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "entropy.h"
#include "ethernet.h"
#include "port_heap.h"

namespace ipn::vdeswitch {

class Fdb {
  public:
    static constexpr std::uint32_t kSizeMax = 1024 * 1024;

    struct Limits {
        std::uint64_t ageing_ms = 300'000;
        std::uint64_t persistence_ms = 3'000;
        std::uint32_t table_size = 16'384;

        bool operator==(const Limits&) const = default;
    };
    struct Counters {
        std::uint64_t learned = 0;
        std::uint64_t moved = 0;
        std::uint64_t moves_refused = 0;  // too early
        std::uint64_t evicted = 0;
        std::uint64_t aged = 0;
        std::uint64_t flushed = 0;
    };
    struct Station {
        Mac mac;
        Vlan vlan;
        std::uint32_t port;
        std::uint64_t heard_ms;
    };
    // With no memory for it, or for a new station: std::bad_alloc, and nothing changed.
    Fdb() : buckets_(kBucketsMin) {}

    const Limits& limits() const { return limits_; }
    void set_limits(const Limits& limits, std::uint64_t now_ms);

    // The port where the station was heard last.
    std::optional<std::uint32_t> lookup(Mac mac, Vlan vlan, std::uint64_t now_ms) const {
        const Place* found = find(key_of(mac, vlan));
        if (found == nullptr) return std::nullopt;
        // If the oldest of the port is not aged, none is: most often nothing of it need be read.
        if (is_aged(ports_[found->port].oldest_ms, now_ms) &&
            is_aged(entries_[found->entry].heard_ms, now_ms))
            return std::nullopt;
        return found->port;
    }

    // A frame of the station came in at `port`.
    void learn(Mac mac, Vlan vlan, std::uint32_t port, std::uint64_t now_ms) {
        Place* found = find(key_of(mac, vlan));
        if (found == nullptr) return add(key_of(mac, vlan), port, now_ms);
        const std::uint64_t heard_ms = entries_[found->entry].heard_ms;
        if (found->port != port || is_aged(heard_ms, now_ms))
            hear_elsewhere(*found, port, now_ms);
        else if (heard_ms != now_ms)
            refresh(found->entry, now_ms);
    }
    // Tells the processor that lookup() of this one comes soon.
    void expect(Mac mac, Vlan vlan) const { expect(key_of(mac, vlan)); }

    // Forgets the stations of a port, or one.
    void flush(std::uint32_t port);
    void forget(Mac mac, Vlan vlan);
    void remove_aged(std::uint64_t now_ms);

    std::uint32_t size() const { return size_; }
    std::uint32_t size_of(std::uint32_t port) const { return heap_.count(port); }
    const Counters& counters() const { return counters_; }

    // Those that are not aged, in no order.
    std::vector<Station> stations(std::uint64_t now_ms) const;

  private:
    using Key = std::uint64_t;
    using Index = std::uint32_t;
    static constexpr Index kNone = 0xffffffff;
    static constexpr std::size_t kBucketsMin = 16;
    static constexpr Key kFree = ~Key{0};  // of no station: a key has 60 bits

    struct Entry {
        Key key;
        std::uint64_t heard_ms;
        std::uint32_t port;
        Index older;  // of its port; also links what is free
        Index newer;
    };
    // What lookup() wants to know of an entry.
    struct Place {
        Index entry;
        std::uint32_t port;
    };
    // One line of the cache, filled from the front. What finds no room in the bucket that it
    // belongs in is in one of those behind it.
    struct alignas(64) Bucket {
        static constexpr std::size_t kSlots = 4;

        std::array<Key, kSlots> keys{kFree, kFree, kFree, kFree};
        std::array<Place, kSlots> places{};

        bool is_full() const { return keys.back() != kFree; }
        // Bit n: this is the key in slot n. All are compared: there is nothing to guess.
        unsigned slots_with(Key key) const {
            unsigned slots = 0;
            for (unsigned slot = 0; slot < kSlots; ++slot)
                slots |= static_cast<unsigned>(keys[slot] == key) << slot;
            return slots;
        }
        std::size_t size() const {
            return kSlots - static_cast<std::size_t>(std::popcount(slots_with(kFree)));
        }
        void put(Key key, Place place);
        void remove(std::size_t slot);
    };
    struct PortList {
        Index oldest = kNone;
        Index newest = kNone;
        std::uint64_t oldest_ms = 0;  // when the oldest was heard
    };
    static Key key_of(Mac mac, Vlan vlan) { return mac << 12 | vlan; }
    // Addresses are chosen by those who send: what they hash to is not theirs to tell.
    std::size_t home_of(Key key) const {
        Key mixed = (key ^ seed_) * 0x9e3779b97f4a7c15;
        mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93;
        return (mixed ^ mixed >> 32) & (buckets_.size() - 1);
    }
    void expect(Key key) const { __builtin_prefetch(&buckets_[home_of(key)]); }
    std::size_t behind(std::size_t bucket) const { return (bucket + 1) & (buckets_.size() - 1); }
    // How many buckets from one to the other, forwards.
    std::size_t way(std::size_t from, std::size_t to) const {
        return (to - from) & (buckets_.size() - 1);
    }
    // Null: there is none.
    const Place* find(Key key) const {
        for (std::size_t at = home_of(key);; at = behind(at)) {
            const Bucket& bucket = buckets_[at];
            const unsigned slots = bucket.slots_with(key);
            if (slots != 0) return &bucket.places[std::countr_zero(slots)];
            if (!bucket.is_full()) return nullptr;
        }
    }
    Place* find(Key key) { return const_cast<Place*>(std::as_const(*this).find(key)); }
    bool is_aged(std::uint64_t heard_ms, std::uint64_t now_ms) const {
        return now_ms - heard_ms >= limits_.ageing_ms;
    }

    void add(Key key, std::uint32_t port, std::uint64_t now_ms);
    void hear_elsewhere(Place& place, std::uint32_t port, std::uint64_t now_ms);
    void refresh(Index index, std::uint64_t now_ms);
    void make_room();
    void put(Key key, Place place);
    void take_out(Key key);
    void evict();
    void remove(Index index);
    // At the end of its port's list, or out of it.
    void link(Index index);
    void unlink(Index index);

    Limits limits_;
    Counters counters_;
    std::vector<Entry> entries_;
    Index free_ = kNone;
    std::uint32_t size_ = 0;
    std::vector<Bucket> buckets_;  // a power of two of them
    std::vector<PortList> ports_;  // by number
    PortHeap heap_;                // how many stations each port has
    const Key seed_ = entropy();
};

}  // namespace ipn::vdeswitch
