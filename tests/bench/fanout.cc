#include "fanout.h"

#include <fmt/core.h>

#include <stdexcept>

#include "packet.h"

namespace bench {

Fanout::Fanout(Network& network, const std::optional<WindowSetting>& window,
               const FanoutSetup& setup)
    : network_(network), window_(window), setup_(setup) {
    if (setup.readers > readers_max) throw std::runtime_error("too many readers");
    processes_.push_back(Process::fork("sender", [this] { run_sender(); }));
    wait_for_count(board_->writers_ready, 1);
    for (unsigned number = 0; number < setup.readers; ++number) {
        const std::string name = fmt::format("reader {}", number);
        processes_.push_back(Process::fork(name, [this, number] { run_reader(number); }));
    }
    wait_for_count(board_->readers_ready, setup.readers);
}

void Fanout::run_reader(unsigned number) {
    const auto endpoint = network_.join(Role::reader, number);
    std::vector<std::byte> buffer(setup_.buffer_bytes);
    ReaderProgress& progress = board_->readers[number];
    board_->readers_ready.fetch_add(1);
    for (;;) {
        const std::size_t bytes = endpoint->receive(buffer);
        if (bytes != setup_.packet_bytes) {
            throw std::runtime_error(fmt::format("{} bytes instead of a packet", bytes));
        }
        note_delivery(progress, get_stamp(buffer).sequence);
    }
}

void Fanout::run_sender() {
    const auto endpoint = network_.join(Role::writer, 0);
    std::vector<std::byte> packet = make_packet(setup_.packet_bytes, 1);
    std::optional<Window> window;
    if (window_) window.emplace(*window_, *board_, setup_.readers);
    board_->writers_ready.fetch_add(1);
    wait_for_count(board_->readers_ready, setup_.readers);
    endpoint->wait_for_readers(setup_.readers);
    for (std::uint64_t sequence = 0;; ++sequence) {
        if (window) window->wait_for_room(sequence);
        put_stamp(packet, {.sequence = sequence, .sent_ns = 0});
        endpoint->send(packet);
        if (setup_.pause.count() > 0) sleep_for(setup_.pause);
    }
}

Fanout::Reading Fanout::read_counters() const {
    Reading reading{.time = Clock::now(), .deliveries = 0, .sequences = 0, .cpu_s = 0};
    for (unsigned number = 0; number < setup_.readers; ++number) {
        reading.deliveries += board_->readers[number].deliveries.load();
        reading.sequences += board_->readers[number].next_sequence.load();
    }
    if (network_.server() != nullptr) reading.cpu_s += network_.server()->cpu_seconds();
    for (const Process& process : processes_) reading.cpu_s += process.cpu_seconds();
    return reading;
}

FanoutResult Fanout::measure(Milliseconds duration) {
    const Reading before = read_counters();
    sleep_for(duration);
    const Reading after = read_counters();
    for (Process& process : processes_) process.expect_running();

    constexpr double us_per_s = 1e6;
    const double seconds = std::chrono::duration<double>(after.time - before.time).count();
    const auto deliveries = static_cast<double>(after.deliveries - before.deliveries);
    const auto sequences = static_cast<double>(after.sequences - before.sequences);
    if (deliveries == 0) throw std::runtime_error("nothing was delivered");
    return {.deliveries_per_s = deliveries / seconds,
            .packets = sequences / setup_.readers,
            .cpu_us = (after.cpu_s - before.cpu_s) * us_per_s / deliveries,
            .lost = 1 - deliveries / sequences};
}

FanoutResult measure_fanout(Transport& transport, const FanoutSetup& setup, Milliseconds warm_up,
                            Milliseconds duration) {
    const auto network =
        transport.open({.readers = setup.readers, .packet_bytes = setup.packet_bytes});
    Fanout fanout(*network, transport.window(), setup);
    sleep_for(warm_up);
    return fanout.measure(duration);
}

}  // namespace bench
