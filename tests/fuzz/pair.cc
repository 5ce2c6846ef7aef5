// Fuzz target: the policy pair; see small_policy.h.
#include "pair.h"

#include <cstdint>

#include "small_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ipn::test::SmallPolicy(ipn_pair_policy(&ipn::core::policy_host()), "pair").run(data, size);
    return 0;
}
