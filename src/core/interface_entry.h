// InterfaceEntry: an interface that is at a network, connected there or not, for whoever wants to
// be told (core/events.h).
//
// Lifecycle: whoever keeps the interface owns it, and has Network::add_interface() list it. It is
// taken off the list, which is told, by Network::remove_interface(), by its node's leaving the
// network for good, or at the latest when the network is ended.
// Invariants: (1) it is on the list of one network at most; (2) `node` is connected to that one, or
// null. Threads: the loop only. Not done: the interface itself; see core/interface.h.
#pragma once

#include <string>

#include "core/events.h"
#include "core/list.h"
#include "core/node.h"

namespace ipn::core {

struct InterfaceEntryTag;

struct InterfaceEntry : ListHook<InterfaceEntryTag> {
    std::string name;
    NodeKind kind = NodeKind::tap;
    Credentials maker;
    std::string peer;  // the network that it comes from or goes to, when it moves
    // The network's:
    Node* node = nullptr;
    Event::Reason reason = Event::Reason::none;  // that was told last, with its stamp
    Stamp told;
};

}  // namespace ipn::core
