// Binding: what a network's being bound to a policy brings with it.
//
// Lifecycle: from before newnet() until after delnet(); while one policy takes over from another
// there are two, and what a policy asks for belongs to the one that is being called.
#pragma once

#include <cstdint>

#include "core/list.h"
#include "core/policy.h"
#include "core/policy_timer.h"

namespace ipn::core {

struct Binding {
    explicit Binding(Policy& bound) : policy(bound) {}

    Policy& policy;
    void* private_data = nullptr;
    List<PolicyTimer, PolicyTimerTag> timers;
    bool writers_held = false;
    std::uint32_t held_before = 0;  // packets that an earlier policy never put
};

}  // namespace ipn::core
