#include "netdev/intake.h"

#include <cstring>
#include <new>

namespace ipn::netdev {

using core::Memory;
using core::PacketRef;

Intake::Intake(ring::Ring& ring, core::Registry& registry, std::uint32_t uid)
    : registry_(registry), account_(registry.memory().account(uid)), buffers_(ring, kBuffersMax) {
    static_assert(kHeaderBytes <= core::Packet::kHeadroom);
    lacking_.reserve(kBuffersMax);
    const core::AssumeLoop here;
    for (std::uint16_t number = 0; number < kBuffersMax; ++number)
        if (!fill(number)) lacking_.push_back(number);
    if (lacking_.size() == kBuffersMax) throw std::bad_alloc();
}

std::span<const std::byte, Intake::kHeaderBytes> Intake::header(std::uint16_t number) const {
    return std::span<const std::byte, kHeaderBytes>(packets_[number]->data() - kHeaderBytes,
                                                    kHeaderBytes);
}

std::span<std::byte> Intake::memory(std::uint16_t number) const {
    const PacketRef& packet = packets_[number];
    return {packet->data() - kHeaderBytes, packet->capacity() + kHeaderBytes};
}

void Intake::hand_over(std::uint16_t number) {
    buffers_.provide(memory(number), number);
    ++provided_;
}

bool Intake::fill(std::uint16_t number) try {
    PacketRef& packet = packets_[number];
    packet = {};
    packet = registry_.packets().allocate(kFrameMax, *account_, Memory::Purpose::receiving);
    if (!packet) return false;
    hand_over(number);
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

PacketRef Intake::keep(std::uint16_t number) {
    PacketRef& original = packets_[number];
    if (original->length() <= kCopiedMax) {
        try {
            PacketRef copy = registry_.packets().allocate(original->length(), *account_,
                                                          Memory::Purpose::receiving);
            if (copy) {
                std::memcpy(copy->data(), original->data(), original->length());
                copy->offload = original->offload;
                return copy;
            }
        } catch (const std::bad_alloc&) {  // then itself
        }
    }
    return std::move(original);
}

void Intake::provide(std::uint16_t number) {
    const PacketRef& packet = packets_[number];
    const bool still_ours = packet && packet->receiving();
    if (still_ours)
        hand_over(number);
    else if (!fill(number))
        return lacking_.push_back(number);
    core::List<Hungry, HungryTag> now;
    now.take_all(hungry_);
    while (!now.empty()) now.pop_front().buffers_came();
}

void Intake::replenish() {
    while (!lacking_.empty() && fill(lacking_.back())) {
        lacking_.pop_back();
        while (!hungry_.empty()) hungry_.pop_front().buffers_came();
    }
}

}  // namespace ipn::netdev
