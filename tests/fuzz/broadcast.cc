// Fuzz target: the policy broadcast; see small_policy.h.
#include <cstdint>

#include "small_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ipn::test::SmallPolicy(nullptr, "broadcast").run(data, size);
    return 0;
}
