// Fdb: the filtering database, which stations were heard at which port.
//
// A station is an address in a VLAN. It is learned from the source of a frame, lives until nothing
// was heard of it for the ageing time, and moves to another port where it is heard if its old one
// has not heard it for the persistence time: what loops, or pretends, does not move it at once.
// Invariants: (1) at most table_size stations; (2) of each port, stations are in a list, the one
// heard longest ago first; (3) what lookup() finds is not aged.
// Limits, and the attack they prevent: when the table is full, the port with the most stations
// loses its oldest one, so that a port which sends from a million addresses displaces its own, and
// the stations of a port that has no more than its share stay.
// Cost: lookup() and learn() of a known station take constant time and no memory; a new station
// takes memory until the table has had its size once, and the logarithm of the number of ports.
// Time: milliseconds of any clock that does not go back. Threads: the loop only. Not done: a timer
// that removes the aged; they are removed when somebody looks or room is needed.
#pragma once

#include <cstdint>
#include <optional>
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
    Fdb() : buckets_(kBucketsMin, kNone) {}

    const Limits& limits() const { return limits_; }
    void set_limits(const Limits& limits, std::uint64_t now_ms);

    // The port where the station was heard last.
    std::optional<std::uint32_t> lookup(Mac mac, Vlan vlan, std::uint64_t now_ms) const {
        const Index found = find(key_of(mac, vlan));
        if (found == kNone || is_aged(entries_[found], now_ms)) return std::nullopt;
        return entries_[found].port;
    }

    // A frame of the station came in at `port`.
    void learn(Mac mac, Vlan vlan, std::uint32_t port, std::uint64_t now_ms) {
        const Index found = find(key_of(mac, vlan));
        if (found == kNone)
            add(key_of(mac, vlan), port, now_ms);
        else if (entries_[found].port != port || is_aged(entries_[found], now_ms))
            hear_elsewhere(found, port, now_ms);
        else if (entries_[found].heard_ms != now_ms)
            refresh(found, now_ms);
    }

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
    static constexpr std::size_t kBucketsMin = 64;

    struct Entry {
        Key key;
        std::uint64_t heard_ms;
        std::uint32_t port;
        Index next_in_bucket;  // also links what is free
        Index older;           // of its port
        Index newer;
    };
    struct PortList {
        Index oldest = kNone;
        Index newest = kNone;
    };
    static Key key_of(Mac mac, Vlan vlan) { return mac << 12 | vlan; }
    // Addresses are chosen by those who send: what they hash to is not theirs to tell.
    std::size_t bucket_of(Key key) const {
        Key mixed = (key ^ seed_) * 0x9e3779b97f4a7c15;
        mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93;
        return (mixed ^ mixed >> 32) & (buckets_.size() - 1);
    }
    Index find(Key key) const {
        Index index = buckets_[bucket_of(key)];
        while (index != kNone && entries_[index].key != key) index = entries_[index].next_in_bucket;
        return index;
    }
    bool is_aged(const Entry& entry, std::uint64_t now_ms) const {
        return now_ms - entry.heard_ms >= limits_.ageing_ms;
    }

    void add(Key key, std::uint32_t port, std::uint64_t now_ms);
    void hear_elsewhere(Index index, std::uint32_t port, std::uint64_t now_ms);
    void refresh(Index index, std::uint64_t now_ms);
    void make_room();
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
    std::vector<Index> buckets_;
    std::vector<PortList> ports_;  // by number
    PortHeap heap_;                // how many stations each port has
    const Key seed_ = entropy();
};

}  // namespace ipn::vdeswitch
