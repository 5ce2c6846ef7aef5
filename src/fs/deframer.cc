#include "fs/deframer.h"

#include <algorithm>
#include <cstring>

namespace ipn::fs {

std::size_t Deframer::whole(std::span<const std::byte> stream, std::size_t length) {
    std::size_t end = 0;
    while (stream.size() - end >= kHeaderBytes) {
        const auto header = stream.subspan(end).first<kHeaderBytes>();
        const std::size_t next = end + kHeaderBytes + length_in(header);
        if (next > stream.size() || (next > length && end > 0)) break;
        end = next;
    }
    return end > 0 ? end : length;
}

Deframer::Frame Deframer::next(std::span<const std::byte> piece, std::size_t length_max) {
    const std::size_t missing = kHeaderBytes - header_bytes_;
    if (piece.size() < missing) return {Frame::State::cut};
    std::copy_n(piece.begin(), missing, header_.begin() + header_bytes_);
    Frame frame{.state = Frame::State::cut, .length = length()};
    const std::size_t rest = frame.length - begun_bytes_;
    if (frame.length > length_max) {
        frame.state = Frame::State::too_long;
    } else if (piece.size() - missing >= rest) {
        frame.state = Frame::State::complete;
        frame.bytes = missing + rest;
        frame.packet = put_together(piece.subspan(missing, rest));
    }
    return frame;
}

std::span<const std::byte> Deframer::put_together(std::span<const std::byte> rest) const {
    if (!begun_) return rest;
    std::memcpy(begun_->data() + begun_bytes_, rest.data(), rest.size());
    return {begun_->data(), begun_bytes_ + rest.size()};
}

bool Deframer::keep(std::span<const std::byte> piece, core::PacketPool& memory,
                    core::Account& payer) {
    const std::size_t missing = std::min(kHeaderBytes - header_bytes_, piece.size());
    std::copy_n(piece.begin(), missing, header_.begin() + header_bytes_);
    const auto data = piece.subspan(missing);
    if (!data.empty() && !begun_) {
        begun_ = memory.allocate(static_cast<std::uint32_t>(length()), payer,
                                 core::Memory::Purpose::waiting);
        if (!begun_) return false;
    }
    header_bytes_ = static_cast<std::uint8_t>(header_bytes_ + missing);
    if (data.empty()) return true;
    std::memcpy(begun_->data() + begun_bytes_, data.data(), data.size());
    begun_bytes_ += static_cast<std::uint32_t>(data.size());
    return true;
}

void Deframer::forget() {
    begun_ = {};
    begun_bytes_ = 0;
    header_bytes_ = 0;
}

}  // namespace ipn::fs
