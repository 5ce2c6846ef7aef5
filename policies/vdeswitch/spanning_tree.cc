#include "spanning_tree.h"

#include <algorithm>
#include <tuple>

namespace ipn::vdeswitch {

SpanningTree::SpanningTree(Owner& owner, Counters& counters, Mac address, std::uint16_t priority)
    : owner_(owner), counters_(counters), address_(address), id_(bridge_id(priority, address)) {
    root_priority_ = {id_, 0, id_, 0};
    root_times_ = bridge_times_;
}

void SpanningTree::add(std::uint32_t number, std::uint32_t cost, Edge edge) {
    ports_.try_emplace(number, *this, number, cost, edge);
    owner_.set_state(number, false, false);
    run();
}

void SpanningTree::remove(std::uint32_t number) {
    if (ports_.erase(number) == 0) return;
    select_again();
}

void SpanningTree::change(std::uint32_t number, std::uint32_t cost, Edge edge) {
    const auto found = ports_.find(number);
    if (found == ports_.end()) return;
    found->second.set_cost(cost);
    found->second.set_edge(edge);
    select_again();
}

void SpanningTree::set_priority(std::uint16_t priority) {
    id_ = bridge_id(priority, address_);
    select_again();
}

void SpanningTree::receive(std::uint32_t number, std::span<const unsigned char> frame) {
    const auto found = ports_.find(number);
    if (found == ports_.end()) return;
    const auto bpdu = Bpdu::read(frame);
    const bool own = bpdu && bpdu->type != Bpdu::Type::notification && bpdu->vector.bridge == id_ &&
                     bpdu->vector.port == found->second.id();
    if (!bpdu || own) {
        ++counters_.bpdu_invalid;
        return;
    }
    ++counters_.bpdu_in;
    found->second.receive(*bpdu);
    run();
}

void SpanningTree::tick() {
    for (auto& [number, port] : ports_) port.tick();
    run();
}

void SpanningTree::run() {
    for (bool busy = true; busy;) {
        select_roles();
        busy = false;
        for (auto& [number, port] : ports_) busy = port.step() || busy;
    }
}

void SpanningTree::select_again() {
    for (auto& [number, port] : ports_) {
        port.reselect_ = true;
        port.selected_ = false;
    }
    if (ports_.empty()) update_roles();
    run();
}

// ---- which role each port has (17-19, 17.21.25)

void SpanningTree::select_roles() {
    const bool wanted = std::any_of(ports_.begin(), ports_.end(),
                                    [](const auto& port) { return port.second.reselect_; });
    if (!wanted) return;
    update_roles();
    for (auto& [number, port] : ports_) {
        port.reselect_ = false;
        port.selected_ = true;
    }
}

void SpanningTree::update_roles() {
    root_port_ = nullptr;
    root_priority_ = {id_, 0, id_, 0};
    root_times_ = bridge_times_;
    // Of ways that are told alike, the port with the lower id is better.
    std::uint16_t root_port_id = 0;
    for (auto& [number, port] : ports_) {
        if (port.info_is_ != TreePort::Info::received) continue;
        PriorityVector path = port.port_priority_;
        if (address_of(path.bridge) == address_) continue;
        path.cost = path.cost + port.cost_ < path.cost ? UINT32_MAX : path.cost + port.cost_;
        if (std::tie(path, port.id_) >= std::tie(root_priority_, root_port_id)) continue;
        root_priority_ = path;
        root_port_id = port.id_;
        root_port_ = &port;
        root_times_ = port.port_times_;
        ++root_times_.message_age;
    }

    for (auto& [number, port] : ports_) {
        port.designated_priority_ = {root_priority_.root, root_priority_.cost, id_, port.id_};
        port.designated_times_ = root_times_;
        port.designated_times_.hello = bridge_times_.hello;
        const bool told = port.info_is_ == TreePort::Info::received;
        const bool as_told = port.port_priority_ == port.designated_priority_ &&
                             port.port_times_ == port.designated_times_;
        port.updt_info_ = false;
        if (&port == root_port_) {
            port.selected_role_ = TreePort::Role::root;
        } else if (told && port.port_priority_ <= port.designated_priority_) {
            const bool own = address_of(port.port_priority_.bridge) == address_;
            port.selected_role_ = own ? TreePort::Role::backup : TreePort::Role::alternate;
        } else {
            port.selected_role_ = TreePort::Role::designated;
            port.updt_info_ = port.info_is_ != TreePort::Info::mine || !as_told;
        }
    }
}

// ---- what one port asks of all

bool SpanningTree::all_synced() const {
    return std::all_of(ports_.begin(), ports_.end(), [](const auto& entry) {
        const TreePort& port = entry.second;
        return port.selected_ && port.role_ == port.selected_role_ &&
               (port.synced_ || port.role_ == TreePort::Role::root);
    });
}

bool SpanningTree::re_rooted(const TreePort& but) const {
    return std::all_of(ports_.begin(), ports_.end(), [&](const auto& entry) {
        return &entry.second == &but || entry.second.rr_while_ == 0;
    });
}

void SpanningTree::set_sync_tree() {
    for (auto& [number, port] : ports_) port.sync_ = true;
}

void SpanningTree::set_re_root_tree() {
    for (auto& [number, port] : ports_) port.re_root_ = true;
}

void SpanningTree::set_tc_prop_tree(const TreePort& but) {
    for (auto& [number, port] : ports_)
        if (&port != &but) port.tc_prop_ = true;
}

}  // namespace ipn::vdeswitch
