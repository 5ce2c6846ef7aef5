#include "core/offload.h"

#include <limits>

namespace ipn::core {

std::optional<Offload> Offload::shifted(int delta) const {
    constexpr std::int64_t kMax = std::numeric_limits<std::uint16_t>::max();
    if (plain()) return *this;
    const bool segmented = segmentation != Segmentation::none;
    const std::int64_t first = segmented ? network_start : checksum_start;
    const std::int64_t last = segmented ? header_length : checksum_start;
    if (first + delta < 0 || last + delta > kMax) return {};

    Offload moved = *this;
    const auto move = [delta](std::uint16_t& offset) {
        offset = static_cast<std::uint16_t>(offset + delta);
    };
    move(moved.checksum_start);
    if (segmented) {
        move(moved.network_start);
        move(moved.header_length);
    }
    return moved;
}

}  // namespace ipn::core
