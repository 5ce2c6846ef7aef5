#include "actor.h"

#include "both.h"

namespace ipn::sim {

bool WaitingWrite::retry() {
    return actor.both_.retry(*this);
}

void Actor::deliver() {
    both_.answer_reads(*this);
    if (leaves_when_called) both_.leave(number);
}

void Actor::writable() {
    both_.note_writable(*this);
    if (leaves_when_called) both_.leave(number);
}

void Actor::state_changed() {
    both_.note_stall(*this);
    both_.answer_reads(*this);
    const bool can_send = node.state() == core::Node::State::connected && core::writes(node.role());
    while (!can_send && !writes.empty()) both_.give_up(writes.front());
    if (leaves_when_called) both_.leave(number);
}

}  // namespace ipn::sim
