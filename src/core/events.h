// Events: what happens to the networks and policies of a mount, for whoever wants to be told.
//
// An Event has a Stamp: its place in the order of all events of the mount, and its time. Of what
// exists (policies, networks, options that were changed, nodes, interfaces) the stamps are kept, so
// that Registry::replay() tells it again to somebody who comes late.
// Invariants: (1) an event is told when what it tells is complete; (2) of one network create is the
// first event, destroy the last, and shutdown comes between them; between shutdown and destroy its
// nodes are disconnected and its interfaces go, and nothing else happens; (3) a node's events lie
// between its connect and its disconnect; (4) what becomes of an interface is told behind what that
// makes of its node.
// Cost: an event that nobody is told of is a count, a look at the clock and nothing else.
// Threads: the loop only. Not done: how events are shown, and who reads them.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/clock.h"
#include "core/on_loop.h"
#include "ipn/policy.h"

namespace ipn::core {

class Network;
class Node;
struct InterfaceEntry;

struct Stamp {
    std::uint64_t seq = 0;  // from 1; 0: it did not happen
    WallTime time{};
};

// What an event refers to lives as long as the call that tells it.
struct Event {
    enum class Kind : std::uint8_t {
        create,
        rename,
        policy,  // the network is bound to another
        option,  // has another value
        connect,
        disconnect,
        interface,  // appears at the network, disappears, or is connected no longer
        shutdown,
        destroy,
        policy_registered,
        policy_unregistered,
    };
    // Why a node was disconnected, or what became of an interface.
    enum class Reason : std::uint8_t {
        none,       // it left by itself
        cut,        // it was removed
        stalled,    // it held writers up for too long
        no_memory,  // a lossless network's packet could not be kept for it
        shutdown,   // the network was ended
        vanished,   // the interface is no more
        moved,      // of a node: its interface went to another network; of an interface: it came
        // Of interfaces only:
        created,     // it was made, and connected
        attached,    // it existed, and was connected
        moved_away,  // it is at another network now
        removed,     // it is at no network any more
    };

    Kind kind;
    const Network* network = nullptr;  // null: about a policy
    const Node* node = nullptr;        // of connect, disconnect, and of an option of a node; of an
                                       // interface, if that is connected, or was until now
    const InterfaceEntry* interface = nullptr;
    std::string_view policy{};  // of an option: whose it is, if not the network's own
    std::string_view option{};
    std::uint32_t port = IPN_PORT_ANY;  // of a policy's option of a port
    std::string_view value{};
    Reason reason = Reason::none;
    Stamp stamp{};
};

const char* to_string(Event::Kind kind);
const char* to_string(Event::Reason reason);  // empty for none

class Events {
  public:
    // Must not throw, and must change nothing of what it is told of.
    virtual void happened(const Event& event) IPN_ON_LOOP = 0;

  protected:
    ~Events() = default;
};

}  // namespace ipn::core
