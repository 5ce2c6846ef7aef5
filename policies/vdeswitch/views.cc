#include "views.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

namespace ipn::vdeswitch {
namespace {

void print(const Switch& bridge, ipn_text* text, const std::string& line) {
    bridge.host().print(text, line.data(), line.size());
}

const char* state_of(const Port& port) {
    if (port.node == nullptr) return "disabled";
    if (port.forwarding) return "forwarding";
    return port.learning ? "learning" : "discarding";
}

std::string or_dash(std::string text) {
    return text.empty() ? "-" : text;
}

}  // namespace

void show_fdb(const Switch& bridge, ipn_text* text) {
    print(bridge, text, "mac vlan port age_s flags\n");
    for (const auto& port : bridge.ports()) {
        if (!port) continue;
        for (const Mac mac : port->settings.addresses)
            print(bridge, text,
                  to_string(mac) + " any " + std::to_string(port->number) + " 0 static\n");
    }
    const std::uint64_t now_ms = bridge.now_ms();
    std::vector<Fdb::Station> stations = bridge.fdb().stations(now_ms);
    std::sort(stations.begin(), stations.end(), [](const auto& a, const auto& b) {
        return std::tie(a.vlan, a.mac) < std::tie(b.vlan, b.mac);
    });
    for (const Fdb::Station& station : stations) {
        print(bridge, text,
              to_string(station.mac) + ' ' + std::to_string(station.vlan) + ' ' +
                  std::to_string(station.port) + ' ' +
                  std::to_string((now_ms - station.heard_ms) / 1000) + " learned\n");
    }
}

void show_vlans(const Switch& bridge, ipn_text* text) {
    print(bridge, text, "vlan port tagged|untagged state\n");
    for (Vlan vlan = kUntaggedVlan; vlan <= kVlanMax; ++vlan) {
        for (const auto& port : bridge.ports()) {
            const Form form = port ? port->settings.vlans.form(vlan) : Form::none;
            if (form == Form::none) continue;
            print(bridge, text,
                  std::to_string(vlan) + ' ' + std::to_string(port->number) +
                      (form == Form::tagged ? " tagged " : " untagged ") + state_of(*port) + '\n');
        }
    }
}

void show_stp(const Switch& bridge, ipn_text* text) {
    print(bridge, text,
          "port role state cost root root_cost designated_bridge designated_port edge protocol\n");
    const SpanningTree* tree = bridge.tree();
    if (tree == nullptr) {
        const auto id = bridge_id(bridge.settings().priority, bridge.address());
        print(bridge, text, "bridge - off - - - " + to_string_id(id) + " - - -\n");
        return;
    }
    const PriorityVector& root = tree->root_priority();
    const TreePort* root_port = tree->root_port();
    print(bridge, text,
          std::string("bridge ") + (root_port == nullptr ? "root" : "bridge") + " on - " +
              to_string_id(root.root) + ' ' + std::to_string(root.cost) + ' ' +
              to_string_id(tree->id()) + ' ' +
              (root_port == nullptr ? "-" : std::to_string(root_port->number())) + " - -\n");
    for (const auto& [number, port] : tree->ports()) {
        const PriorityVector& told = port.priority();
        print(bridge, text,
              std::to_string(number) + ' ' + to_string(port.role()) + ' ' +
                  state_of(*bridge.port(number)) + ' ' + std::to_string(port.cost()) + ' ' +
                  to_string_id(told.root) + ' ' + std::to_string(told.cost) + ' ' +
                  to_string_id(told.bridge) + ' ' + std::to_string(told.port) +
                  (port.oper_edge() ? " 1 " : " 0 ") + (port.rapid() ? "rstp\n" : "stp\n"));
    }
}

void show_ports(const Switch& bridge, ipn_text* text) {
    print(bridge, text, "port state untagged tagged trunk isolated static cost edge stations\n");
    for (const auto& port : bridge.ports()) {
        if (!port) continue;
        const PortSettings& settings = port->settings;
        const bool trunk = bridge.settings().trunk_default && !port->names_vlans;
        std::string row = std::to_string(port->number) + ' ' + state_of(*port) + ' ';
        row += settings.vlans.untagged ? std::to_string(*settings.vlans.untagged) : "-";
        row += ' ' + or_dash(to_string(settings.vlans.tagged, ','));
        row += trunk ? " 1" : " 0";
        row += settings.isolated ? " 1 " : " 0 ";
        row += std::to_string(settings.addresses.size()) + ' ' + std::to_string(settings.cost) +
               ' ' + std::string(to_string(settings.edge)) + ' ' +
               std::to_string(bridge.fdb().size_of(port->number)) + '\n';
        print(bridge, text, row);
    }
}

}  // namespace ipn::vdeswitch
