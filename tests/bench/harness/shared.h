// Shared: objects in memory that this process and the children it forks later see alike. They
// consist of atomics and plain arrays; nothing in them may point outside.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <type_traits>

#include "harness/errors.h"

namespace bench {

template <typename T>
class SharedArray {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    explicit SharedArray(std::size_t count) : count_(count) {
        void* memory =
            ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) fail("shared memory");
        first_ = new (memory) T[count]();
    }
    ~SharedArray() { ::munmap(first_, bytes()); }
    SharedArray(const SharedArray&) = delete;
    SharedArray& operator=(const SharedArray&) = delete;

    T& operator[](std::size_t index) const { return first_[index]; }
    T* begin() const { return first_; }
    T* end() const { return first_ + count_; }

  private:
    std::size_t bytes() const { return count_ * sizeof(T); }

    std::size_t count_;
    T* first_;
};

template <typename T>
class Shared {
  public:
    T& operator*() const { return object_[0]; }
    T* operator->() const { return object_.begin(); }

  private:
    SharedArray<T> object_{1};
};

}  // namespace bench
