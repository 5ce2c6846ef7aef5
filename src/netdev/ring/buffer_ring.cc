#include "netdev/ring/buffer_ring.h"

#include <sys/mman.h>

#include <cassert>
#include <cerrno>
#include <system_error>

namespace ipn::ring {

BufferRing::BufferRing(Ring& ring, std::uint16_t entries)
    : ring_(ring), entries_(entries), group_(ring.next_group_) {
    void* memory =
        mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    shared_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_ring_init(shared_);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = entries;
    registration.bgid = group_;
    if (const int result = io_uring_register_buf_ring(&ring_.ring_, &registration, 0)) {
        munmap(memory, bytes());
        throw std::system_error(-result, std::generic_category(), "io_uring_register");
    }
    ++ring_.next_group_;
}

BufferRing::~BufferRing() {
    io_uring_unregister_buf_ring(&ring_.ring_, group_);
    munmap(shared_, bytes());
}

std::size_t BufferRing::bytes() const {
    return entries_ * sizeof(io_uring_buf);
}

void BufferRing::provide(std::span<std::byte> memory, std::uint16_t number) {
    assert(number < entries_);
    io_uring_buf_ring_add(shared_, memory.data(), static_cast<unsigned>(memory.size()), number,
                          io_uring_buf_ring_mask(entries_), 0);
    io_uring_buf_ring_advance(shared_, 1);
}

}  // namespace ipn::ring
