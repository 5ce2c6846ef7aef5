#include "tree_port.h"

#include "spanning_tree.h"

namespace ipn::vdeswitch {
namespace {

constexpr std::uint16_t kMigrateTime = SpanningTree::kMigrateTime;

void count_down(std::uint16_t& timer) {
    if (timer > 0) --timer;
}

}  // namespace

const char* to_string(TreePort::Role role) {
    constexpr const char* kNames[] = {"disabled", "root", "designated", "alternate", "backup"};
    return kNames[static_cast<int>(role)];
}

TreePort::TreePort(SpanningTree& its_tree, std::uint32_t its_number, std::uint32_t its_cost,
                   Edge edge)
    : tree_(its_tree),
      number_(its_number),
      id_(static_cast<std::uint16_t>(0x8000 + its_number + 1)),
      cost_(its_cost),
      admin_edge_(edge == Edge::yes),
      auto_edge_(edge == Edge::automatic),
      edge_delay_while_(kMigrateTime),
      mdelay_while_(kMigrateTime),
      oper_edge_(admin_edge_) {}

void TreePort::set_edge(Edge edge) {
    admin_edge_ = edge == Edge::yes;
    auto_edge_ = edge == Edge::automatic;
    if (edge != Edge::automatic) oper_edge_ = admin_edge_;
}

void TreePort::tick() {
    for (std::uint16_t* timer : {&edge_delay_while_, &fd_while_, &hello_when_, &mdelay_while_,
                                 &rb_while_, &rcvd_info_while_, &rr_while_, &tc_while_, &tx_count_})
        count_down(*timer);
}

void TreePort::receive(const Bpdu& bpdu) {
    message_ = bpdu;
    rcvd_bpdu_ = true;
}

bool TreePort::step() {
    using Step = bool (TreePort::*)();
    constexpr Step kSteps[] = {&TreePort::step_receive,        &TreePort::step_protocol,
                               &TreePort::step_edge,           &TreePort::step_information,
                               &TreePort::step_role,           &TreePort::step_state,
                               &TreePort::step_topology_change};
    bool stepped = false;
    for (const Step machine : kSteps) stepped = (this->*machine)() || stepped;
    return stepped || step_transmit();
}

// ---- what comes in

bool TreePort::step_receive() {
    if (!rcvd_bpdu_ || rcvd_msg_) return false;
    rcvd_rstp_ = message_.type == Bpdu::Type::rapid;
    rcvd_stp_ = !rcvd_rstp_;
    rcvd_bpdu_ = false;
    oper_edge_ = false;
    rcvd_msg_ = true;
    edge_delay_while_ = kMigrateTime;
    return true;
}

// Which of the two protocols the neighbour speaks.
bool TreePort::step_protocol() {
    switch (protocol_) {
        case Protocol::checking_rstp:
        case Protocol::selecting_stp:
            if (mdelay_while_ != 0) return false;
            protocol_ = Protocol::sensing;
            rcvd_rstp_ = rcvd_stp_ = false;
            return true;
        case Protocol::sensing:
            break;
    }
    if (send_rstp_ && rcvd_stp_) {
        protocol_ = Protocol::selecting_stp;
        send_rstp_ = false;
    } else if (!send_rstp_ && rcvd_rstp_) {
        protocol_ = Protocol::checking_rstp;
        send_rstp_ = true;
    } else {
        return false;
    }
    mdelay_while_ = kMigrateTime;
    return true;
}

// Whether there is a bridge at all. A BPDU makes it no edge at once: see step_receive().
bool TreePort::step_edge() {
    if (oper_edge_ || edge_delay_while_ != 0 || !auto_edge_ || !send_rstp_ || !proposing_)
        return false;
    oper_edge_ = true;
    return true;
}

bool TreePort::step_information() {
    if (selected_ && updt_info_) {
        update_information();
        return true;
    }
    if (rcvd_msg_ && !updt_info_) {
        take_message();
        rcvd_msg_ = false;
        return true;
    }
    if (info_is_ == Info::received && rcvd_info_while_ == 0 && !updt_info_ && !rcvd_msg_) {
        info_is_ = Info::aged;
        reselect_ = true;
        selected_ = false;
        return true;
    }
    return false;
}

void TreePort::update_information() {
    proposing_ = proposed_ = false;
    agreed_ = agreed_ && designated_priority_ <= port_priority_ && info_is_ == Info::mine;
    synced_ = synced_ && agreed_;
    port_priority_ = designated_priority_;
    port_times_ = designated_times_;
    updt_info_ = false;
    info_is_ = Info::mine;
    new_info_ = true;
}

void TreePort::take_message() {
    if (message_.type == Bpdu::Type::notification) {
        rcvd_tcn_ = true;
        return;
    }
    if (message_.role != Bpdu::Role::designated) {
        const bool of_root =
            message_.role == Bpdu::Role::root || message_.role == Bpdu::Role::alternate_or_backup;
        if (!of_root || message_.vector < port_priority_) return;
        record_agreement();
        set_tc_flags();
        return;
    }
    if (is_superior()) {
        agreed_ = proposing_ = false;
        record_proposal();
        set_tc_flags();
        agree_ = agree_ && info_is_ == Info::received && message_.vector <= port_priority_;
        synced_ = synced_ && agreed_;
        record_priority();
        info_is_ = Info::received;
        reselect_ = true;
        selected_ = false;
    } else if (message_.vector == port_priority_) {
        record_proposal();
        set_tc_flags();
        record_priority();
    } else {
        record_dispute();
    }
}

// Better than what the port has, or other than what the same port of the same bridge told before.
bool TreePort::is_superior() const {
    const PriorityVector& told = message_.vector;
    const bool same_teller = address_of(told.bridge) == address_of(port_priority_.bridge) &&
                             told.port == port_priority_.port;
    if (told == port_priority_) return message_.times != port_times_;
    return told < port_priority_ || same_teller;
}

void TreePort::record_priority() {
    port_priority_ = message_.vector;
    port_times_ = message_.times;
    const bool fresh = message_.times.message_age + 1 <= message_.times.max_age;
    rcvd_info_while_ = fresh ? static_cast<std::uint16_t>(3 * message_.times.hello) : 0;
}

void TreePort::record_proposal() {
    proposed_ = proposed_ || message_.proposal;
}

void TreePort::record_agreement() {
    agreed_ = message_.agreement;
    if (agreed_) proposing_ = false;
}

// A designated port at the other end that is worse and learns all the same: it does not hear us.
void TreePort::record_dispute() {
    if (!message_.learning) return;
    disputed_ = true;
    agreed_ = false;
}

void TreePort::set_tc_flags() {
    rcvd_tc_ = rcvd_tc_ || message_.topology_change;
    rcvd_tc_ack_ = rcvd_tc_ack_ || message_.topology_change_ack;
}

// ---- roles

bool TreePort::step_role() {
    if (!settled()) return false;
    if (role_ != selected_role_) return start_role();
    switch (role_) {
        case Role::disabled:
            return false;
        case Role::root:
            return step_root();
        case Role::designated:
            return step_designated();
        case Role::alternate:
        case Role::backup:
            return step_alternate();
    }
    return false;
}

bool TreePort::start_role() {
    role_ = selected_role_;
    switch (role_) {
        case Role::root:
            rr_while_ = designated_times_.forward_delay;
            break;
        case Role::alternate:
        case Role::backup:
            learn_ = forward_ = false;
            break;
        case Role::disabled:
        case Role::designated:
            break;
    }
    return true;
}

bool TreePort::step_root() {
    const std::uint16_t delay = designated_times_.forward_delay;
    if (proposed_ && !agree_) {
        tree_.set_sync_tree();
        proposed_ = false;
        return true;
    }
    if ((!agree_ && tree_.all_synced()) || (proposed_ && agree_)) {
        proposed_ = sync_ = false;
        agree_ = true;
        new_info_ = true;
        return true;
    }
    if (!forward_ && !re_root_) {
        tree_.set_re_root_tree();
        return true;
    }
    const bool may_go_on = fd_while_ == 0 || (rb_while_ == 0 && tree_.re_rooted(*this));
    if (!learn_ && may_go_on) {
        fd_while_ = forward_delay();
        learn_ = true;
        return true;
    }
    if (learn_ && !forward_ && may_go_on) {
        fd_while_ = 0;
        forward_ = true;
        return true;
    }
    if (re_root_ && forward_) {
        re_root_ = false;
        return true;
    }
    if (rr_while_ != delay) {
        rr_while_ = delay;
        return true;
    }
    return false;
}

bool TreePort::step_designated() {
    if (!forward_ && !agreed_ && !proposing_ && !oper_edge_) {
        proposing_ = true;
        edge_delay_while_ = kMigrateTime;
        new_info_ = true;
        return true;
    }
    if ((!learning_ && !forwarding_ && !synced_) || (agreed_ && !synced_) ||
        (oper_edge_ && !synced_) || (sync_ && synced_)) {
        rr_while_ = 0;
        synced_ = true;
        sync_ = false;
        return true;
    }
    if (rr_while_ == 0 && re_root_) {
        re_root_ = false;
        return true;
    }
    if (((sync_ && !synced_) || (re_root_ && rr_while_ != 0) || disputed_) && !oper_edge_ &&
        (learn_ || forward_)) {
        learn_ = forward_ = disputed_ = false;
        fd_while_ = forward_delay();
        return true;
    }
    const bool may_go_on =
        (fd_while_ == 0 || agreed_ || oper_edge_) && (rr_while_ == 0 || !re_root_) && !sync_;
    if (may_go_on && !learn_) {
        learn_ = true;
        fd_while_ = forward_delay();
        return true;
    }
    if (may_go_on && learn_ && !forward_) {
        forward_ = true;
        fd_while_ = 0;
        agreed_ = send_rstp_;
        return true;
    }
    return false;
}

bool TreePort::step_alternate() {
    if (learning_ || forwarding_) return false;  // they end first
    if (proposed_ && !agree_) {
        tree_.set_sync_tree();
        proposed_ = false;
        return true;
    }
    if ((!agree_ && tree_.all_synced()) || (proposed_ && agree_)) {
        proposed_ = false;
        agree_ = true;
        new_info_ = true;
        return true;
    }
    const auto backup_time = static_cast<std::uint16_t>(2 * designated_times_.hello);
    if (role_ == Role::backup && rb_while_ != backup_time) {
        rb_while_ = backup_time;
        return true;
    }
    if (fd_while_ != forward_delay() || sync_ || re_root_ || !synced_ || rr_while_ != 0) {
        fd_while_ = forward_delay();
        synced_ = true;
        rr_while_ = 0;
        sync_ = re_root_ = false;
        return true;
    }
    return false;
}

bool TreePort::step_state() {
    if (learning_ == learn_ && forwarding_ == (forward_ && learn_)) return false;
    learning_ = learn_;
    forwarding_ = forward_ && learn_;
    tree_.owner_.set_state(number_, learning_, forwarding_);
    return true;
}

// ---- changes of the topology

bool TreePort::step_topology_change() {
    switch (topology_change_) {
        case TopologyChange::inactive:
            if (!learn_) return false;
            topology_change_ = TopologyChange::learning;
            rcvd_tc_ = rcvd_tcn_ = rcvd_tc_ack_ = tc_prop_ = false;
            return true;
        case TopologyChange::learning:
            if (has_part() && forward_ && !oper_edge_) {
                new_tc_while();
                tree_.set_tc_prop_tree(*this);
                new_info_ = true;
                ++tree_.counters_.topology_changes;
                topology_change_ = TopologyChange::active;
                return true;
            }
            if (rcvd_tc_ || rcvd_tcn_ || rcvd_tc_ack_ || tc_prop_) {
                rcvd_tc_ = rcvd_tcn_ = rcvd_tc_ack_ = tc_prop_ = false;
                return true;
            }
            if (has_part() || learn_ || learning_) return false;
            tree_.owner_.flush(number_);
            tc_while_ = 0;
            tc_ack_ = false;
            topology_change_ = TopologyChange::inactive;
            return true;
        case TopologyChange::active:
            break;
    }
    if (!has_part() || oper_edge_) {
        topology_change_ = TopologyChange::learning;
        rcvd_tc_ = rcvd_tcn_ = rcvd_tc_ack_ = tc_prop_ = false;
    } else if (rcvd_tcn_ || rcvd_tc_) {
        if (rcvd_tcn_) new_tc_while();
        if (role_ == Role::designated) tc_ack_ = true;
        rcvd_tcn_ = rcvd_tc_ = false;
        tree_.set_tc_prop_tree(*this);
    } else if (tc_prop_) {
        new_tc_while();
        tree_.owner_.flush(number_);
        tc_prop_ = false;
    } else if (rcvd_tc_ack_) {
        tc_while_ = 0;
        rcvd_tc_ack_ = false;
    } else {
        return false;
    }
    return true;
}

void TreePort::new_tc_while() {
    if (tc_while_ != 0) return;
    const Times& times = tree_.root_times_;
    if (send_rstp_) {
        tc_while_ = static_cast<std::uint16_t>(times.hello + 1);
        new_info_ = true;
    } else {
        tc_while_ = static_cast<std::uint16_t>(times.max_age + times.forward_delay);
    }
}

// ---- what goes out

bool TreePort::step_transmit() {
    if (!settled()) return false;
    if (hello_when_ == 0) {
        new_info_ =
            new_info_ || role_ == Role::designated || (role_ == Role::root && tc_while_ != 0);
        hello_when_ = designated_times_.hello;
        return true;
    }
    if (!new_info_ || tx_count_ >= SpanningTree::kTransmitHoldCount) return false;
    new_info_ = false;
    if (send_rstp_)
        transmit_rapid();
    else if (role_ == Role::designated)
        transmit_configuration();
    else if (role_ == Role::root)
        transmit(Bpdu{.type = Bpdu::Type::notification});
    return true;
}

Bpdu TreePort::common_bpdu() const {
    Bpdu bpdu;
    bpdu.topology_change = tc_while_ != 0;
    bpdu.vector = designated_priority_;
    bpdu.times = designated_times_;
    return bpdu;
}

void TreePort::transmit_rapid() {
    Bpdu bpdu = common_bpdu();
    switch (role_) {
        case Role::disabled:
            return;
        case Role::root:
            bpdu.role = Bpdu::Role::root;
            break;
        case Role::designated:
            bpdu.role = Bpdu::Role::designated;
            break;
        case Role::alternate:
        case Role::backup:
            bpdu.role = Bpdu::Role::alternate_or_backup;
            break;
    }
    bpdu.proposal = role_ == Role::designated && proposing_;
    bpdu.agreement = agree_;
    bpdu.learning = learning_;
    bpdu.forwarding = forwarding_;
    tc_ack_ = false;
    transmit(bpdu);
}

void TreePort::transmit_configuration() {
    Bpdu bpdu = common_bpdu();
    bpdu.type = Bpdu::Type::configuration;
    bpdu.topology_change_ack = tc_ack_;
    tc_ack_ = false;
    transmit(bpdu);
}

void TreePort::transmit(const Bpdu& bpdu) {
    ++tx_count_;
    const Bpdu::Frame frame = bpdu.write(tree_.address_);
    ++tree_.counters_.bpdu_out;
    tree_.owner_.transmit(number_, std::span(frame.bytes).first(frame.length));
}

}  // namespace ipn::vdeswitch
