// PolicyTimer: a timer that a policy has for one of its networks.
//
// Lifecycle: made and freed by the policy. One that it forgot when its network left it is disowned:
// it never expires and cannot be armed any more, but stays allocated, since the policy may free it
// yet. Freeing it while it expires is what policies do, so that this waits. Threads: the loop only.
#pragma once

#include "core/list.h"
#include "core/network.h"
#include "core/policy_call.h"
#include "core/registry.h"
#include "core/timers.h"

namespace ipn::core {

struct PolicyTimerTag;

class PolicyTimer final : public ListHook<PolicyTimerTag> {
  public:
    using Expired = void (*)(void* context);

    PolicyTimer(Network& network, Expired expired, void* context)
        : network_(&network),
          expired_(expired),
          context_(context),
          timer_(network.registry().timers(), [this] { expire(); }) {}

    // At `at`, but not in the present turn of the loop; false if the timer is disowned.
    bool arm(Instant at) {
        if (network_ == nullptr) return false;
        const Instant next = network_->registry().clock().now() + Duration(1);
        timer_.arm(at > next ? at : next);
        return true;
    }
    void disarm() { timer_.disarm(); }
    void disown() {
        disarm();
        network_ = nullptr;
    }
    void free() {
        disarm();
        ListHook<PolicyTimerTag>::unlink();
        if (expiring_)
            freed_ = true;
        else
            delete this;
    }

  private:
    ~PolicyTimer() = default;

    void expire() {
        expiring_ = true;
        {
            const PolicyCall call(*network_);
            expired_(context_);
        }
        expiring_ = false;
        if (freed_) delete this;
    }

    Network* network_;
    const Expired expired_;
    void* const context_;
    Timer timer_;
    bool expiring_ = false;
    bool freed_ = false;
};

}  // namespace ipn::core
