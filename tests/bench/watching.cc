// watching-bench: what sending a packet costs a network with nobody watching it, and with somebody.
// One operation is one packet that so many nodes read.
#include <benchmark/benchmark.h>

#include <span>
#include <string>
#include <vector>

#include "core/on_loop.h"
#include "core/packet_watch.h"
#include "world.h"

namespace {

using ipn::core::Role;

class Watcher final : public ipn::core::PacketObserver {
    void passed(const ipn::core::Passage& passage) noexcept override {
        benchmark::DoNotOptimize(&passage);
    }
    void missed() noexcept override {}
    void network_ended() override {}
};

void send(benchmark::State& state, bool watched) {
    ipn::test::World world;
    ipn::core::Network& network = world.create("bench");
    const ipn::core::AssumeLoop here;
    Watcher watcher;
    if (watched) network.observe(watcher);
    ipn::test::TestEndpoint& from = world.join(network, Role::writer);
    std::vector<ipn::test::TestEndpoint*> readers;
    for (std::int64_t i = 0; i < state.range(0); ++i)
        readers.push_back(&world.join(network, Role::reader));
    const std::string packet(1400, 'x');
    const auto bytes = std::as_bytes(std::span(packet));
    for (auto _ : state) {
        network.send(from.node(), bytes);
        for (ipn::test::TestEndpoint* reader : readers)
            benchmark::DoNotOptimize(reader->node().receive(65536));
    }
    state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(send, nobody_watching, false)->Arg(0)->Arg(1)->Arg(5);
BENCHMARK_CAPTURE(send, watched, true)->Arg(0)->Arg(1)->Arg(5);

}  // namespace

BENCHMARK_MAIN();
