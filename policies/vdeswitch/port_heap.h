// PortHeap: how many stations each port has, and which port has the most.
//
// A binary heap of port numbers that knows where each of them is, since counts change by one at a
// time and all the time. Cost: the logarithm of the number of ports that have any; memory only with
// a port whose number is higher than all before. Threads: the loop only.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace ipn::vdeswitch {

class PortHeap {
  public:
    // Makes room for this port. With no memory for it: std::bad_alloc.
    void prepare(std::uint32_t port) {
        if (port < counts_.size()) return;
        heap_.reserve(port + 1);
        places_.resize(port + 1, kNowhere);
        counts_.resize(port + 1, 0);
    }

    std::uint32_t count(std::uint32_t port) const {
        return port < counts_.size() ? counts_[port] : 0;
    }
    // REQUIRES: some port has any.
    std::uint32_t fullest() const { return heap_.front(); }
    // Ports that have any, in no order.
    const std::vector<std::uint32_t>& ports() const { return heap_; }

    // REQUIRES: prepare(port).
    void increase(std::uint32_t port) {
        if (counts_[port]++ == 0) {
            places_[port] = static_cast<std::uint32_t>(heap_.size());
            heap_.push_back(port);
        }
        std::uint32_t at = places_[port];
        for (; at > 0 && counts_[heap_[(at - 1) / 2]] < counts_[port]; at = (at - 1) / 2)
            exchange(at, (at - 1) / 2);
    }
    // REQUIRES: it has one.
    void decrease(std::uint32_t port) {
        const std::uint32_t left = --counts_[port];
        std::uint32_t at = places_[port];
        if (left == 0) {  // less than all others: the last one takes its place
            const auto last = static_cast<std::uint32_t>(heap_.size()) - 1;
            exchange(at, last);
            heap_.pop_back();
            places_[port] = kNowhere;
            if (at == last) return;
            for (; at > 0 && less(heap_[(at - 1) / 2], heap_[at]); at = (at - 1) / 2)
                exchange(at, (at - 1) / 2);
        }
        sink(at);
    }

  private:
    static constexpr std::uint32_t kNowhere = 0xffffffff;

    bool less(std::uint32_t a, std::uint32_t b) const { return counts_[a] < counts_[b]; }
    void sink(std::uint32_t at) {
        for (;;) {
            std::uint32_t most = at;
            for (std::uint32_t child = 2 * at + 1; child <= 2 * at + 2; ++child)
                if (child < heap_.size() && less(heap_[most], heap_[child])) most = child;
            if (most == at) return;
            exchange(at, most);
            at = most;
        }
    }
    void exchange(std::uint32_t a, std::uint32_t b) {
        std::swap(heap_[a], heap_[b]);
        places_[heap_[a]] = a;
        places_[heap_[b]] = b;
    }

    std::vector<std::uint32_t> heap_;
    std::vector<std::uint32_t> places_;  // in the heap, by port
    std::vector<std::uint32_t> counts_;  // by port
};

}  // namespace ipn::vdeswitch
