// Deframer: cuts a byte stream into packets, each of which is preceded by its length: 16 bits,
// big-endian.
//
// The stream comes in pieces that end anywhere. next() says what is at the front of a piece. A
// packet that lies whole in it is seen where it lies; the beginning of one that does not is kept by
// keep(), and put together with the rest when that comes.
// Invariant: only keep() and forget() change what is kept; a packet that could not be sent yet is
// found again by the same piece.
// Limits: one packet, in memory that is charged to the writer like what a parked write holds.
// Threads: the loop only. Not done: what a length of 0 means, and what follows one that is too
// long.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/packet.h"

namespace ipn::fs {

class Deframer {
  public:
    static constexpr std::size_t kHeaderBytes = 2;

    struct Frame {
        enum class State : std::uint8_t {
            complete,
            cut,       // the piece ends first
            too_long,  // longer than `length_max`
        };
        State state;
        std::size_t length = 0;  // unless it is cut within the header
        std::size_t bytes = 0;   // complete: of the piece, from its beginning
        std::span<const std::byte>
            packet{};  // complete; valid as long as the piece, until forget()
    };

    // How many bytes of a stream that begins with a packet are whole packets: at most `length`, but
    // at least one packet. `length` if not even that one is whole.
    static std::size_t whole(std::span<const std::byte> stream, std::size_t length);

    // `piece` is not empty.
    Frame next(std::span<const std::byte> piece, std::size_t length_max);
    // Keeps a piece that next() calls cut. False, and nothing changed, if `payer` holds too much
    // already. May throw std::bad_alloc, changing nothing.
    [[nodiscard]] bool keep(std::span<const std::byte> piece, core::PacketPool& memory,
                            core::Account& payer);
    // Of what was kept, nothing is needed any more.
    void forget();

  private:
    std::span<const std::byte> put_together(std::span<const std::byte> rest) const;
    std::size_t length() const { return length_in(header_); }
    static std::size_t length_in(std::span<const std::byte, kHeaderBytes> header) {
        return std::to_integer<std::size_t>(header[0]) << 8 |
               std::to_integer<std::size_t>(header[1]);
    }

    core::PacketRef begun_;          // room for the packet; null before its first byte
    std::uint32_t begun_bytes_ = 0;  // of it that came
    std::uint8_t header_bytes_ = 0;  // of it that came
    std::array<std::byte, kHeaderBytes> header_{};  // what did not come yet has no meaning
};

}  // namespace ipn::fs
