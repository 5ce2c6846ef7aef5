// segment: cuts packets as the core does, for test_gso.py to compare.
//
//     segment < PACKETS > FRAMES
//
// A packet is its length (32 bits) and as many bytes, of which the first 10 are virtio's header.
// For each packet the answer is the number of frames that it becomes, and each of them with its
// length; or 4294967295 if it is refused.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "core/offload.h"
#include "core/segmentation.h"

namespace {

using ipn::core::Offload;

bool read(void* to, std::size_t size) {
    return std::fread(to, 1, size, stdin) == size;
}
void write(const void* from, std::size_t size) {
    if (std::fwrite(from, 1, size, stdout) != size) std::exit(1);
}
void write(std::uint32_t number) {
    write(&number, sizeof number);
}

void answer(std::span<std::byte> packet) {
    const auto header = packet.first<Offload::kWireBytes>();
    const auto frame = packet.subspan(Offload::kWireBytes);
    const auto offload = Offload::from_wire(header, frame);
    if (!offload || offload->plain()) return write(UINT32_MAX);
    const ipn::core::Segmenter segmenter(frame, *offload);
    write(segmenter.count());
    for (std::uint32_t i = 0; i < segmenter.count(); ++i) {
        std::vector<std::byte> segment(segmenter.length(i));
        segmenter.write(i, segment.data());
        write(segmenter.length(i));
        write(segment.data(), segment.size());
    }
}

}  // namespace

int main() {
    std::uint32_t length = 0;
    while (read(&length, sizeof length)) {
        std::vector<std::byte> packet(length);
        if (length < Offload::kWireBytes || !read(packet.data(), length)) return 1;
        answer(packet);
    }
}
