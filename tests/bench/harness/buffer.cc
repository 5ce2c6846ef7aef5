#include "harness/buffer.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace bench {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t mapped = 2 * huge_page;  // so that a whole huge page is in it

}  // namespace

Buffer::Buffer(std::size_t bytes, Pages pages)
    : mapping_(::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      bytes_(bytes) {
    if (mapping_ == MAP_FAILED || bytes > huge_page) throw std::runtime_error("no buffer");
    const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
    data_ = static_cast<std::byte*>(mapping_) + (huge_page - start % huge_page) % huge_page;
    // A kernel that has none leaves it as it is.
    ::madvise(data_, huge_page, pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    std::memset(data_, 0, bytes);
}

Buffer::~Buffer() {
    ::munmap(mapping_, mapped);
}

}  // namespace bench
