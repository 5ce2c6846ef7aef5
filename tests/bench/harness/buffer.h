// Memory to read to, in pages of the size that is asked for.
//
// The kernel pins every page of a reader's buffer in each read of a file of FUSE, whatever comes:
// what a large buffer costs depends on its pages.
#pragma once

#include <cstddef>
#include <span>

namespace bench {

enum class Pages { huge, small };

class Buffer {
  public:
    Buffer(std::size_t bytes, Pages pages);  // at most a huge page's
    ~Buffer();
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    std::span<std::byte> all() const { return {data_, bytes_}; }

  private:
    void* mapping_;
    std::byte* data_;
    std::size_t bytes_;
};

}  // namespace bench
