#include "sections/lineup.h"

#include "transports/netlink.h"
#include "transports/seqpacket.h"
#include "transports/tee_pipes.h"
#include "transports/vde.h"
#include "transports/zeromq.h"

namespace bench {

namespace {

constexpr unsigned packets_a_batch = 32;
constexpr WindowSetting vde_window{.packets = 32, .resume_below = 32};
constexpr WindowSetting vde_window_halves{.packets = 32, .resume_below = 16};

constexpr const char* vde_halves_name = "vde_switch, resumed at half";

void add_pairings(Lineup& lineup, const std::string& ours, const std::vector<std::string>& peers,
                  bool by_cpu) {
    for (const std::string& peer : peers) lineup.pairings.push_back({ours, peer, by_cpu});
}

void add_ours(Lineup& lineup, const SuiteSetup& setup, const IpnfsPlace& place) {
    const auto add = [&](IpnfsKind kind) {
        lineup.ours.push_back(make_ipnfs(kind, place, packets_a_batch));
        return lineup.ours.back()->name();
    };
    const std::string port = add(IpnfsKind::port);
    add_pairings(lineup, port, {vde_name, naive_hub_name}, true);
    add_pairings(lineup, port, {vde_halves_name, seqpacket_name(1), netlink_name, zeromq_name},
                 false);
    const std::string framed = add(IpnfsKind::framed);
    add_pairings(lineup, framed, {vde_name, zeromq_name}, true);
    add_pairings(lineup, framed,
                 {vde_halves_name, seqpacket_name(packets_a_batch), netlink_name, tee_pipes_name},
                 false);
    if (!place.mount_options.empty()) return;
    add_pairings(lineup, add(IpnfsKind::port_lossy), {vde_name}, false);
    if (setup.quick) return;
    add_pairings(lineup, add(IpnfsKind::stream), {tee_pipes_name}, false);
    add_pairings(lineup, add(IpnfsKind::framed_small_pages), {vde_name, framed}, false);
}

}  // namespace

std::vector<Transport*> Lineup::all() const {
    std::vector<Transport*> all;
    for (const auto& transport : peers) all.push_back(transport.get());
    for (const auto& transport : ours) all.push_back(transport.get());
    return all;
}

void Lineup::describe(Results& results) const {
    for (const Transport* transport : all()) {
        results.add_note(transport->name() + ": " + transport->setting());
    }
}

std::unique_ptr<Transport> make_vde_peer(const SuiteSetup& setup) {
    return make_vde(vde_name, setup.directory, vde_window);
}

Lineup packet_lineup(const SuiteSetup& setup, bool full_duplex) {
    Lineup lineup;
    auto& peers = lineup.peers;
    peers.push_back(make_vde_peer(setup));
    peers.push_back(make_zeromq(setup.directory));
    if (!full_duplex) peers.push_back(make_naive_hub(setup.naive_hub));
    if (!setup.quick) {
        peers.push_back(make_seqpacket());
        peers.push_back(make_vde(vde_halves_name, setup.directory, vde_window_halves));
        peers.push_back(make_seqpacket(packets_a_batch));
        peers.push_back(make_netlink());
        peers.push_back(make_tee_pipes(packets_a_batch));
    }
    for (const IpnfsPlace& place : setup.ipnfs) add_ours(lineup, setup, place);
    return lineup;
}

Lineup single_packet_lineup(const SuiteSetup& setup) {
    Lineup lineup;
    lineup.peers.push_back(make_vde_peer(setup));
    lineup.peers.push_back(make_seqpacket());
    lineup.peers.push_back(make_netlink());
    lineup.peers.push_back(make_zeromq(setup.directory));
    lineup.peers.push_back(make_naive_hub(setup.naive_hub));
    for (const IpnfsPlace& place : setup.ipnfs) {
        lineup.ours.push_back(make_ipnfs(IpnfsKind::port, place));
        add_pairings(lineup, lineup.ours.back()->name(),
                     {vde_name, seqpacket_name(1), netlink_name, zeromq_name, naive_hub_name},
                     false);
        lineup.ours.push_back(make_ipnfs(IpnfsKind::framed, place, 1));
        add_pairings(lineup, lineup.ours.back()->name(), {vde_name}, false);
    }
    return lineup;
}

}  // namespace bench
