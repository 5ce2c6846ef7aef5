#include "connector.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "bus.h"
#include "subscription.h"

namespace {

using ipn::connector::Bus;
using ipn::connector::Port;
using ipn::connector::Subscription;

const ipn_host* host;

Bus& bus_of(const ipn_net* net) {
    return *static_cast<Bus*>(*host->net_private(const_cast<ipn_net*>(net)));
}
Bus& bus_of(const ipn_port* port) {
    return bus_of(host->net(port));
}
Port& port_of(ipn_port* port) {
    return *static_cast<Port*>(*host->port_private(port));
}

// No exception leaves the module.
template <typename Function>
int guarded(Function function) noexcept {
    try {
        return function();
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
}

int invalid(const char* words) {
    host->explain(words);
    return -EINVAL;
}

// ---- networks

int newnet(ipn_net* net) {
    auto* bus = new (std::nothrow) Bus(*host, net);
    *host->net_private(net) = bus;
    return bus == nullptr ? -ENOMEM : 0;
}

void delnet(ipn_net* net) {
    delete &bus_of(net);
}

// ---- ports

int newport(ipn_port* node, std::uint32_t wanted) {
    const int number = host->free_port(host->net(node), wanted);
    if (number < 0) return number;
    return guarded([&] {
        Port& port = bus_of(node).port(static_cast<std::uint32_t>(number));
        *host->port_private(node) = &port;
        return number;
    });
}

void postnewport(ipn_port* node) {
    Port& port = port_of(node);
    port.node = node;
    const int joined = guarded([&] { return bus_of(node).join(port); });
    if (joined != 0) host->warn(host->net(node), "a reserved port gets no messages: too many ids");
}

void narrowed(ipn_port* node) {
    if ((host->role(node) & IPN_ROLE_READER) == 0) bus_of(node).unsubscribe(port_of(node));
}

void predelport(ipn_port* node) {
    bus_of(node).leave(port_of(node));
}

void resetport(ipn_net* net, std::uint32_t number) {
    bus_of(net).forget(number);
}

// ---- packets

int handlemsg(ipn_port* from, ipn_msg* msg, int depth) {
    return guarded([&] { return bus_of(from).handle(port_of(from), msg, depth); });
}

// ---- options

enum : std::size_t { kIds, kTo };
constexpr std::array kOptions{
    ipn_option{"ids", "IDX:VAL or IDX:any, each perhaps with =NAME, between blanks", "",
               IPN_OPTION_PORT},
    ipn_option{"to", "port:N, group:IDX, or nothing", "", IPN_OPTION_PORT},
};

std::string text_of(const Port& port, std::size_t index) {
    return index == kIds ? format(port.ids) : format(port.to);
}

int set_ids(ipn_net* net, std::uint32_t number, std::string_view value) {
    std::vector<Subscription> ids;
    if (const char* wrong = ipn::connector::parse_subscriptions(value, ids)) return invalid(wrong);
    if (net == nullptr) return 0;
    Port& port = bus_of(net).port(number);
    if (!port.bare) return bus_of(net).set_ids(port, std::move(ids));
    if (value == format(port.ids)) return 0;
    return invalid("a file of ids/ subscribes to the id that it is named by");
}

int set_to(ipn_net* net, std::uint32_t number, std::string_view value) {
    const auto to = ipn::connector::parse_destination(value);
    if (!to) return invalid("a destination is port:N or group:IDX");
    if (net != nullptr) bus_of(net).port(number).to = *to;
    return 0;
}

int setsockopt(ipn_net* net, std::uint32_t number, std::size_t index, const char* value,
               std::size_t length) {
    return guarded([&] {
        return (index == kIds ? set_ids : set_to)(net, number, {value, length});
    });
}

int getsockopt(const ipn_net* net, std::uint32_t number, std::size_t index, char* value,
               std::size_t size) {
    return guarded([&] {
        const Port* port = bus_of(net).find(number);
        const std::string text = port == nullptr ? std::string() : text_of(*port, index);
        text.copy(value, size);
        return static_cast<int>(text.size());
    });
}

// ---- ids/

int check(const ipn_net*, const char* name) {
    return ipn::connector::parse_id(name) ? 0 : -ENOENT;
}

void print(ipn_text* text, const std::string& words) {
    host->print(text, words.data(), words.size());
}

void list(const ipn_net* net, ipn_text* text) {
    guarded([&] {
        print(text, bus_of(net).list());
        return 0;
    });
}

int open(ipn_port* node, const char* name) {
    return guarded(
        [&] { return bus_of(node).open(port_of(node), *ipn::connector::parse_id(name)); });
}

constexpr ipn_endpoints kEndpoints{"ids", check, list, open};

// ---- what is shown

template <std::string (Bus::*Show)() const>
int show(ipn_net* net, ipn_text* text) {
    return guarded([&] {
        print(text, (bus_of(net).*Show)());
        return 0;
    });
}

constexpr std::array kViews{
    ipn_view{"pending", show<&Bus::show_pending>},
    ipn_view{"subscriptions", show<&Bus::show_subscriptions>},
};

template <std::uint64_t Bus::Counters::*Counter>
std::uint64_t counter(const ipn_net* net) {
    return bus_of(net).counters().*Counter;
}

constexpr std::array kStats{
    ipn_stat{"messages", IPN_STAT_COUNTER, counter<&Bus::Counters::messages>},
    ipn_stat{"unheard", IPN_STAT_COUNTER, counter<&Bus::Counters::unheard>},
    ipn_stat{"malformed", IPN_STAT_COUNTER, counter<&Bus::Counters::malformed>},
    ipn_stat{"notices_lost", IPN_STAT_COUNTER, counter<&Bus::Counters::notices_lost>},
    ipn_stat{"subscriptions", IPN_STAT_GAUGE,
             [](const ipn_net* net) -> std::uint64_t { return bus_of(net).subscriptions(); }},
    ipn_stat{"pending", IPN_STAT_GAUGE,
             [](const ipn_net* net) -> std::uint64_t { return bus_of(net).genealogy().pending(); }},
    ipn_stat{"requests_forgotten", IPN_STAT_COUNTER,
             [](const ipn_net* net) { return bus_of(net).genealogy().forgotten(); }},
};

constexpr ipn_policy kConnector{
    .struct_size = sizeof(ipn_policy),
    .api = IPN_POLICY_API,
    .name = "connector",
    .description = "a bus of message ids, after the kernel's netlink connector",
    .newnet = newnet,
    .delnet = delnet,
    .resizenet = nullptr,
    .newport = newport,
    .postnewport = postnewport,
    .predelport = predelport,
    .delport = nullptr,
    .handlemsg = handlemsg,
    .options = kOptions.data(),
    .options_count = kOptions.size(),
    .setsockopt = setsockopt,
    .getsockopt = getsockopt,
    .resetport = resetport,
    .views = kViews.data(),
    .views_count = kViews.size(),
    .stats = kStats.data(),
    .stats_count = kStats.size(),
    .endpoints = &kEndpoints,
    .narrowed = narrowed,
};

}  // namespace

extern "C" const ipn_policy* ipn_connector_policy(const ipn_host* host_table) {
    host = host_table;
    return IPN_HAS(host, slice) ? &kConnector : nullptr;
}
