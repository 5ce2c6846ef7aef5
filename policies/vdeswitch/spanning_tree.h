// SpanningTree: a bridge of the rapid spanning tree protocol, IEEE 802.1D-2004 chapter 17.
//
// With other bridges it agrees on a tree of the links between them, so that what is connected in
// rings is not a loop: ports that would close one do not forward. A change is agreed upon by
// proposals between neighbours, in as many exchanges as there are bridges on the way, not by
// waiting; towards a bridge that speaks the older STP only, as the Linux kernel's, a port falls
// back to that, and to its times. One tree for all VLANs. Lifecycle: exists while it is on; ports
// are added while a node is connected. Invariants: (1) after every call no machine of any port has
// anything left to do; (2) a port that is new discards; (3) at most kTransmitHoldCount BPDUs a
// second leave a port. Time: tick() once a second. Threads: the loop only. Not done: several trees
// (MSTP); what the standard calls management beyond priority, cost and edge.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "bpdu.h"
#include "tree_port.h"

namespace ipn::vdeswitch {

class SpanningTree {
  public:
    // What a tree needs of its switch.
    class Owner {
      public:
        virtual void transmit(std::uint32_t port, std::span<const unsigned char> frame) = 0;
        virtual void set_state(std::uint32_t port, bool learning, bool forwarding) = 0;
        // Stations that were heard there may be elsewhere now.
        virtual void flush(std::uint32_t port) = 0;

      protected:
        ~Owner() = default;
    };
    struct Counters {
        std::uint64_t bpdu_in = 0;
        std::uint64_t bpdu_out = 0;
        std::uint64_t bpdu_invalid = 0;
        std::uint64_t topology_changes = 0;  // noticed here
    };

    static constexpr std::uint16_t kMigrateTime = 3;
    static constexpr std::uint16_t kTransmitHoldCount = 6;

    // `counters` outlives it.
    SpanningTree(Owner& owner, Counters& counters, Mac address, std::uint16_t priority);

    // With no memory for it: std::bad_alloc.
    void add(std::uint32_t number, std::uint32_t cost, Edge edge);
    void remove(std::uint32_t number);
    void change(std::uint32_t number, std::uint32_t cost, Edge edge);
    void set_priority(std::uint16_t priority);

    // A frame to the bridges' group came in.
    void receive(std::uint32_t number, std::span<const unsigned char> frame);
    void tick();

    BridgeId id() const { return id_; }
    const PriorityVector& root_priority() const { return root_priority_; }
    // Of the port that leads to the root; null: it is this bridge.
    const TreePort* root_port() const { return root_port_; }
    const std::map<std::uint32_t, TreePort>& ports() const { return ports_; }

  private:
    friend class TreePort;

    void run();
    void select_roles();  // 17-19
    void update_roles();  // updtRolesTree()
    void select_again();  // after something that every port's role depends on
    bool all_synced() const;
    bool re_rooted(const TreePort& but) const;
    void set_sync_tree();
    void set_re_root_tree();
    void set_tc_prop_tree(const TreePort& but);

    Owner& owner_;
    Counters& counters_;
    const Mac address_;
    BridgeId id_;
    Times bridge_times_{};
    PriorityVector root_priority_{};
    Times root_times_{};
    TreePort* root_port_ = nullptr;
    std::map<std::uint32_t, TreePort> ports_;
};

}  // namespace ipn::vdeswitch
