// Slots: objects that the kernel knows by a number.
//
// A handle is {generation, index}, never a pointer: one that comes late, after its object has gone,
// finds nothing, even when its place is in use again.
// Limits: 2^32 objects; a generation repeats after 2^28 uses of the same place.
// Threads: the loop only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/check.h"

namespace ipn::fs {

template <typename T>
class Slots {
  public:
    static constexpr std::uint64_t kHandleBits = 60;

    // May throw std::bad_alloc, changing nothing.
    std::uint64_t insert(std::unique_ptr<T> object) {
        if (free_.empty()) grow();
        const std::uint32_t index = free_.back();
        free_.pop_back();
        slots_[index].object = std::move(object);
        return handle(index);
    }

    T* find(std::uint64_t handle) const {
        const auto index = static_cast<std::uint32_t>(handle);
        if (index >= slots_.size() || this->handle(index) != handle) return nullptr;
        return slots_[index].object.get();
    }

    std::unique_ptr<T> erase(std::uint64_t handle) {
        IPN_CHECK(find(handle) != nullptr);
        const auto index = static_cast<std::uint32_t>(handle);
        std::unique_ptr<T> object = std::move(slots_[index].object);
        slots_[index].generation = (slots_[index].generation + 1) & kGenerationMask;
        free_.push_back(index);
        return object;
    }

    void clear() {
        for (std::uint32_t index = 0; index < slots_.size(); ++index)
            if (slots_[index].object) erase(handle(index));
    }

    // For every object; the function must not insert or erase.
    template <typename Function>
    void for_each(Function function) const {
        for (const Slot& slot : slots_)
            if (slot.object) function(*slot.object);
    }

    std::size_t size() const { return slots_.size() - free_.size(); }

  private:
    void grow() {
        if (slots_.size() == slots_.capacity()) {
            const std::size_t capacity = std::max<std::size_t>(16, 2 * slots_.size());
            free_.reserve(capacity);  // so that erase() never allocates
            slots_.reserve(capacity);
        }
        slots_.emplace_back();
        free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
    }

    static constexpr std::uint32_t kGenerationMask = (1u << 28) - 1;
    struct Slot {
        std::unique_ptr<T> object;
        std::uint32_t generation = 1;
    };

    std::uint64_t handle(std::uint32_t index) const {
        return std::uint64_t{slots_[index].generation} << 32 | index;
    }

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
};

}  // namespace ipn::fs
