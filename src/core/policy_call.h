// PolicyCall: a call into a policy that is under way.
//
// One stands around every call of a module's function. It knows which policy runs and for which
// network, so that what the policy's calls of the host say without naming anybody (explain, warn,
// now) can be told apart; it keeps the words behind the error that the call will return, makes an
// errno value of whatever that returns, and when the last call of a network has returned, it lets
// the network handle what was injected meanwhile.
// Lifecycle: on the stack; calls nest (a policy is told of a timer, injects, is called again).
// Threads: the loop only, hence one innermost call.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace ipn::core {

class Network;
class Policies;
class Policy;

class PolicyCall {
  public:
    PolicyCall(Policies& policies, Policy& policy, Network* network = nullptr);
    // Of the policy that the network is bound to.
    explicit PolicyCall(Network& network);
    ~PolicyCall();
    PolicyCall(const PolicyCall&) = delete;
    PolicyCall& operator=(const PolicyCall&) = delete;

    // The innermost call; null if no policy runs.
    static PolicyCall* current() { return current_; }

    Policies& policies() const { return policies_; }
    Policy& policy() const { return policy_; }

    // The errno value that the policy's answer means: 0, or what no kernel would take made EPROTO.
    int error_of(int answer) const;
    // The same as a Result; `otherwise`: the words if the policy gave none.
    Result<void> result_of(int answer, const char* otherwise) const;

    // Keeps the beginning of `words`, if they are text.
    void explain(std::string_view words);
    std::string_view explanation(const char* otherwise) const {
        return words_.empty() ? std::string_view(otherwise) : words_;
    }
    std::string words(const char* otherwise) const { return std::string(explanation(otherwise)); }

  private:
    static inline PolicyCall* current_ = nullptr;

    Policies& policies_;
    Policy& policy_;
    Network* const network_;
    PolicyCall* const outer_;
    std::string words_;
};

}  // namespace ipn::core
