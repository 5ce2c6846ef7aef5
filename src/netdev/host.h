// Host: makes interfaces, and is what they share: the ring, the thread for what can wait, the
// memory that they receive into.
//
// Lifecycle: one per daemon; every Interface that it made is closed before it goes, and the worker
// has nothing of it to do.
// Threads: the loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "core/interface.h"
#include "core/registry.h"
#include "netdev/intake.h"
#include "netdev/netns.h"
#include "netdev/ring/ring.h"
#include "netdev/ring/worker.h"

namespace ipn::netdev {

class Host final : public core::InterfaceHost {
  public:
    // `uid`: the daemon's user, who is charged for memory to receive into.
    Host(ring::Ring& ring, ring::Worker& worker, core::Registry& registry, std::uint32_t uid)
        : ring_(ring), worker_(worker), registry_(registry), uid_(uid) {}

    void make(const Wish& wish, std::function<void(core::Result<Made>)> done) override;

    ring::Ring& ring() const { return ring_; }
    core::Registry& registry() const { return registry_; }
    // Throws as Intake does.
    std::shared_ptr<Intake> intake();
    // `job` elsewhere, then `done` here; at once, and here, if there is no memory for it.
    void run(const std::function<void()>& job, std::function<void()> done);
    // Returns what `job` did, a Result, to `done`.
    template <typename T>
    void ask(std::function<core::Result<T>()> job, std::function<void(core::Result<T>)> done);

    // For jobs: where TAPs are made before they are moved to where they are wanted. An open TAP
    // holds the namespace in which it was opened; this one nobody waits for the end of.
    core::Result<const Namespace*> nursery();

  private:
    ring::Ring& ring_;
    ring::Worker& worker_;
    core::Registry& registry_;
    const std::uint32_t uid_;
    std::weak_ptr<Intake> intake_;
    std::optional<Namespace> nursery_;  // the worker's
};

template <typename T>
void Host::ask(std::function<core::Result<T>()> job, std::function<void(core::Result<T>)> done) {
    const auto answer = std::make_shared<core::Result<T>>(core::fail(ENOMEM, "there is no memory"));
    worker_.run(
        [job = std::move(job), answer] {
            try {
                *answer = job();
            } catch (const std::bad_alloc&) {  // which is what it says already
            }
        },
        [done = std::move(done), answer] { done(std::move(*answer)); });
}

}  // namespace ipn::netdev
