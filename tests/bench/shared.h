// Shared: one object in memory that this process and the children it forks later see alike.
// The object consists of atomics and plain arrays; nothing in it may point outside it.
#pragma once

#include <sys/mman.h>

#include <new>
#include <type_traits>

#include "errors.h"

namespace bench {

template <typename T>
class Shared {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    Shared() {
        void* memory =
            ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) fail("shared memory");
        object_ = new (memory) T();
    }
    ~Shared() { ::munmap(object_, sizeof(T)); }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

    T& operator*() const { return *object_; }
    T* operator->() const { return object_; }

  private:
    T* object_;
};

}  // namespace bench
