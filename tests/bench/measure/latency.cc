#include "measure/latency.h"

#include <fcntl.h>

#include <atomic>
#include <vector>

#include "harness/board.h"
#include "harness/errors.h"
#include "harness/fd.h"
#include "harness/packet.h"
#include "harness/process.h"
#include "harness/shared.h"

namespace bench {

namespace {

constexpr unsigned warm_up_samples = 100;
constexpr Milliseconds timeout{30'000};

struct Exchange {
    std::atomic<unsigned> joined{0};
    Samples samples;
};

void send_and_time(Endpoint& endpoint, const LatencySetup& setup, Samples& samples) {
    std::vector<std::byte> packet = make_packet(setup.packet_bytes, 0);
    for (unsigned sample = 0; sample < warm_up_samples + setup.samples; ++sample) {
        const std::uint64_t start = now_ns();
        endpoint.send(packet);
        endpoint.receive();
        if (sample >= warm_up_samples) samples.add(now_ns() - start);
    }
}

[[noreturn]] void answer(Endpoint& endpoint, const LatencySetup& setup) {
    std::vector<std::byte> packet = make_packet(setup.packet_bytes, 1);
    for (;;) {
        endpoint.receive();
        endpoint.send(packet);
    }
}

void send_paced(Endpoint& endpoint, const LatencySetup& setup) {
    std::vector<std::byte> packet = make_packet(setup.packet_bytes, 0);
    for (std::uint64_t sequence = 0;; ++sequence) {
        sleep_for(setup.pause);
        put_stamp(packet, {.sequence = sequence, .sent_ns = now_ns()});
        endpoint.send(packet);
    }
}

void time_arrivals(Endpoint& endpoint, const LatencySetup& setup, Samples& samples) {
    for (unsigned sample = 0; sample < warm_up_samples + setup.samples; ++sample) {
        const auto packet = endpoint.receive();
        const std::uint64_t arrived = now_ns();
        if (sample >= warm_up_samples) samples.add(arrived - get_stamp(packet).sent_ns);
    }
}

}  // namespace

Percentiles measure_round_trip(Transport& transport, const LatencySetup& setup) {
    const auto network = transport.open(
        {.members = all_to_all(2), .packet_bytes = setup.packet_bytes, .buffer_bytes = 2048});
    const Shared<Exchange> exchange;
    const Process answerer = Process::fork("answerer", [&] {
        const auto endpoint = network->join(Role::both, 1);
        exchange->joined.fetch_add(1);
        endpoint->wait_for_receivers(1);
        answer(*endpoint, setup);
    });
    Process asker = Process::fork("asker", [&] {
        const auto endpoint = network->join(Role::both, 0);
        exchange->joined.fetch_add(1);
        wait_for_count(exchange->joined, 2);
        endpoint->wait_for_receivers(1);
        send_and_time(*endpoint, setup, exchange->samples);
    });
    asker.wait(timeout);
    return exchange->samples.percentiles();
}

Percentiles measure_one_way(Network& network, const LatencySetup& setup) {
    const Shared<Exchange> exchange;
    Process reader = Process::fork("reader", [&] {
        const auto endpoint = network.join(Role::reader, 0);
        exchange->joined.fetch_add(1);
        time_arrivals(*endpoint, setup, exchange->samples);
    });
    const Process sender = Process::fork("sender", [&] {
        const auto endpoint = network.join(Role::writer, 0);
        wait_for_count(exchange->joined, 1);
        send_paced(*endpoint, setup);
    });
    reader.wait(timeout);
    return exchange->samples.percentiles();
}

Percentiles measure_two_null_operations(const std::string& file, const LatencySetup& setup) {
    const Shared<Exchange> exchange;
    Process client = Process::fork("null client", [&] {
        const Fd null(check(::open(file.c_str(), O_RDWR | O_CLOEXEC), file));
        std::vector<std::byte> packet = make_packet(setup.packet_bytes, 0);
        for (unsigned sample = 0; sample < warm_up_samples + setup.samples; ++sample) {
            sleep_for(setup.pause);
            const std::uint64_t start = now_ns();
            check(::write(null.get(), packet.data(), packet.size()), "null write");
            check(::read(null.get(), packet.data(), packet.size()), "null read");
            if (sample >= warm_up_samples) exchange->samples.add(now_ns() - start);
        }
    });
    client.wait(timeout);
    return exchange->samples.percentiles();
}

}  // namespace bench
