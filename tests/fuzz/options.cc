// Fuzz target: option values. What is taken is shown as it was written; what is not changes
// nothing.
//
// The first byte says which option, the rest is its value.

#include "core/options.h"

#include <cstdint>
#include <string_view>

#include "core/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto options = ipn::core::options();
    const ipn::core::Option& option = options[data[0] % options.size()];
    const std::string_view value(reinterpret_cast<const char*>(data) + 1, size - 1);

    const ipn::core::NetworkOptions before;
    ipn::core::NetworkOptions after;
    const auto taken = ipn::core::set(after, option, value);
    if (!taken) {
        IPN_CHECK(taken.error().code == EINVAL && !taken.error().words.empty());
        IPN_CHECK(after == before);
        return 0;
    }
    IPN_CHECK(option.show(after) == value);
    for (const ipn::core::Option& other : options)
        if (&other != &option) IPN_CHECK(other.show(after) == other.show(before));

    ipn::core::NetworkOptions again;
    IPN_CHECK(ipn::core::set(again, option, option.show(after)).has_value());
    IPN_CHECK(again == after);
    return 0;
}
