#include "fdb.h"

#include <algorithm>

namespace ipn::vdeswitch {

// ---- buckets

void Fdb::Bucket::put(Key key, Place place) {
    const std::size_t slot = size();
    keys[slot] = key;
    places[slot] = place;
}

void Fdb::Bucket::remove(std::size_t slot) {
    const std::size_t last = size() - 1;
    keys[slot] = keys[last];
    places[slot] = places[last];
    keys[last] = kFree;
}

// REQUIRES: there is a bucket that is not full.
void Fdb::put(Key key, Place place) {
    std::size_t at = home_of(key);
    while (buckets_[at].is_full()) at = behind(at);
    buckets_[at].put(key, place);
}

// Removes a key, and lets those that have gone past its bucket because it was full come back.
// REQUIRES: it is there.
void Fdb::take_out(Key key) {
    std::size_t hole = home_of(key);
    unsigned slots = 0;
    while ((slots = buckets_[hole].slots_with(key)) == 0) hole = behind(hole);
    bool was_full = buckets_[hole].is_full();
    buckets_[hole].remove(static_cast<std::size_t>(std::countr_zero(slots)));

    for (std::size_t at = behind(hole); was_full; at = behind(at)) {
        Bucket& bucket = buckets_[at];
        was_full = bucket.is_full();
        const std::size_t size = bucket.size();
        std::size_t slot = 0;
        while (slot < size && way(home_of(bucket.keys[slot]), at) < way(hole, at)) ++slot;
        if (slot == size) continue;
        buckets_[hole].put(bucket.keys[slot], bucket.places[slot]);
        bucket.remove(slot);
        hole = at;
    }
}

// ---- stations

void Fdb::set_limits(const Limits& limits, std::uint64_t now_ms) {
    remove_aged(now_ms);  // a longer time does not bring back what is aged
    limits_ = limits;
    remove_aged(now_ms);
    while (size_ > limits_.table_size) evict();
}

void Fdb::flush(std::uint32_t port) {
    if (port >= ports_.size()) return;
    while (ports_[port].oldest != kNone) {
        remove(ports_[port].oldest);
        ++counters_.flushed;
    }
}

void Fdb::forget(Mac mac, Vlan vlan) {
    const Place* found = find(key_of(mac, vlan));
    if (found == nullptr) return;
    remove(found->entry);
    ++counters_.flushed;
}

void Fdb::remove_aged(std::uint64_t now_ms) {
    for (PortList& list : ports_) {
        while (list.oldest != kNone && is_aged(list.oldest_ms, now_ms)) {
            remove(list.oldest);
            ++counters_.aged;
        }
    }
}

std::vector<Fdb::Station> Fdb::stations(std::uint64_t now_ms) const {
    std::vector<Station> stations;
    stations.reserve(size_);
    for (const std::uint32_t port : heap_.ports()) {
        for (Index index = ports_[port].oldest; index != kNone; index = entries_[index].newer) {
            const Entry& entry = entries_[index];
            if (is_aged(entry.heard_ms, now_ms)) continue;
            const Vlan vlan = entry.key & 0xfff;
            stations.push_back({entry.key >> 12, vlan, port, entry.heard_ms});
        }
    }
    return stations;
}

void Fdb::add(Key key, std::uint32_t port, std::uint64_t now_ms) {
    if (port >= ports_.size()) {
        heap_.prepare(port);
        ports_.resize(port + 1);
    }
    // The aged of a port make room for its own new ones first.
    while (ports_[port].oldest != kNone && is_aged(ports_[port].oldest_ms, now_ms)) {
        remove(ports_[port].oldest);
        ++counters_.aged;
    }
    make_room();

    const Index index = free_;
    free_ = entries_[index].older;
    entries_[index] = {key, now_ms, port, kNone, kNone};
    put(key, {index, port});
    ++size_;
    link(index);
    heap_.increase(port);
    ++counters_.learned;
    // Behind the new one: a port that has reached the most others have pays for it itself.
    if (size_ > limits_.table_size) evict();
}

void Fdb::hear_elsewhere(Place& place, std::uint32_t port, std::uint64_t now_ms) {
    const Index index = place.entry;
    Entry& entry = entries_[index];
    if (is_aged(entry.heard_ms, now_ms)) {
        const Key key = entry.key;
        remove(index);
        ++counters_.aged;
        return add(key, port, now_ms);
    }
    if (now_ms - entry.heard_ms < limits_.persistence_ms) {
        ++counters_.moves_refused;
        return;
    }
    if (port >= ports_.size()) {
        heap_.prepare(port);
        ports_.resize(port + 1);
    }
    unlink(index);
    heap_.decrease(entry.port);
    entry.port = place.port = port;
    entry.heard_ms = now_ms;
    link(index);
    heap_.increase(port);
    ++counters_.moved;
}

void Fdb::refresh(Index index, std::uint64_t now_ms) {
    unlink(index);
    entries_[index].heard_ms = now_ms;
    link(index);
}

// Lets there be a free entry, and a fifth of the slots be free behind the new one.
void Fdb::make_room() {
    if (5 * (size_ + std::size_t{1}) > 4 * Bucket::kSlots * buckets_.size()) {
        std::vector<Bucket> larger(2 * buckets_.size());
        buckets_.swap(larger);
        for (const Bucket& bucket : larger)
            for (std::size_t slot = 0; slot < bucket.size(); ++slot)
                put(bucket.keys[slot], bucket.places[slot]);
    }
    if (free_ != kNone) return;
    const std::size_t before = entries_.size();
    const std::size_t wanted = std::min<std::size_t>(std::max<std::size_t>(2 * before, 16),
                                                     std::size_t{limits_.table_size} + 1);
    entries_.resize(wanted);
    for (std::size_t index = before; index < wanted; ++index) {
        entries_[index].older = free_;
        free_ = static_cast<Index>(index);
    }
}

void Fdb::evict() {
    const PortList& list = ports_[heap_.fullest()];
    remove(list.oldest);
    ++counters_.evicted;
    // Most often it is the next one's turn when the next station comes.
    if (list.oldest != kNone) expect(entries_[list.oldest].key);
}

void Fdb::remove(Index index) {
    take_out(entries_[index].key);
    unlink(index);
    heap_.decrease(entries_[index].port);
    entries_[index].older = free_;
    free_ = index;
    --size_;
}

void Fdb::link(Index index) {
    Entry& entry = entries_[index];
    PortList& list = ports_[entry.port];
    entry.older = list.newest;
    entry.newer = kNone;
    if (list.newest == kNone) {
        list.oldest = index;
        list.oldest_ms = entry.heard_ms;
    } else {
        entries_[list.newest].newer = index;
    }
    list.newest = index;
}

void Fdb::unlink(Index index) {
    const Entry& entry = entries_[index];
    PortList& list = ports_[entry.port];
    if (entry.older == kNone) {
        list.oldest = entry.newer;
        if (entry.newer != kNone) list.oldest_ms = entries_[entry.newer].heard_ms;
    } else {
        entries_[entry.older].newer = entry.newer;
    }
    (entry.newer == kNone ? list.newest : entries_[entry.newer].older) = entry.older;
}

}  // namespace ipn::vdeswitch
