// Parked: a request that waits in its open port, and ParkedTable, which finds it for an INTERRUPT.
//
// The table is a chained hash over the kernel's request ids through the parked requests themselves,
// so that parking costs no allocation. A parked request that is destroyed leaves the table.
// Threads: the loop only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/list.h"

namespace ipn::fs {

struct ParkedTag;

class Parked : public core::ListHook<ParkedTag> {
  public:
    // The client got a signal: answer now. The object is gone afterwards.
    virtual void interrupt() = 0;
    std::uint64_t unique() const { return unique_; }

  protected:
    explicit Parked(std::uint64_t unique) : unique_(unique) {}
    ~Parked() = default;

  private:
    std::uint64_t unique_;
};

class ParkedTable {
  public:
    ParkedTable() : buckets_(new Bucket[kBuckets]) {}

    void add(Parked& parked) { bucket(parked.unique()).push_back(parked); }

    // Interrupts the request `unique`; nothing if it was answered meanwhile.
    void interrupt(std::uint64_t unique) {
        Parked* parked = bucket(unique).find_if(
            [unique](const Parked& candidate) { return candidate.unique() == unique; });
        if (parked != nullptr) parked->interrupt();
    }

  private:
    using Bucket = core::List<Parked, ParkedTag>;
    static constexpr std::size_t kBuckets = 1024;
    // The kernel counts request ids up in steps of two.
    Bucket& bucket(std::uint64_t unique) { return buckets_[(unique / 2) % kBuckets]; }

    std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace ipn::fs
