// segmentation-bench: what cutting a packet into frames costs, and completing a checksum, beside
// copying the same bytes. One operation is one packet.
#include "core/segmentation.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/offload.h"
#include "ethernet_frames.h"

namespace {

using ipn::core::Offload;
using ipn::test::Frame;

// A packet of as much payload as fits, or of one segment, and what is to be done on it.
struct Work {
    Work(const Frame& description, unsigned segment_size)
        : packet(description.build_partial()),
          offload(*Offload::from_wire(
              description.wire(segment_size),
              std::as_writable_bytes(std::span(packet.data(), packet.size())))) {}
    std::span<const std::byte> bytes() const { return std::as_bytes(std::span(packet)); }

    std::string packet;
    Offload offload;
};

void count(benchmark::State& state, const Work& work) {
    const auto length = static_cast<std::uint32_t>(work.packet.size());
    state.counters["frames"] = work.offload.frames(length);
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * length));
}

void segment(benchmark::State& state, const Frame& description, unsigned segment_size) {
    const Work work(description, segment_size);
    std::vector<std::byte> to(2048 * std::size_t{64} + work.packet.size());
    for (auto _ : state) {
        const ipn::core::Segmenter segmenter(work.bytes(), work.offload);
        std::byte* at = to.data();
        for (std::uint32_t i = 0; i < segmenter.count(); ++i) {
            segmenter.write(i, at);
            at += segmenter.length(i);
        }
        benchmark::ClobberMemory();
    }
    count(state, work);
}

void copy(benchmark::State& state, const Frame& description) {
    const Work work(description, 0);
    std::vector<std::byte> to(work.packet.size());
    for (auto _ : state) {
        std::memcpy(to.data(), work.packet.data(), work.packet.size());
        benchmark::ClobberMemory();
    }
    count(state, work);
}

Frame frame(bool ipv6, bool tcp, std::size_t payload) {
    return {.ipv6 = ipv6,
            .tcp = tcp,
            .tcp_options = tcp ? std::string("\x01\x01\x08\x0a\0\0\0\1\0\0\0\2", 12) : "",
            .payload = ipn::test::pattern(payload)};
}

constexpr std::size_t kLarge = 64'000, kOne = 1448;

BENCHMARK_CAPTURE(copy, large, frame(false, true, kLarge));
BENCHMARK_CAPTURE(segment, tcp4_large, frame(false, true, kLarge), 1448U);
BENCHMARK_CAPTURE(segment, tcp6_large, frame(true, true, kLarge), 1428U);
BENCHMARK_CAPTURE(segment, udp4_large, frame(false, false, kLarge), 1472U);
BENCHMARK_CAPTURE(segment, tcp4_large_jumbo, frame(false, true, kLarge), 8948U);
BENCHMARK_CAPTURE(copy, one, frame(false, true, kOne));
BENCHMARK_CAPTURE(segment, tcp4_checksum_only, frame(false, true, kOne), 0U);

}  // namespace

BENCHMARK_MAIN();
