// Switch: one network's Ethernet switch. It learns where stations are, and sends each frame to the
// port of its destination, or to all ports of its VLAN.
//
// A frame's way: handle() reads its header, decides on the VLAN that it came in, learns its source,
// and forwards it to one port or floods it. Its form changes on the way where the ingress port's
// and an egress port's differ: each other form is made once, of the packet's first 16 bytes.
// Lifecycle: from newnet() to delnet(). A Port exists while a node is connected to it or something
// is set on it; the stations that were heard there go with the node.
// Invariants: (1) never back to the port that a frame came from; (2) never to a port that is not in
// the frame's VLAN, not forwarding (spanning tree), or isolated as the ingress port is; (3) a frame
// is sent whole, to whom it concerns, or is refused before anybody got it.
// Cost: a frame to a known station takes constant time and, unless its form changes, no memory.
// Threads: the loop only. Not done: multicast snooping; a spanning tree a VLAN; addresses in
// the table that are the switch's own, since it has none.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "fdb.h"
#include "ipn/policy.h"
#include "settings.h"
#include "spanning_tree.h"
#include "vlans.h"

namespace ipn::vdeswitch {

struct Port {
    explicit Port(std::uint32_t its_number) : number(its_number) {}

    const std::uint32_t number;
    ipn_port* node = nullptr;  // null: nobody is connected
    PortSettings settings;
    bool names_vlans = false;  // something is set that says which VLANs it is in

    // What the spanning tree lets it do; without one, everything.
    bool learning = true;
    bool forwarding = true;
};

class Switch final : private SpanningTree::Owner {
  public:
    struct Counters {
        std::uint64_t forwarded = 0;  // frames to one known port
        std::uint64_t flooded = 0;    // to all of their VLAN
        std::uint64_t filtered = 0;   // to nobody, as they should
        std::uint64_t malformed = 0;  // refused
        std::uint64_t no_memory = 0;  // refused, or a station not learned
    };

    // `net` may be used until the switch ends. With no memory for it: std::bad_alloc.
    Switch(const ipn_host& host, ipn_net* net);
    ~Switch();
    Switch(const Switch&) = delete;
    Switch& operator=(const Switch&) = delete;

    // ---- ports

    // Makes room for a node at this port. With no memory for it: std::bad_alloc.
    void prepare(std::uint32_t number);
    // REQUIRES: prepare(number).
    Port& connect(std::uint32_t number, ipn_port* node);
    void disconnect(Port& port);
    // Its settings are as at first again.
    void reset(std::uint32_t number);
    // Null: as at first, and nobody is connected.
    const Port* port(std::uint32_t number) const;

    // ---- settings

    const NetworkSettings& settings() const { return settings_; }
    const PortSettings& settings(std::uint32_t number) const;
    // With no memory for it: std::bad_alloc, and nothing changed.
    void change(const NetworkSettings& wanted);
    // The same; false: one of the static addresses is another port's.
    [[nodiscard]] bool change(std::uint32_t number, const PortSettings& wanted);

    // ---- packets

    // 0, or a negative errno value: -EINVAL no frame, -ENOMEM.
    int handle(Port& from, ipn_msg* msg, int depth);

    // ---- what views and statistics show

    const Fdb& fdb() const { return fdb_; }
    std::uint32_t stations() {
        fdb_.remove_aged(now_ms());
        return fdb_.size();
    }
    const Counters& counters() const { return counters_; }
    const SpanningTree::Counters& tree_counters() const { return tree_counters_; }
    // Null: there is none.
    const SpanningTree* tree() const { return tree_.get(); }
    Mac address() const { return address_; }
    const ipn_host& host() const { return host_; }
    std::uint64_t now_ms() const { return host_.now_ns() / 1'000'000; }
    // How frames of `vlan` come and go at this port.
    Form form(const Port& port, Vlan vlan) const {
        const Form named = port.settings.vlans.form(vlan);
        if (named != Form::none || port.names_vlans) return named;
        return settings_.trunk_default && !configured_.contains(vlan) ? Form::tagged : Form::none;
    }
    // By number; null where there is none.
    const std::vector<std::unique_ptr<Port>>& ports() const { return ports_; }

  private:
    // A frame on its way: as it came, and in its other form as soon as somebody needs that.
    struct Frame {
        ipn_msg* as_it_came;
        Header header;
        Vlan vlan;
        std::uint64_t now_ms;
        ipn_msg* converted = nullptr;
    };

    // What a spanning tree asks for.
    void transmit(std::uint32_t number, std::span<const unsigned char> bytes) override;
    void set_state(std::uint32_t number, bool learning, bool forwarding) override;
    void flush(std::uint32_t number) override { fdb_.flush(number); }

    void start_tree(std::uint16_t priority);
    void end_tree();
    void grow_tree(Port& port);
    void second_passed();
    // Whether the frame is between bridges, and dealt with.
    bool take_reserved(const Port& from, ipn_msg* msg, const Header& header);

    Port& make_port(std::uint32_t number);
    void drop_if_unused(std::uint32_t number);
    std::optional<Vlan> ingress_vlan(const Port& from, const Header& header) const;
    void learn(const Port& from, const Frame& frame);
    // The one port that a frame of a station's address goes to, if that is known.
    const Port* find(const Frame& frame) const;
    bool may_pass(const Port& from, const Port& to) const {
        return &to != &from && to.node != nullptr && to.forwarding &&
               !(from.settings.isolated && to.settings.isolated);
    }
    int forward(const Port& from, const Port& to, Frame& frame, int depth);
    int flood(const Port& from, Frame& frame, int depth);
    bool convert(const Port& from, Frame& frame) const;
    static bool fits(const Frame& frame, Form form) {
        // A frame of VLAN 0 with a tag tells a priority, and has no VLAN to lose.
        const bool tagged = frame.header.tagged && frame.header.vlan() != kUntaggedVlan;
        return tagged == (form == Form::tagged);
    }

    const ipn_host& host_;
    ipn_net* const net_;
    NetworkSettings settings_;
    Counters counters_;
    Fdb fdb_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::vector<Port*> connected_;
    std::vector<const Port*> targets_;  // of the frame that is being flooded
    ConfiguredVlans configured_;
    std::unordered_map<Mac, Port*> static_;
    const Mac address_;  // as whom the spanning tree speaks
    SpanningTree::Counters tree_counters_;
    std::unique_ptr<SpanningTree> tree_;
    ipn_timer* second_ = nullptr;  // while there is a tree
};

}  // namespace ipn::vdeswitch
