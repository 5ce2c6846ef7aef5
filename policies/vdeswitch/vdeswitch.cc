#include "vdeswitch.h"

#include <array>
#include <cerrno>
#include <new>
#include <string>

#include "settings.h"
#include "switch.h"
#include "views.h"

namespace {

using namespace ipn::vdeswitch;

const ipn_host* host;

Switch& switch_of(const ipn_net* net) {
    return *static_cast<Switch*>(*host->net_private(const_cast<ipn_net*>(net)));
}
Port& port_of(ipn_port* port) {
    return *static_cast<Port*>(*host->port_private(port));
}

// ---- networks and ports

int newnet(ipn_net* net) try {
    *host->net_private(net) = new Switch(*host, net);
    return 0;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

void delnet(ipn_net* net) {
    delete &switch_of(net);
    *host->net_private(net) = nullptr;
}

int newport(ipn_port* port, std::uint32_t wanted) try {
    const ipn_net* net = host->net(port);
    const int number = host->free_port(net, wanted);
    if (number >= 0) switch_of(net).prepare(static_cast<std::uint32_t>(number));
    return number;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

void postnewport(ipn_port* port) {
    *host->port_private(port) = &switch_of(host->net(port)).connect(host->number(port), port);
}

void delport(ipn_port* port) {
    switch_of(host->net(port)).disconnect(port_of(port));
    *host->port_private(port) = nullptr;
}

void resetport(ipn_net* net, std::uint32_t number) {
    switch_of(net).reset(number);
}

int handlemsg(ipn_port* from, ipn_msg* msg, int depth) {
    return switch_of(host->net(from)).handle(port_of(from), msg, depth);
}

// ---- options

const std::array<ipn_option, kSettingsCount>& option_rows() {
    static const auto kRows = [] {
        std::array<ipn_option, kSettingsCount> rows{};
        for (std::size_t at = 0; at < kSettingsCount; ++at) rows[at] = settings()[at].option;
        return rows;
    }();
    return kRows;
}

int refuse(const char* words) {
    host->explain(words);
    return -EINVAL;
}

int setsockopt(ipn_net* net, std::uint32_t number, std::size_t index, const char* value,
               std::size_t length) try {
    const Setting& setting = settings()[index];
    const std::string_view text(value, length);
    if (setting.set_port == nullptr) {
        NetworkSettings wanted = net == nullptr ? NetworkSettings() : switch_of(net).settings();
        if (const char* words = setting.set(wanted, text)) return refuse(words);
        if (net != nullptr) switch_of(net).change(wanted);
        return 0;
    }
    PortSettings wanted = net == nullptr ? PortSettings() : switch_of(net).settings(number);
    if (const char* words = setting.set_port(wanted, text)) return refuse(words);
    if (net != nullptr && !switch_of(net).change(number, wanted))
        return refuse("one of the addresses is another port's");
    return 0;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

int getsockopt(const ipn_net* net, std::uint32_t number, std::size_t index, char* value,
               std::size_t size) try {
    const Setting& setting = settings()[index];
    const std::string text = setting.show_port == nullptr
                                 ? setting.show(switch_of(net).settings())
                                 : setting.show_port(switch_of(net).settings(number));
    text.copy(value, size);
    return static_cast<int>(text.size());
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

// A switch's captures are Ethernet's.
constexpr std::array kPresets{ipn_preset{"linktype", "ethernet"}};

// ---- views and statistics

template <void (*Show)(const Switch&, ipn_text*)>
int view(ipn_net* net, ipn_text* text) try {
    Show(switch_of(net), text);
    return 0;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

constexpr std::array kViews{
    ipn_view{"fdb", view<show_fdb>},
    ipn_view{"vlans", view<show_vlans>},
    ipn_view{"stp", view<show_stp>},
    ipn_view{"ports", view<show_ports>},
};

template <std::uint64_t Switch::Counters::*Member>
std::uint64_t count(const ipn_net* net) {
    return switch_of(net).counters().*Member;
}
template <std::uint64_t Fdb::Counters::*Member>
std::uint64_t count(const ipn_net* net) {
    return switch_of(net).fdb().counters().*Member;
}
template <std::uint64_t SpanningTree::Counters::*Member>
std::uint64_t count(const ipn_net* net) {
    return switch_of(net).tree_counters().*Member;
}

constexpr std::array kStats{
    ipn_stat{"forwarded", IPN_STAT_COUNTER, count<&Switch::Counters::forwarded>},
    ipn_stat{"flooded", IPN_STAT_COUNTER, count<&Switch::Counters::flooded>},
    ipn_stat{"filtered", IPN_STAT_COUNTER, count<&Switch::Counters::filtered>},
    ipn_stat{"malformed", IPN_STAT_COUNTER, count<&Switch::Counters::malformed>},
    ipn_stat{"no_memory", IPN_STAT_COUNTER, count<&Switch::Counters::no_memory>},
    ipn_stat{"learned", IPN_STAT_COUNTER, count<&Fdb::Counters::learned>},
    ipn_stat{"moved", IPN_STAT_COUNTER, count<&Fdb::Counters::moved>},
    ipn_stat{"moves_refused", IPN_STAT_COUNTER, count<&Fdb::Counters::moves_refused>},
    ipn_stat{"evicted", IPN_STAT_COUNTER, count<&Fdb::Counters::evicted>},
    ipn_stat{"aged", IPN_STAT_COUNTER, count<&Fdb::Counters::aged>},
    ipn_stat{"flushed", IPN_STAT_COUNTER, count<&Fdb::Counters::flushed>},
    ipn_stat{"bpdu_in", IPN_STAT_COUNTER, count<&SpanningTree::Counters::bpdu_in>},
    ipn_stat{"bpdu_out", IPN_STAT_COUNTER, count<&SpanningTree::Counters::bpdu_out>},
    ipn_stat{"bpdu_invalid", IPN_STAT_COUNTER, count<&SpanningTree::Counters::bpdu_invalid>},
    ipn_stat{"topology_changes", IPN_STAT_COUNTER,
             count<&SpanningTree::Counters::topology_changes>},
    ipn_stat{"stations", IPN_STAT_GAUGE,
             [](const ipn_net* net) -> std::uint64_t { return switch_of(net).stations(); }},
};

}  // namespace

extern "C" const ipn_policy* ipn_vdeswitch_policy(const ipn_host* host_table) {
    if (!IPN_HAS(host_table, print)) return nullptr;
    host = host_table;
    static const ipn_policy kVdeswitch{
        .struct_size = sizeof(ipn_policy),
        .api = IPN_POLICY_API,
        .name = "vdeswitch",
        .description = "an Ethernet switch",
        .newnet = newnet,
        .delnet = delnet,
        .resizenet = nullptr,
        .newport = newport,
        .postnewport = postnewport,
        .predelport = nullptr,
        .delport = delport,
        .handlemsg = handlemsg,
        .length_min = Header::kLengthMin,
        .options = option_rows().data(),
        .options_count = option_rows().size(),
        .setsockopt = setsockopt,
        .getsockopt = getsockopt,
        .resetport = resetport,
        .presets = kPresets.data(),
        .presets_count = kPresets.size(),
        .views = kViews.data(),
        .views_count = kViews.size(),
        .stats = kStats.data(),
        .stats_count = kStats.size(),
    };
    return &kVdeswitch;
}
