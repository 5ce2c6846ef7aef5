// Bus: a network of the connector: who subscribes to which ids, and what becomes of a packet.
//
// A packet is taken apart first, its receivers are looked up and what they are to get is made; only
// when nothing can fail any more is the first message sent. So an error means that nothing was.
// Each message reaches each receiver as a packet of its own: as it was written, or made from it:
// without the header for who opened a file in ids/, with one if it came from there.
//
// Lifecycle: from newnet to delnet. A Port is there while a node is connected to it, or while its
// number is reserved and an option of it is set; its subscriptions count while a reader is there.
// Invariants: (1) a port is in the tables once for each of its subscriptions, or not at all; (2) no
// two of them match the same id.
// Cost: of a message, its receivers', however many ids there are; of a subscription, at worst that
// of a look at all subscribers of its id, and a notice to each who wants one.
// Limits: kSubscriptionsMax a network, kIdsMax a port, what Genealogy has.
// Threads: the loop only. What there is no memory for throws std::bad_alloc and has changed
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "genealogy.h"
#include "ipn/policy.h"
#include "message.h"
#include "subscription.h"

namespace ipn::connector {

struct Port {
    std::uint32_t number = 0;
    ipn_port* node = nullptr;  // null: nobody is connected
    bool subscribed = false;   // its ids are in the tables
    bool bare = false;         // a file in ids/: no headers
    Id id;                     // of that file
    std::vector<Subscription> ids;
    Destination to;
    std::uint32_t seq = 0;      // of the last message that was made of what it wrote, in ids/
    std::uint32_t notices = 0;  // so many were made for it: their seq
    std::vector<Range> ranges;  // of which it wants notices; none: of all ids
};

class Bus {
  public:
    static constexpr std::size_t kSubscriptionsMax = 65536;

    struct Counters {
        std::uint64_t messages = 0;      // that reached somebody
        std::uint64_t unheard = 0;       // that reached nobody
        std::uint64_t malformed = 0;     // packets that were no messages
        std::uint64_t notices_lost = 0;  // there was no memory, or the MTU is too small
    };

    Bus(const ipn_host& host, ipn_net* net) : host_(host), net_(net) {}
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    // ---- ports. Calls that return int return 0 or a negative errno, and have explained it.

    // Null: nothing is known of it.
    Port* find(std::uint32_t number);
    Port& port(std::uint32_t number);
    // A node joins: a port that was reserved may have ids.
    int join(Port& port);
    // It no longer reads, or leaves.
    void unsubscribe(Port& port);
    void leave(Port& port);
    void forget(std::uint32_t number) { ports_.erase(number); }
    // -ENOSPC: too many subscriptions.
    int open(Port& port, const Id& id);
    int set_ids(Port& port, std::vector<Subscription> ids);

    // ---- packets

    // -EINVAL malformed, -EMSGSIZE no room for the header, -ESRCH nobody is there, -ENOMEM.
    int handle(Port& from, ipn_msg* msg, int depth);

    // ---- what is shown

    // The ids that somebody subscribes to, one a line; those with `any` are no names of files.
    std::string list() const;
    std::string show_subscriptions() const;
    std::string show_pending() const;
    const Counters& counters() const { return counters_; }
    std::size_t subscriptions() const { return subscriptions_; }
    const Genealogy& genealogy() const { return genealogy_; }

  private:
    struct Group {
        std::vector<Port*> any;                          // who subscribes to all of that idx
        std::unordered_map<Port*, std::size_t> members;  // how many ids of that idx each has
    };
    // A message on its way: receivers_[begin, end) get it.
    struct Delivery {
        const Message& message;
        std::size_t begin = 0;
        std::size_t end = 0;
        bool to_bus = false;
        std::vector<Range> ranges{};  // that such a message asks for
        ipn_msg* whole = nullptr;     // with its header, if anybody wants it so
        ipn_msg* bare = nullptr;
    };
    class Packets;

    bool reads(const Port& port) const {
        return port.node != nullptr && (host_.role(port.node) & IPN_ROLE_READER) != 0;
    }
    void add(Port& port, const Subscription& subscription);
    void remove(Port& port, const Subscription& subscription);
    // Adds those, or none of them.
    int add_all(Port& port, const std::vector<Subscription>& subscriptions);
    bool subscribes_to_bus(const Port& port) const;

    int take_apart(const Port& from, ipn_msg* msg);
    // Finds the receivers of a message, other than its sender.
    void address(const Port& from, Delivery& delivery);
    void address(const Port& from, const std::vector<Port*>* ports);
    int parse_request_to_bus(const Port& from, ipn_msg* msg, Delivery& delivery);
    void send(Port& from, Delivery& delivery, int depth);

    // Tells those who want to hear of it, but not the port itself.
    void tell(const Port& about, const Subscription& subscription, bool begun);
    void send_notice(Port& to, const Port& about, const Subscription& subscription, bool begun);

    const ipn_host& host_;
    ipn_net* const net_;
    std::unordered_map<std::uint32_t, Port> ports_;
    std::unordered_map<Id, std::vector<Port*>> exact_;
    std::unordered_map<std::uint32_t, Group> groups_;  // by idx
    std::size_t subscriptions_ = 0;
    Genealogy genealogy_;
    Counters counters_;

    // Of the packet being handled; kept so that a warm bus allocates nothing.
    std::vector<Message> messages_;
    std::vector<Delivery> deliveries_;
    std::vector<Port*> receivers_;
};

}  // namespace ipn::connector
