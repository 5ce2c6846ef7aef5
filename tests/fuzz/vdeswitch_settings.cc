// Fuzz target: option values of the policy vdeswitch. What is taken is shown in its one spelling,
// which is taken as well and means the same; what is not changes nothing.
//
// The first byte says which option, the rest is its value.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "settings.h"

namespace {

using ipn::vdeswitch::NetworkSettings;
using ipn::vdeswitch::PortSettings;

template <typename Settings, typename Set, typename Show>
void check(Set set, Show show, std::string_view value) {
    Settings after;
    const char* words = set(after, value);
    if (words != nullptr) {
        IPN_CHECK(*words != '\0');
        IPN_CHECK(after == Settings());
        return;
    }
    const std::string shown = show(after);
    Settings again;
    IPN_CHECK(set(again, shown) == nullptr);
    IPN_CHECK(again == after);
    IPN_CHECK(show(again) == shown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto& setting = ipn::vdeswitch::settings()[data[0] % ipn::vdeswitch::kSettingsCount];
    const std::string_view value(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (setting.set != nullptr)
        check<NetworkSettings>(setting.set, setting.show, value);
    else
        check<PortSettings>(setting.set_port, setting.show_port, value);
    return 0;
}
