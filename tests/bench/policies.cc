// policies-bench: what one packet costs in the core of a network with each of the policies, from a
// write to the queues of its readers and out of them. vdeswitch-bench tells more of the switch.
//
// Packets have 64 bytes and are always the same: what is copied is not what is measured.
#include "core/policies.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "connector.h"
#include "core/check.h"
#include "core/on_loop.h"
#include "messages.h"
#include "pair.h"
#include "vdeswitch.h"
#include "world.h"

namespace {

using ipn::core::AssumeLoop;
using ipn::core::Role;
using ipn::test::TestEndpoint;
using ipn::test::World;

constexpr std::size_t kLength = 64;

// A network with a policy, who writes to it, and who reads.
class Bench {
  public:
    Bench(const ipn_policy* module, std::string_view policy, std::int64_t readers) {
        if (module != nullptr) IPN_CHECK(world_.registry.policies().add(module));
        IPN_CHECK(world_.set(lab(), "policy", policy) == 0);
        writer_ = &world_.join(lab(), Role::both);
        for (std::int64_t number = 0; number < readers; ++number)
            readers_.push_back(&world_.join(lab(), Role::both));
    }

    void set(TestEndpoint& node, std::string_view name, std::string_view value) {
        const AssumeLoop here;
        const auto index = lab().policy().find_option(name);
        IPN_CHECK(lab().set_policy_option(node.number(), index.value(), value).has_value());
    }
    std::vector<TestEndpoint*>& readers() { return readers_; }

    // Sends the packet, which goes to all readers, over and over.
    void run(benchmark::State& state, std::string_view packet) {
        const AssumeLoop here;
        for (auto _ : state) {
            const auto sent = lab().send(writer_->node(), std::as_bytes(std::span(packet)));
            IPN_CHECK(sent.outcome == ipn::core::Network::Send::done);
            for (TestEndpoint* reader : readers_)
                IPN_CHECK(reader->node().receive(kLength).length == kLength);
        }
        state.SetItemsProcessed(state.iterations());
    }

  private:
    ipn::core::Network& lab() { return *world_.registry.find("lab"); }

    World world_;
    TestEndpoint* writer_ = nullptr;
    std::vector<TestEndpoint*> readers_;
};

void broadcast(benchmark::State& state) {
    Bench bench(nullptr, "broadcast", state.range(0));
    bench.run(state, std::string(kLength, 'x'));
}

void pair(benchmark::State& state) {
    Bench bench(ipn_pair_policy(&ipn::core::policy_host()), "pair", 1);
    bench.run(state, std::string(kLength, 'x'));
}

// To all: nobody is known.
void vdeswitch(benchmark::State& state) {
    Bench bench(ipn_vdeswitch_policy(&ipn::core::policy_host()), "vdeswitch", state.range(0));
    std::string frame(kLength, 'x');
    frame.replace(0, 12, std::string(6, '\xff') + std::string(6, '\x02'));
    bench.run(state, frame);
}

// To the subscribers of one id, each of which has subscribed to as many.
void connector(benchmark::State& state) {
    Bench bench(ipn_connector_policy(&ipn::core::policy_host()), "connector", state.range(0));
    std::string ids;
    for (std::int64_t val = 1; val <= state.range(1); ++val)
        ids.append("3:").append(std::to_string(val)).append(" ");
    ids.pop_back();
    for (TestEndpoint* reader : bench.readers()) bench.set(*reader, "ids", ids);
    std::string packet = ipn::test::message({3, 1}, std::string(kLength - 20, 'x'));
    bench.run(state, packet);
}

BENCHMARK(broadcast)->Arg(1)->Arg(4)->Arg(16);
BENCHMARK(vdeswitch)->Arg(1)->Arg(4)->Arg(16);
BENCHMARK(pair);
BENCHMARK(connector)->ArgsProduct({{1, 4, 16}, {1, 100}})->ArgNames({"readers", "ids"});

}  // namespace

BENCHMARK_MAIN();
