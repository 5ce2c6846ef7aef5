// Registry: the networks of one mount, and what they share: memory, packets, work, timers,
// policies.
//
// Lifecycle: one per daemon; all endpoints must have left before it goes.
// Invariants: (1) a name belongs to at most one network; (2) an id is never used twice; (3) a
// network that is shutting down may have lost its name before its last node left. Limits:
// networks_max, counting those that shut down; memory (see memory.h). Threads: the loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/error.h"
#include "core/events.h"
#include "core/network.h"
#include "core/on_loop.h"
#include "core/options.h"
#include "core/packet.h"
#include "core/policies.h"
#include "core/timers.h"
#include "core/work.h"

namespace ipn::core {

class Registry {
  public:
    struct Limits {
        std::uint32_t networks = 1024;
        std::uint32_t hops = 8;
        std::size_t memory = 256 * 1024 * 1024;
        WorkQueue::Limits gather;
    };

    Registry(const Clock& clock, const Limits& limits);
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    // EINVAL, ENAMETOOLONG bad name, EEXIST, ENOSPC.
    Result<Network*> create(std::string_view name, Ownership directory) IPN_ON_LOOP;
    // The id of the network that create() makes next.
    std::uint64_t next_id() const { return last_id_ + 1; }
    // Takes the network's name away, so that nobody can join any more. EBUSY while nodes are
    // connected. Follow with destroy(), or restore_name() if it was not to be.
    Result<void> unlink(Network& network) IPN_ON_LOOP;
    void restore_name(Network& network) IPN_ON_LOOP;
    // Ends a network, by force if need be; it has gone when its last node has left.
    void destroy(Network& network) IPN_ON_LOOP;
    // EINVAL, ENAMETOOLONG, EEXIST; ENOENT: it was unlinked.
    Result<void> rename(Network& network, std::string_view name) IPN_ON_LOOP;

    Network* find(std::string_view name) const;
    Network* find(std::uint64_t id) const;
    const std::map<std::string, Network*, std::less<>>& by_name() const { return by_name_; }
    // Every network, those that shut down included, oldest first. The function must neither make
    // nor destroy any.
    template <typename Function>
    void for_each(Function function) const {
        for (const auto& [id, network] : networks_) function(*network);
    }
    std::size_t size() const { return networks_.size(); }

    // Options that networks made later start with.
    const NetworkOptions& defaults() const { return defaults_; }
    Result<void> set_default(const Option& option, std::string_view text) IPN_ON_LOOP;
    // The same for an option of a policy; nothing: as the policy has it.
    Result<void> set_policy_default(Policy& policy, std::size_t index,
                                    std::optional<std::string_view> text) IPN_ON_LOOP;

    // ---- what happens

    // Whom to tell of every event; null: nobody.
    void on_event(Events* events) { events_ = events; }
    // Stamps an event, tells it, and returns its stamp.
    Stamp tell(Event event) IPN_ON_LOOP;
    // Calls the function for all that exists, as the events that it came by, in their order and
    // with their stamps; what they tell is how it is now. May throw std::bad_alloc.
    void replay(const std::function<void(const Event&)>& function) const;

    // `callback(id)` is called when a network has gone.
    void on_gone(std::function<void(std::uint64_t)> callback) { on_gone_ = std::move(callback); }

    // ---- what is shared

    const Limits& limits() const { return limits_; }
    const Clock& clock() const { return clock_; }
    Memory& memory() { return memory_; }
    PacketPool& packets() { return packets_; }
    WorkQueue& work() { return work_; }
    Timers& timers() { return timers_; }
    Policies& policies() { return policies_; }
    const Policies& policies() const { return policies_; }

  private:
    friend class Network;

    // `network` could not get memory: it is told when there may be some.
    void await_memory(Network& network) IPN_ON_LOOP;
    void forget_name(const Network& network);
    void erase(Network& network) IPN_ON_LOOP;

    const Clock& clock_;
    const Limits limits_;
    NetworkOptions defaults_;
    Memory memory_;
    PacketPool packets_;
    WorkQueue work_;
    Timers timers_;
    Events* events_ = nullptr;
    std::uint64_t last_event_ = 0;
    Policies policies_{this};
    std::uint64_t last_id_ = 0;
    std::map<std::uint64_t, std::unique_ptr<Network>> networks_;
    std::map<std::string, Network*, std::less<>> by_name_;
    std::vector<std::uint64_t> awaiting_memory_;
    std::function<void(std::uint64_t)> on_gone_;
};

// 1 to 63 bytes of [A-Za-z0-9._-], not beginning with a dot: else EINVAL, too long ENAMETOOLONG.
Result<void> check_network_name(std::string_view name);

}  // namespace ipn::core
