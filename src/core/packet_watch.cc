#include "core/packet_watch.h"

#include <algorithm>
#include <new>

namespace ipn::core {

Passage& PacketWatch::begin(Packet& packet, std::uint32_t from, bool injected) {
    if (passages_.size() == kPassagesMax) tell_all();
    return passages_.emplace_back(
        Passage{PacketRef(packet), clock_.exact_wall(), from, injected, {}, {}, {}});
}

Passage& PacketWatch::of(Packet& packet) {
    const auto found =
        std::find_if(passages_.rbegin(), passages_.rend(),
                     [&](const Passage& passage) { return passage.packet.get() == &packet; });
    return found == passages_.rend() ? begin(packet, packet.from, false) : *found;
}

void PacketWatch::entered(Packet& packet, std::uint32_t from, bool injected) noexcept {
    try {
        begin(packet, from, injected);
    } catch (const std::bad_alloc&) {
        missed();
    }
}

void PacketWatch::offered(Packet& packet, std::uint32_t to, Fate fate) noexcept {
    try {
        Passage& passage = of(packet);
        if (fate == Fate::queued)
            passage.to.push_back(to);
        else if (fate != Fate::unwanted)
            passage.drops.push_back({to, fate});
    } catch (const std::bad_alloc&) {
        missed();
    }
}

void PacketWatch::refused(Packet& packet, std::string_view why) noexcept {
    try {
        of(packet).refused = why;
    } catch (const std::bad_alloc&) {
        missed();
    }
}

void PacketWatch::tell_all() noexcept {
    for (const Passage& passage : passages_)
        observers_.for_each([&](PacketObserver& observer) { observer.passed(passage); });
    passages_.clear();
}

void PacketWatch::missed() noexcept {
    observers_.for_each([](PacketObserver& observer) { observer.missed(); });
}

void PacketWatch::end() {
    tell();
    observers_.for_each([](PacketObserver& observer) { observer.network_ended(); });
}

}  // namespace ipn::core
