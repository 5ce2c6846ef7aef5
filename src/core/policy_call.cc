#include "core/policy_call.h"

#include <utility>

#include "core/network.h"
#include "core/policies.h"
#include "core/registry.h"
#include "core/text.h"

namespace ipn::core {

PolicyCall::PolicyCall(Policies& policies, Policy& policy, Network* network)
    : policies_(policies),
      policy_(policy),
      network_(network),
      outer_(std::exchange(current_, this)) {
    if (network_ != nullptr) ++network_->policy_calls_;
}

PolicyCall::PolicyCall(Network& network)
    : PolicyCall(network.registry().policies(), *network.policy_, &network) {}

PolicyCall::~PolicyCall() {
    const AssumeLoop here;
    if (network_ != nullptr) {
        network_->watch_.tell();
        if (--network_->policy_calls_ == 0) network_->run_injected();
    }
    current_ = outer_;
}

int PolicyCall::error_of(int answer) const {
    constexpr int kErrnoMax = 511;
    if (answer == 0) return 0;
    if (answer < 0 && answer >= -kErrnoMax) return -answer;
    if (!std::exchange(policy_.told_of_nonsense, true)) {
        policies_.warn(policy_, network_,
                       "one of its calls answered " + std::to_string(answer) +
                           ", which is no error number; programs get EPROTO (told only once)");
    }
    return EPROTO;
}

Result<void> PolicyCall::result_of(int answer, const char* otherwise) const {
    const int error = error_of(answer);
    return error == 0 ? Result<void>() : fail(error, words(otherwise));
}

void PolicyCall::explain(std::string_view words) {
    constexpr std::size_t kLengthMax = 255;
    words = words.substr(0, kLengthMax);
    words_ = is_text(words) ? words : quoted(words);
}

}  // namespace ipn::core
