// vdeswitch-bench: what one frame costs in the core of a network with the policy vdeswitch, from a
// write to the queue of its reader and out of it, by how many stations are known and with and
// without VLANs; policies-bench has the other policies.
//
// new_station is the worst that a sender can do: every frame comes from another address, and the
// table is full.
//
// Frames go round robin to all stations, so that a large table is not in the cache by luck. They
// are in a few buffers, which are in the cache as those are into which a frame was just received:
// ten thousand frames kept for the purpose are not, and would be what is measured.
#include "vdeswitch.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
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

void write_mac(char* at, std::uint32_t station) {
    const char bytes[] = {2,
                          0,
                          static_cast<char>(station >> 24 & 0xff),
                          static_cast<char>(station >> 16 & 0xff),
                          static_cast<char>(station >> 8 & 0xff),
                          static_cast<char>(station & 0xff)};
    std::memcpy(at, bytes, sizeof bytes);
}
std::string frame(std::uint32_t from) {
    std::string bytes(12, '\xff');
    write_mac(bytes.data() + 6, from);
    bytes += "\x08\x06";
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
            std::string hello = frame(station);
            if (vlans == Vlans::converted) hello.insert(12, std::string("\x81\0\0\x0a", 4));
            TestEndpoint& port = *ports_[1 + station % (kPorts - 1)];
            IPN_CHECK(port.write(hello) == ipn::core::Network::Send::done);
            for (TestEndpoint* each : ports_)
                while (each->read() != TestEndpoint::kNothing) continue;
        }
        stations_ = stations;
        for (std::size_t ahead = 0; ahead < kAhead; ++ahead) address_next();
    }

    // Sends the next frame and takes it out of its reader's queue.
    void step() {
        address_next();
        const std::string& bytes = frames_[sent_++ % kFrames];
        TestEndpoint& to = *ports_[1 + next_ % (kPorts - 1)];
        next_ = next_ + 1 == stations_ ? 0 : next_ + 1;
        const AssumeLoop here;
        const auto sent =
            ports_[0]->node().network().send(ports_[0]->node(), std::as_bytes(std::span(bytes)));
        IPN_CHECK(sent.outcome == ipn::core::Network::Send::done);
        const auto received = to.node().receive(kLength + 4);
        IPN_CHECK(received.length >= kLength);
    }

    void limit_table() { set("table_size", "16384", IPN_PORT_ANY); }
    void step_from_a_new_station() {
        write_mac(frames_[sent_ % kFrames].data() + 6, 0x10000000 + ++drawn_);
        step();
    }

  private:
    ipn::core::Network& lab() { return *world_.registry.find("lab"); }
    void set(std::string_view name, std::string_view value, std::uint32_t number) {
        const AssumeLoop here;
        const auto index = lab().policy().find_option(name);
        IPN_CHECK(lab().set_policy_option(number, index.value(), value));
    }

    // Writes the address of a station into a frame that is sent kAhead steps later: one that is
    // read as soon as it is written is read more slowly.
    void address_next() {
        write_mac(frames_[addressed_++ % kFrames].data(), next_addressed_);
        next_addressed_ = next_addressed_ + 1 == stations_ ? 0 : next_addressed_ + 1;
    }

    static constexpr std::size_t kFrames = 32;
    static constexpr std::size_t kAhead = 16;

    World world_;
    std::vector<TestEndpoint*> ports_;
    std::vector<std::string> frames_ = std::vector<std::string>(kFrames, frame(0xffffffff));
    std::size_t sent_ = 0, addressed_ = 0;
    std::uint32_t stations_ = 0;
    std::uint32_t next_ = 0, next_addressed_ = 0;
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

BENCHMARK(new_station);
BENCHMARK_CAPTURE(known_station, no_vlans, Vlans::off)->Arg(2)->Arg(256)->Arg(10'000);
BENCHMARK_CAPTURE(known_station, in_a_vlan, Vlans::untagged)->Arg(2)->Arg(256)->Arg(10'000);
BENCHMARK_CAPTURE(known_station, tag_put_in, Vlans::converted)->Arg(2)->Arg(256)->Arg(10'000);

}  // namespace

BENCHMARK_MAIN();
