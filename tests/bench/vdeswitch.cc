// vdeswitch-bench: what one frame costs in the core of a network with the policy vdeswitch, from a
// write to the queues of its readers and out of them, by how many stations are known and with and
// without VLANs. Beside it the policy broadcast with one reader, which does nothing but that.
//
// new_station is the worst that a sender can do: every frame comes from another address, and the
// table is full.
//
// Frames go round robin to all stations, so that a large table is not in the cache by luck.
#include "vdeswitch.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/check.h"
#include "core/on_loop.h"
#include "core/policies.h"
#include "world.h"

namespace {

using ipn::core::AssumeLoop;
using ipn::core::Role;
using ipn::test::TestEndpoint;
using ipn::test::World;

constexpr std::size_t kLength = 64;  // of a frame: what is copied is not what is measured
constexpr std::uint32_t kPorts = 8;

enum class Vlans { off, untagged, converted };

std::string mac(std::uint32_t station) {
    std::string bytes("\x02\0", 2);
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(station >> shift & 0xff);
    return bytes;
}
std::string frame(const std::string& to, const std::string& from) {
    std::string bytes = to + from + "\x08\x06";
    bytes.resize(kLength, 'x');
    return bytes;
}

class Bench {
  public:
    Bench(std::uint32_t stations, Vlans vlans) {
        IPN_CHECK(world_.registry.policies().add(ipn_vdeswitch_policy(&ipn::core::policy_host())));
        IPN_CHECK(world_.set(lab(), "policy", "vdeswitch") == 0);
        for (std::uint32_t port = 0; port < kPorts; ++port)
            ports_.push_back(&world_.join(lab(), Role::both));
        if (vlans != Vlans::off)
            for (std::uint32_t port = 0; port < kPorts; ++port) {
                const bool tagged = vlans == Vlans::converted && port != 0;
                set("untagged", tagged ? "none" : "10", port);
                if (tagged) set("tagged", "10", port);
            }
        set("table_size", "1048576", IPN_PORT_ANY);
        // The stations are behind all ports but the first, which sends.
        for (std::uint32_t station = 0; station < stations; ++station) {
            std::string hello = frame(std::string(6, '\xff'), mac(station));
            if (vlans == Vlans::converted) hello.insert(12, std::string("\x81\0\0\x0a", 4));
            TestEndpoint& port = *ports_[1 + station % (kPorts - 1)];
            IPN_CHECK(port.write(hello) == ipn::core::Network::Send::done);
            for (TestEndpoint* each : ports_)
                while (each->read() != TestEndpoint::kNothing) continue;
            frames_.push_back(frame(mac(station), mac(0xffffffff)));
        }
    }

    // Sends the next frame and takes it out of its reader's queue.
    void step() {
        const std::string& bytes = frames_[next_];
        TestEndpoint& to = *ports_[1 + next_ % (kPorts - 1)];
        next_ = next_ + 1 == frames_.size() ? 0 : next_ + 1;
        const AssumeLoop here;
        const auto sent =
            ports_[0]->node().network().send(ports_[0]->node(), std::as_bytes(std::span(bytes)));
        IPN_CHECK(sent.outcome == ipn::core::Network::Send::done);
        const auto received = to.node().receive(kLength + 4);
        IPN_CHECK(received.length >= kLength);
    }

    void limit_table() { set("table_size", "16384", IPN_PORT_ANY); }
    void step_from_a_new_station() {
        frames_[next_].replace(6, 6, mac(0x10000000 + ++drawn_));
        step();
    }

  private:
    ipn::core::Network& lab() { return *world_.registry.find("lab"); }
    void set(std::string_view name, std::string_view value, std::uint32_t number) {
        const AssumeLoop here;
        const auto index = lab().policy().find_option(name);
        IPN_CHECK(lab().set_policy_option(number, index.value(), value));
    }

    World world_;
    std::vector<TestEndpoint*> ports_;
    std::vector<std::string> frames_;
    std::size_t next_ = 0;
    std::uint32_t drawn_ = 0;
};

void known_station(benchmark::State& state, Vlans vlans) {
    Bench bench(static_cast<std::uint32_t>(state.range(0)), vlans);
    for (auto _ : state) bench.step();
    state.SetItemsProcessed(state.iterations());
}

void new_station(benchmark::State& state) {
    Bench bench(256, Vlans::off);
    bench.limit_table();
    for (auto _ : state) bench.step_from_a_new_station();
    state.SetItemsProcessed(state.iterations());
}

// With as many different frames, which alone leave the cache when they are many.
void broadcast(benchmark::State& state) {
    World world;
    ipn::core::Network& lab = *world.registry.find("lab");
    TestEndpoint& to = world.join(lab, Role::reader);
    TestEndpoint& from = world.join(lab, Role::both);
    std::vector<std::string> frames;
    for (std::uint32_t station = 0; station < state.range(0); ++station)
        frames.push_back(frame(mac(station), mac(0xffffffff)));
    std::size_t next = 0;
    for (auto _ : state) {
        const AssumeLoop here;
        lab.send(from.node(), std::as_bytes(std::span(frames[next])));
        IPN_CHECK(to.node().receive(kLength).length == kLength);
        next = next + 1 == frames.size() ? 0 : next + 1;
    }
    state.SetItemsProcessed(state.iterations());
}

BENCHMARK(broadcast)->Arg(2)->Arg(256)->Arg(10'000);
BENCHMARK(new_station);
BENCHMARK_CAPTURE(known_station, no_vlans, Vlans::off)->Arg(2)->Arg(256)->Arg(10'000);
BENCHMARK_CAPTURE(known_station, in_a_vlan, Vlans::untagged)->Arg(2)->Arg(256)->Arg(10'000);
BENCHMARK_CAPTURE(known_station, tag_put_in, Vlans::converted)->Arg(2)->Arg(256)->Arg(10'000);

}  // namespace

BENCHMARK_MAIN();
