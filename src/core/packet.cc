#include "core/packet.h"

#include <bit>
#include <cstring>
#include <new>

namespace ipn::core {

std::optional<Offload> Packet::offload_behind(std::uint32_t cut, std::uint32_t add) const {
    if (offload.plain()) return offload;
    const bool segmented = offload.segmentation != Offload::Segmentation::none;
    if (cut > (segmented ? offload.network_start : offload.checksum_start)) return std::nullopt;
    return offload.shifted(static_cast<int>(add) - static_cast<int>(cut));
}

void Packet::derive_from(const Packet& original, std::uint32_t cut, std::uint32_t add,
                         const Offload& moved) {
    IPN_CHECK(cut <= original.length_ && length_ == original.length_ - cut + add);
    std::memset(data_, 0, add);
    std::memcpy(data_ + add, original.data_ + cut, original.length_ - cut);
    from = original.from;
    offload = moved;
}

PacketPool::~PacketPool() {
    trim();
}

void PacketPool::trim() {
    for (Free*& first : free_) {
        while (first != nullptr) ::operator delete(std::exchange(first, first->next));
    }
    cached_ = 0;
}

std::uint8_t PacketPool::class_of(std::uint32_t length) {
    IPN_CHECK(length >= 1 && length <= kLengthMax);
    const std::size_t bytes = kOverhead + length;
    if (bytes <= kSmallest) return 0;
    // `bytes` lies in (2^k, 2^(k+1)]; the class of 1.5 * 2^k comes first.
    const auto power = static_cast<std::size_t>(std::bit_width(bytes - 1)) - 1;
    const std::size_t base = 2 * (power - static_cast<std::size_t>(std::countr_zero(kSmallest)));
    const bool fits_middle = bytes <= (std::size_t{3} << (power - 1));
    return static_cast<std::uint8_t>(base + (fits_middle ? 1 : 2));
}

PacketRef PacketPool::allocate(std::uint32_t length, Account& payer, Memory::Purpose purpose) {
    if (!memory_.charge(payer, class_bytes(class_of(length)), purpose)) return {};
    return make(length, payer, purpose);
}

PacketRef PacketPool::allocate_beyond_limit(std::uint32_t length, Account& payer) {
    memory_.charge_beyond_limit(payer, class_bytes(class_of(length)));
    return make(length, payer, Memory::Purpose::packet);
}

// What it costs was charged already, and is refunded if there is no memory after all.
PacketRef PacketPool::make(std::uint32_t length, Account& payer, Memory::Purpose purpose) {
    const std::uint8_t size_class = class_of(length);
    const std::size_t bytes = class_bytes(size_class);
    void* block = free_[size_class];
    if (block != nullptr) {
        free_[size_class] = free_[size_class]->next;
        cached_ -= bytes;
    } else {
        block = ::operator new(bytes, std::nothrow);
        if (block == nullptr) {
            memory_.refund(payer, bytes, purpose);
            throw std::bad_alloc();
        }
    }
    auto* data = static_cast<std::byte*>(block) + kOverhead;
    return PacketRef(*new (block)
                         Packet(*this, payer, purpose, data, length, size_class, ++last_serial_));
}

PacketRef PacketPool::take_over(const PacketRef& received, Account& payer) {
    IPN_CHECK(received->receiving() && received->backlog_ == nullptr);
    if (received->length() > kCopiedMax && recharge(*received, payer)) return received;
    PacketRef copy = allocate(received->length(), payer);
    if (!copy) return {};
    std::memcpy(copy->data(), received->data(), received->length());
    copy->from = received->from;
    copy->offload = received->offload;
    return copy;
}

bool PacketPool::recharge(Packet& packet, Account& payer) {
    const std::size_t bytes = class_bytes(packet.size_class_);
    if (!memory_.charge(payer, bytes, Memory::Purpose::packet)) return false;
    memory_.refund(*std::exchange(packet.payer_, &payer), bytes,
                   std::exchange(packet.purpose_, Memory::Purpose::packet));
    return true;
}

// In a loop: as recursion, 2048 frames would want much of the stack.
void PacketPool::release_frames(Packet& packet) {
    PacketRef frame = PacketRef::adopt(std::exchange(packet.next_frame_, nullptr));
    while (frame) frame = PacketRef::adopt(std::exchange(frame->next_frame_, nullptr));
}

void PacketPool::recycle(Packet* packet) {
    release_frames(*packet);
    const std::uint8_t size_class = packet->size_class_;
    const std::size_t bytes = class_bytes(size_class);
    Account& payer = *packet->payer_;
    const Memory::Purpose purpose = packet->purpose_;
    Backlog* backlog = packet->backlog_;
    if (backlog != nullptr) backlog->leave(*packet);
    packet->~Packet();

    if (cached_ + bytes <= kCacheBytes) {
        free_[size_class] = new (packet) Free{free_[size_class]};
        cached_ += bytes;
    } else {
        ::operator delete(packet);
    }
    memory_.refund(payer, bytes, purpose);
}

}  // namespace ipn::core
