#include "bus.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <set>
#include <utility>

namespace ipn::connector {
namespace {

template <typename Map, typename Key>
auto* find_in(Map& map, const Key& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

void take_out(std::vector<Port*>& ports, Port* port) {
    const auto found = std::find(ports.begin(), ports.end(), port);
    *found = ports.back();
    ports.pop_back();
}

// Those of `some` that are not among `others`.
std::vector<Subscription> without(const std::vector<Subscription>& some,
                                  const std::vector<Subscription>& others) {
    std::set<std::string> known;
    for (const Subscription& each : others) known.insert(format(each));
    std::vector<Subscription> left;
    for (const Subscription& each : some)
        if (!known.contains(format(each))) left.push_back(each);
    return left;
}

}  // namespace

// Packets: those that are made of one that is being handled. They are put when the call ends.
class Bus::Packets {
  public:
    Packets(const ipn_host& host, ipn_port* payer, ipn_msg* msg)
        : host_(host), payer_(payer), msg_(msg) {}
    ~Packets() {
        for (ipn_msg* packet : made_) host_.put(packet);
    }
    Packets(const Packets&) = delete;
    Packets& operator=(const Packets&) = delete;

    // These bytes of it; null if there is no memory for them.
    ipn_msg* part(std::uint32_t offset, std::uint32_t length) {
        if (offset == 0 && length == host_.length(msg_)) return msg_;
        return keep(host_.slice(payer_, msg_, offset, length));
    }
    // All of it, behind a header.
    ipn_msg* behind(const Message& message) {
        ipn_msg* packet = keep(host_.derive(payer_, msg_, 0, kHeader));
        if (packet != nullptr) write_header(host_.data(packet), message);
        return packet;
    }

  private:
    ipn_msg* keep(ipn_msg* packet) try {
        if (packet != nullptr) made_.push_back(packet);
        return packet;
    } catch (const std::bad_alloc&) {
        host_.put(packet);
        throw;
    }

    const ipn_host& host_;
    ipn_port* const payer_;
    ipn_msg* const msg_;
    std::vector<ipn_msg*> made_;
};

// ---- ports

Port* Bus::find(std::uint32_t number) {
    return find_in(ports_, number);
}

Port& Bus::port(std::uint32_t number) {
    Port& port = ports_[number];
    port.number = number;
    return port;
}

int Bus::join(Port& port) {
    if (!reads(port)) return 0;
    if (const int full = add_all(port, port.ids); full != 0) return full;
    port.subscribed = true;
    for (const Subscription& each : port.ids) tell(port, each, true);
    return 0;
}

void Bus::unsubscribe(Port& port) {
    if (!std::exchange(port.subscribed, false)) return;
    for (const Subscription& each : port.ids) remove(port, each);
    for (const Subscription& each : port.ids) tell(port, each, false);
}

void Bus::leave(Port& port) {
    unsubscribe(port);
    genealogy_.forget(port.number);
    port.node = nullptr;
    port.seq = port.notices = 0;
    port.ranges.clear();
}

int Bus::open(Port& port, const Id& id) {
    port.bare = true;
    port.id = id;
    if (!reads(port)) return 0;
    return set_ids(port, {Subscription{id, false, {}}});
}

int Bus::set_ids(Port& port, std::vector<Subscription> ids) {
    if (!reads(port)) {
        port.ids = std::move(ids);
        return 0;
    }
    const std::vector<Subscription> before =
        port.subscribed ? port.ids : std::vector<Subscription>();
    const std::vector<Subscription> ended = without(before, ids), begun = without(ids, before);
    if (const int full = add_all(port, begun); full != 0) return full;
    for (const Subscription& each : ended) remove(port, each);
    port.ids = std::move(ids);
    port.subscribed = true;
    if (!subscribes_to_bus(port)) port.ranges.clear();
    for (const Subscription& each : ended) tell(port, each, false);
    for (const Subscription& each : begun) tell(port, each, true);
    return 0;
}

int Bus::add_all(Port& port, const std::vector<Subscription>& subscriptions) {
    if (subscriptions.size() > kSubscriptionsMax - subscriptions_) {
        host_.explain("a bus has at most 65536 subscriptions");
        return -ENOSPC;
    }
    std::size_t added = 0;
    try {
        for (; added < subscriptions.size(); ++added) add(port, subscriptions[added]);
    } catch (const std::bad_alloc&) {
        while (added > 0) remove(port, subscriptions[--added]);
        throw;
    }
    return 0;
}

void Bus::add(Port& port, const Subscription& subscription) {
    Group& group = groups_[subscription.id.idx];
    std::vector<Port*>& subscribers = subscription.any ? group.any : exact_[subscription.id];
    std::size_t& count = group.members[&port];
    subscribers.push_back(&port);
    ++count;
    ++subscriptions_;
}

void Bus::remove(Port& port, const Subscription& subscription) {
    const auto group = groups_.find(subscription.id.idx);
    if (subscription.any) {
        take_out(group->second.any, &port);
    } else {
        const auto exact = exact_.find(subscription.id);
        take_out(exact->second, &port);
        if (exact->second.empty()) exact_.erase(exact);
    }
    const auto member = group->second.members.find(&port);
    if (--member->second == 0) group->second.members.erase(member);
    if (group->second.members.empty()) groups_.erase(group);
    --subscriptions_;
}

bool Bus::subscribes_to_bus(const Port& port) const {
    return port.subscribed &&
           std::any_of(port.ids.begin(), port.ids.end(),
                       [](const Subscription& each) { return !each.any && each.id == kBus; });
}

// ---- packets

int Bus::handle(Port& from, ipn_msg* msg, int depth) {
    if (const int wrong = take_apart(from, msg); wrong != 0) return wrong;
    deliveries_.clear();
    receivers_.clear();
    std::size_t heard = 0;
    for (const Message& message : messages_) {
        Delivery& delivery = deliveries_.emplace_back(Delivery{message});
        delivery.to_bus = message.id == kBus && from.to.kind == Destination::Kind::subscribers;
        if (delivery.to_bus) {
            if (const int wrong = parse_request_to_bus(from, msg, delivery); wrong != 0)
                return wrong;
        } else {
            address(from, delivery);
        }
        if (delivery.to_bus || delivery.end > delivery.begin) ++heard;
    }
    if (heard == 0) {
        counters_.unheard += messages_.size();
        const std::string to = format(from.to);
        const std::string nobody = to.empty() ? "nobody subscribes to " + format(messages_[0].id)
                                              : "nobody reads at " + to;
        host_.explain(nobody.c_str());
        return -ESRCH;
    }

    Packets packets(host_, from.node, msg);
    for (Delivery& delivery : deliveries_) {
        const Message& message = delivery.message;
        for (std::size_t i = delivery.begin; i < delivery.end; ++i) {
            ipn_msg*& packet = receivers_[i]->bare ? delivery.bare : delivery.whole;
            const bool nothing = receivers_[i]->bare && message.length == 0;  // no packet is empty
            if (packet != nullptr || nothing) continue;
            if (from.bare)
                packet = receivers_[i]->bare ? msg : packets.behind(message);
            else if (receivers_[i]->bare)
                packet = packets.part(message.at + kHeader, message.length);
            else
                packet = packets.part(message.at, kHeader + message.length);
            if (packet == nullptr) return -ENOMEM;
        }
    }

    from.seq += from.bare ? 1 : 0;
    counters_.messages += heard;
    counters_.unheard += messages_.size() - heard;
    for (Delivery& delivery : deliveries_) send(from, delivery, depth);
    return 0;
}

int Bus::take_apart(const Port& from, ipn_msg* msg) {
    const std::uint32_t length = host_.length(msg);
    if (!from.bare) {
        const char* wrong = parse_packet({host_.data(msg), length}, messages_);
        if (wrong == nullptr) return 0;
        ++counters_.malformed;
        host_.explain(wrong);
        return -EINVAL;
    }
    if (length + kHeader > host_.mtu(net_)) {
        host_.explain("a message's header needs 20 of the mtu bytes of a packet");
        return -EMSGSIZE;
    }
    messages_.assign(1, {from.id, from.seq + 1, 0, 0, length});
    return 0;
}

void Bus::address(const Port& from, Delivery& delivery) {
    delivery.begin = receivers_.size();
    const Group* group;
    switch (from.to.kind) {
        case Destination::Kind::subscribers:
            address(from, find_in(exact_, delivery.message.id));
            group = find_in(groups_, delivery.message.id.idx);
            if (group != nullptr) address(from, &group->any);
            break;
        case Destination::Kind::port: {
            Port* port = find(from.to.number);
            if (port != nullptr && port != &from && reads(*port)) receivers_.push_back(port);
            break;
        }
        case Destination::Kind::group:
            group = find_in(groups_, from.to.number);
            if (group == nullptr) break;
            for (const auto& [port, count] : group->members)
                if (port != &from) receivers_.push_back(port);
            break;
    }
    delivery.end = receivers_.size();
}

void Bus::address(const Port& from, const std::vector<Port*>* ports) {
    if (ports == nullptr) return;
    for (Port* port : *ports)
        if (port != &from) receivers_.push_back(port);
}

int Bus::parse_request_to_bus(const Port& from, ipn_msg* msg, Delivery& delivery) {
    const Message& message = delivery.message;
    const unsigned char* payload = host_.data(msg) + message.at + (from.bare ? 0 : kHeader);
    const char* wrong = parse_ranges({payload, message.length}, delivery.ranges);
    if (wrong == nullptr && !subscribes_to_bus(from))
        wrong = "only who subscribes to 4294967295:4294967295 says of which ids it wants to hear";
    if (wrong == nullptr) return 0;
    ++counters_.malformed;
    host_.explain(wrong);
    return -EINVAL;
}

void Bus::send(Port& from, Delivery& delivery, int depth) {
    const Message& message = delivery.message;
    if (delivery.to_bus) {
        from.ranges.swap(delivery.ranges);
        return;
    }
    const auto begin = receivers_.begin() + static_cast<std::ptrdiff_t>(delivery.begin);
    const auto end = receivers_.begin() + static_cast<std::ptrdiff_t>(delivery.end);
    for (auto to = begin; to != end; ++to) {
        ipn_msg* packet = (*to)->bare ? delivery.bare : delivery.whole;
        if (packet != nullptr) host_.send((*to)->node, packet, depth);
    }
    if (begin == end) return;
    try {
        genealogy_.note(from.number, message, [&](std::uint32_t port) {
            return std::any_of(begin, end, [&](const Port* to) { return to->number == port; });
        });
    } catch (const std::bad_alloc&) {
        genealogy_.note_forgotten();
    }
}

// ---- notices

void Bus::tell(const Port& about, const Subscription& subscription, bool begun) {
    const std::vector<Port*>* listeners = find_in(exact_, kBus);
    if (listeners == nullptr) return;
    const auto wanted = [&](const Port& port) {
        const Id& id = subscription.id;
        return port.ranges.empty() ||
               std::any_of(port.ranges.begin(), port.ranges.end(), [&](const Range& range) {
                   return range.has_idx(id.idx) && (subscription.any || range.has_val(id.val));
               });
    };
    for (Port* port : *listeners)
        if (port != &about && wanted(*port)) send_notice(*port, about, subscription, begun);
}

void Bus::send_notice(Port& to, const Port& about, const Subscription& subscription, bool begun) {
    const ipn_credentials who = host_.credentials(about.node);
    const std::array<std::uint32_t, 6> facts{
        subscription.id.idx, subscription.id.val, begun ? 1U : 0U, about.number, who.uid, who.pid};
    const std::string& name = subscription.name;
    const Message message{kBus, ++to.notices, 0, 0,
                          static_cast<std::uint32_t>(sizeof facts + name.size())};
    const std::uint32_t header = to.bare ? 0 : kHeader;
    ipn_msg* notice = host_.alloc(to.node, header + message.length);
    if (notice == nullptr) {
        ++counters_.notices_lost;
        return;
    }
    unsigned char* data = host_.data(notice);
    if (!to.bare) write_header(data, message);
    std::memcpy(data + header, facts.data(), sizeof facts);
    std::copy(name.begin(), name.end(), data + header + sizeof facts);
    host_.send(to.node, notice, 0);
    host_.put(notice);
}

// ---- what is shown

namespace {

// The ports by number: they are kept by chance.
template <typename Ports>
std::vector<const Port*> in_order(const Ports& ports) {
    std::vector<const Port*> sorted;
    sorted.reserve(ports.size());
    for (const auto& [number, port] : ports) sorted.push_back(&port);
    std::sort(sorted.begin(), sorted.end(),
              [](const Port* a, const Port* b) { return a->number < b->number; });
    return sorted;
}

}  // namespace

std::string Bus::list() const {
    std::string names;
    for (const auto& [id, ports] : exact_) names += format(id) + "\n";
    return names;
}

std::string Bus::show_subscriptions() const {
    std::string rows = "id port uid pid name\n";
    for (const Port* port : in_order(ports_)) {
        if (!port->subscribed) continue;
        const ipn_credentials who = host_.credentials(port->node);
        for (const Subscription& each : port->ids) {
            rows += each.any ? std::to_string(each.id.idx) + ":any" : format(each.id);
            rows += " " + std::to_string(port->number) + " " + std::to_string(who.uid) + " " +
                    std::to_string(who.pid) + " " + (each.name.empty() ? "-" : each.name) + "\n";
        }
    }
    return rows;
}

std::string Bus::show_pending() const {
    std::string rows = "port id seq ack\n";
    for (const Port* port : in_order(ports_)) {
        const auto* requests = genealogy_.requests(port->number);
        if (requests == nullptr) continue;
        for (const Request& request : *requests)
            rows += std::to_string(port->number) + " " + format(request.id) + " " +
                    std::to_string(request.seq) + " " + std::to_string(request.ack) + "\n";
    }
    return rows;
}

}  // namespace ipn::connector
