#include "measure/traffic.h"

#include <fmt/core.h>

#include <cstdio>
#include <stdexcept>
#include <thread>

#include "harness/packet.h"

namespace bench {

namespace {

// An exception in a thread of a node ends the node.
template <typename Body>
void run_thread(Body body) {
    try {
        body();
    } catch (const std::exception& error) {
        fmt::print(stderr, "a receiver: {}\n", error.what());
        std::fflush(stderr);
        ::_exit(1);
    }
}

// The window of all senders together.
std::optional<WindowSetting> share_of(std::optional<WindowSetting> window, unsigned senders) {
    if (!window) return std::nullopt;
    const auto share = [senders](unsigned packets) { return std::max(1u, packets / senders); };
    return WindowSetting{.packets = share(window->packets),
                         .resume_below = share(window->resume_below)};
}

Usage sum_of(const std::vector<Process>& processes, UsageDetail detail) {
    Usage sum;
    for (const Process& process : processes) sum += process.usage(detail);
    return sum;
}

}  // namespace

double TrafficResult::cpu_us() const {
    constexpr double us_per_s = 1e6;
    return (server.cpu_s + senders.cpu_s + receivers.cpu_s) * us_per_s / deliveries;
}

Traffic::Traffic(Network& network, const std::optional<WindowSetting>& window,
                 const TrafficSetup& setup)
    : network_(network),
      window_(share_of(window, setup.network.members.senders())),
      setup_(setup),
      board_(setup.network.members.senders(), setup.network.members.receivers()) {
    const Members& members = setup.network.members;
    // One after the other: vde_switch mixes up ports of clients that connect at the same time.
    unsigned expected = 0;
    const auto start = [&](std::vector<Process>& list, const char* role, unsigned number,
                           const std::function<void()>& body) {
        list.push_back(Process::fork(fmt::format("{} {}", role, number), body));
        wait_for_count(board_.joined(), ++expected);
    };
    for (unsigned number = 0; number < members.writers; ++number) {
        start(writers_, "writer", number, [=, this] { run_writer(number); });
    }
    for (unsigned number = 0; number < members.readers; ++number) {
        start(receivers_, "reader", number, [=, this] { run_reader(number); });
    }
    for (unsigned number = 0; number < members.both; ++number) {
        start(receivers_, "node", number, [=, this] { run_both(number); });
    }
}

Traffic::~Traffic() {
    for (const Process& process : receivers_) process.kill();
    end_all(writers_);
    end_all(receivers_);
}

void Traffic::run_writer(unsigned number) {
    const auto endpoint = network_.join(Role::writer, number);
    board_.joined().fetch_add(1);
    send(*endpoint, number);
}

void Traffic::run_reader(unsigned number) {
    const auto endpoint = network_.join(Role::reader, number);
    board_.joined().fetch_add(1);
    receive(*endpoint, number);
}

void Traffic::run_both(unsigned number) {
    const auto endpoint = network_.join(Role::both, number);
    board_.joined().fetch_add(1);
    std::thread receiver([&] { run_thread([&] { receive(*endpoint, number); }); });
    send(*endpoint, number);
}

void Traffic::receive(Endpoint& endpoint, unsigned receiver) {
    for (;;) {
        const auto packet = endpoint.receive();
        if (packet.size() != setup_.network.packet_bytes) {
            throw std::runtime_error(fmt::format("{} bytes instead of a packet", packet.size()));
        }
        note_delivery(board_.progress(receiver, sender_of(packet)), get_stamp(packet).sequence);
    }
}

void Traffic::send(Endpoint& endpoint, unsigned sender) {
    const Members& members = setup_.network.members;
    wait_for_count(board_.joined(), members.all());
    const auto receivers = receivers_of(sender);
    endpoint.wait_for_receivers(static_cast<unsigned>(receivers.size()));
    const Destination destination =
        receivers.size() == 1 ? Destination::receiver : Destination::everybody;
    std::vector<std::byte> packet = make_packet(setup_.network.packet_bytes, sender, destination);
    std::optional<Window> window;
    if (window_) window.emplace(*window_, receivers);
    for (std::uint64_t sequence = 0;; ++sequence) {
        if (window) window->wait_for_room(sequence);
        put_stamp(packet, {.sequence = sequence, .sent_ns = 0});
        endpoint.send(packet);
        if (setup_.pause.count() > 0) sleep_for(setup_.pause);
    }
}

// All but itself, if it is one.
std::vector<Progress*> Traffic::receivers_of(unsigned sender) {
    const bool receives_too = setup_.network.members.both > 0;
    std::vector<Progress*> receivers;
    for (unsigned receiver = 0; receiver < board_.receivers(); ++receiver) {
        if (receives_too && receiver == sender) continue;
        receivers.push_back(&board_.progress(receiver, sender));
    }
    return receivers;
}

void Traffic::wait_until_flowing() {
    constexpr std::uint64_t some = 10;
    constexpr Milliseconds timeout{10'000};
    const auto deadline = Clock::now() + timeout;
    for (unsigned sender = 0; sender < board_.senders(); ++sender) {
        for (const Progress* progress : receivers_of(sender)) {
            while (progress->next_sequence.load() < some) {
                if (Clock::now() > deadline) throw std::runtime_error("not all are heard in time");
                sleep_for(Milliseconds{1});
            }
        }
    }
}

Traffic::Reading Traffic::read_counters() const {
    Reading reading{.time = Clock::now()};
    for (const Progress& progress : board_.all_progress()) {
        reading.deliveries += progress.deliveries.load();
        reading.sequences += progress.next_sequence.load();
    }
    if (network_.server() != nullptr) reading.server = network_.server()->usage(setup_.detail);
    reading.senders = sum_of(writers_, setup_.detail);
    reading.receivers = sum_of(receivers_, setup_.detail);
    return reading;
}

TrafficResult Traffic::measure(Milliseconds duration) {
    const Reading before = read_counters();
    sleep_for(duration);
    const Reading after = read_counters();
    for (Process& process : writers_) process.expect_running();
    for (Process& process : receivers_) process.expect_running();

    const double seconds = std::chrono::duration<double>(after.time - before.time).count();
    const auto deliveries = static_cast<double>(after.deliveries - before.deliveries);
    const auto sequences = static_cast<double>(after.sequences - before.sequences);
    if (deliveries == 0) throw std::runtime_error("nothing was delivered");
    return {.deliveries_per_s = deliveries / seconds,
            .packets = sequences / setup_.network.members.receivers(),
            .deliveries = deliveries,
            .lost = 1 - deliveries / sequences,
            .server = after.server - before.server,
            .senders = after.senders - before.senders,
            .receivers = after.receivers - before.receivers};
}

TrafficResult measure_traffic(Transport& transport, const TrafficSetup& setup, Milliseconds warm_up,
                              Milliseconds duration) {
    const auto network = transport.open(setup.network);
    Traffic traffic(*network, transport.window(), setup);
    traffic.wait_until_flowing();
    sleep_for(warm_up);
    return traffic.measure(duration);
}

}  // namespace bench
