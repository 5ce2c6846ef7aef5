// TreePort: one port in the rapid spanning tree, as IEEE 802.1D-2004 chapter 17 describes it.
//
// Its state machines are the standard's, and so are their variables' names and the conditions
// between them, in the order of its figures; where the two differ the standard is right. Left out
// is what a switch of processes has no use for: ports that are there but not enabled (a port exists
// while a node is connected), media that are shared (every port is a link to one other), management
// that forces the protocol's version or asks for a check of it.
// Lifecycle: belongs to SpanningTree, which runs the machines until none has anything to do.
// Time: ticks of a second. Threads: the loop only.
#pragma once

#include <cstdint>

#include "bpdu.h"
#include "settings.h"

namespace ipn::vdeswitch {

class SpanningTree;

class TreePort {
  public:
    enum class Role : std::uint8_t { disabled, root, designated, alternate, backup };

    TreePort(SpanningTree& its_tree, std::uint32_t its_number, std::uint32_t its_cost, Edge edge);

    // What other ports and whoever shows the tree may know of it.
    std::uint32_t number() const { return number_; }
    std::uint16_t id() const { return id_; }
    Role role() const { return role_; }
    bool learning() const { return learning_; }
    bool forwarding() const { return forwarding_; }
    bool oper_edge() const { return oper_edge_; }
    bool rapid() const { return send_rstp_; }
    std::uint32_t cost() const { return cost_; }
    const PriorityVector& priority() const { return port_priority_; }

    void set_cost(std::uint32_t cost) { cost_ = cost; }
    void set_edge(Edge edge);
    void receive(const Bpdu& bpdu);
    void tick();
    // Lets each machine of the port take one step, if it can; whether one did.
    bool step();

  private:
    friend class SpanningTree;
    enum class Info : std::uint8_t { mine, aged, received };

    // The machines, by the figure that shows them; whether they went a step.
    bool step_receive();          // 17-14, with 17-18 behind it
    bool step_protocol();         // 17-15
    bool step_edge();             // 17-16, bridge detection
    bool step_transmit();         // 17-17
    bool step_information();      // 17-18
    bool step_role();             // 17-20 to 17-23
    bool step_root();             // 17-21
    bool step_designated();       // 17-22
    bool step_alternate();        // 17-23, also backup
    bool step_state();            // 17-24
    bool step_topology_change();  // 17-25

    bool start_role();
    void take_message();
    bool is_superior() const;
    void record_priority();
    void record_proposal();
    void record_agreement();
    void record_dispute();
    void set_tc_flags();
    void update_information();
    void new_tc_while();
    void transmit_rapid();
    void transmit_configuration();
    Bpdu common_bpdu() const;
    void transmit(const Bpdu& bpdu);
    std::uint16_t forward_delay() const {
        return send_rstp_ ? designated_times_.hello : designated_times_.forward_delay;
    }
    bool settled() const { return selected_ && !updt_info_; }
    bool has_part() const { return role_ == Role::root || role_ == Role::designated; }

    SpanningTree& tree_;
    const std::uint32_t number_;
    const std::uint16_t id_;  // 4 bits priority, then the number
    std::uint32_t cost_;
    bool admin_edge_;
    bool auto_edge_;

    // ---- timers, in seconds (17.17)
    std::uint16_t edge_delay_while_;
    std::uint16_t fd_while_ = Times().max_age;
    std::uint16_t hello_when_ = 0;
    std::uint16_t mdelay_while_;
    std::uint16_t rb_while_ = 0;
    std::uint16_t rcvd_info_while_ = 0;
    std::uint16_t rr_while_ = 0;
    std::uint16_t tc_while_ = 0;

    // ---- variables (17.19)
    bool agree_ = false;
    bool agreed_ = false;
    bool disputed_ = false;
    bool forward_ = false;
    bool forwarding_ = false;
    bool learn_ = false;
    bool learning_ = false;
    bool new_info_ = true;
    bool oper_edge_;
    bool proposed_ = false;
    bool proposing_ = false;
    bool rcvd_bpdu_ = false;
    bool rcvd_msg_ = false;
    bool rcvd_rstp_ = false;
    bool rcvd_stp_ = false;
    bool rcvd_tc_ = false;
    bool rcvd_tc_ack_ = false;
    bool rcvd_tcn_ = false;
    bool re_root_ = false;
    bool reselect_ = true;
    bool selected_ = false;
    bool send_rstp_ = true;
    bool sync_ = false;
    bool synced_ = true;
    bool tc_ack_ = false;
    bool tc_prop_ = false;
    bool updt_info_ = false;
    std::uint16_t tx_count_ = 0;
    Info info_is_ = Info::aged;
    Role role_ = Role::disabled;
    Role selected_role_ = Role::disabled;
    Bpdu message_{};
    PriorityVector port_priority_{};
    PriorityVector designated_priority_{};
    Times port_times_{};
    Times designated_times_{};

    // ---- where machines are that have more than one state to wait in
    enum class Protocol : std::uint8_t { checking_rstp, selecting_stp, sensing };
    Protocol protocol_ = Protocol::checking_rstp;
    enum class TopologyChange : std::uint8_t { inactive, learning, active };
    TopologyChange topology_change_ = TopologyChange::inactive;
};

const char* to_string(TreePort::Role role);

}  // namespace ipn::vdeswitch
