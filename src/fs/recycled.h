// Recycled: objects of one small type that come and go with every packet, without the allocator.
//
// A type that derives from Recycled<itself> is made by new and destroyed by delete as usual; up to
// kKept freed ones are kept for reuse. Threads: the loop only.
#pragma once

#include <cstddef>
#include <new>

#include "core/check.h"

namespace ipn::fs {

template <typename T>
class Recycled {
  public:
    static void* operator new(std::size_t size) {
        IPN_CHECK(size == sizeof(T));
        if (free_.first == nullptr) return ::operator new(size);
        Block* block = free_.first;
        free_.first = block->next;
        --free_.count;
        return block;
    }

    static void operator delete(void* pointer) {
        if (free_.count >= kKept) return ::operator delete(pointer);
        free_.first = new (pointer) Block{free_.first};
        ++free_.count;
    }

  private:
    static constexpr std::size_t kKept = 1024;
    struct Block {
        Block* next;
    };
    struct FreeList {
        Block* first = nullptr;
        std::size_t count = 0;
        ~FreeList() {
            while (first != nullptr) {
                Block* next = first->next;
                ::operator delete(first);
                first = next;
            }
        }
    };
    static inline FreeList free_;
};

}  // namespace ipn::fs
