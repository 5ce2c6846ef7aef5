#include "fdb.h"

#include <algorithm>

namespace ipn::vdeswitch {

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
    const Index found = find(key_of(mac, vlan));
    if (found == kNone) return;
    remove(found);
    ++counters_.flushed;
}

void Fdb::remove_aged(std::uint64_t now_ms) {
    for (PortList& list : ports_) {
        while (list.oldest != kNone && is_aged(entries_[list.oldest], now_ms)) {
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
            if (is_aged(entry, now_ms)) continue;
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
    while (ports_[port].oldest != kNone && is_aged(entries_[ports_[port].oldest], now_ms)) {
        remove(ports_[port].oldest);
        ++counters_.aged;
    }
    make_room();

    const Index index = free_;
    free_ = entries_[index].next_in_bucket;
    const std::size_t bucket = bucket_of(key);
    entries_[index] = {key, now_ms, port, buckets_[bucket], kNone, kNone};
    buckets_[bucket] = index;
    ++size_;
    link(index);
    heap_.increase(port);
    ++counters_.learned;
    // Behind the new one: a port that has reached the most others have pays for it itself.
    if (size_ > limits_.table_size) evict();
}

void Fdb::hear_elsewhere(Index index, std::uint32_t port, std::uint64_t now_ms) {
    Entry& entry = entries_[index];
    if (is_aged(entry, now_ms)) {
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
    entry.port = port;
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

// Lets there be a free entry, and at most one entry a bucket on average.
void Fdb::make_room() {
    if (free_ != kNone) return;
    const std::size_t before = entries_.size();
    const std::size_t wanted = std::min<std::size_t>(std::max<std::size_t>(2 * before, 16),
                                                     std::size_t{limits_.table_size} + 1);
    if (std::size_t buckets = buckets_.size(); buckets < wanted) {
        while (buckets < wanted) buckets *= 2;
        std::vector<Index> larger(buckets, kNone);
        entries_.reserve(wanted);
        buckets_.swap(larger);
        for (const std::uint32_t port : heap_.ports()) {
            for (Index index = ports_[port].oldest; index != kNone; index = entries_[index].newer) {
                Index& first = buckets_[bucket_of(entries_[index].key)];
                entries_[index].next_in_bucket = first;
                first = index;
            }
        }
    }
    entries_.resize(wanted);
    for (std::size_t index = before; index < wanted; ++index) {
        entries_[index].next_in_bucket = free_;
        free_ = static_cast<Index>(index);
    }
}

void Fdb::evict() {
    remove(ports_[heap_.fullest()].oldest);
    ++counters_.evicted;
}

void Fdb::remove(Index index) {
    Index* link = &buckets_[bucket_of(entries_[index].key)];
    while (*link != index) link = &entries_[*link].next_in_bucket;
    *link = entries_[index].next_in_bucket;
    unlink(index);
    heap_.decrease(entries_[index].port);
    entries_[index].next_in_bucket = free_;
    free_ = index;
    --size_;
}

void Fdb::link(Index index) {
    Entry& entry = entries_[index];
    PortList& list = ports_[entry.port];
    entry.older = list.newest;
    entry.newer = kNone;
    (list.newest == kNone ? list.oldest : entries_[list.newest].newer) = index;
    list.newest = index;
}

void Fdb::unlink(Index index) {
    const Entry& entry = entries_[index];
    PortList& list = ports_[entry.port];
    (entry.older == kNone ? list.oldest : entries_[entry.older].newer) = entry.newer;
    (entry.newer == kNone ? list.newest : entries_[entry.newer].older) = entry.older;
}

}  // namespace ipn::vdeswitch
