#include "core/policy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "core/options.h"

namespace ipn::core {
namespace {

constexpr std::string_view kLowercase = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kNameMax = 63;
constexpr std::size_t kCountMax = 1000;  // of options, views, …: more is no table, nor has node ids

auto wrong(std::string words) {
    return fail(EPROTO, std::move(words));
}

bool is_name(const char* name, char also) {
    if (name == nullptr) return false;
    const std::size_t length = strnlen(name, kNameMax + 1);
    return length > 0 && length <= kNameMax && std::all_of(name, name + length, [&](char c) {
               return c == also || kLowercase.find(c) != kLowercase.npos;
           });
}

// The beginning that both editions of a table know; no half of a pointer, whatever the size says.
template <typename T>
void copy_table(T& to, const T& from) {
    const std::size_t size = std::min(from.struct_size, sizeof to);
    std::memcpy(&to, &from, size - size % alignof(T));
}

// Names of options, views or statistics.
template <typename T>
Result<void> check_names(const char* what, const T* items, std::size_t count) {
    if (count > kCountMax || (count > 0 && items == nullptr))
        return wrong(std::string("its ") + what + "s are no array");
    std::set<std::string_view> known;
    for (const T& item : std::span(items, count)) {
        if (!is_name(item.name, '_') || !known.insert(item.name).second)
            return wrong(std::string("the name of one of its ") + what +
                         "s is missing, ill-formed or used twice");
    }
    return {};
}

Result<void> check_option(const ipn_policy& table, const ipn_option& option) {
    const bool read_only = (option.flags & IPN_OPTION_READ_ONLY) != 0;
    if ((option.flags & (IPN_OPTION_NET | IPN_OPTION_PORT)) == 0)
        return wrong(std::string("option ") + option.name + " is neither a network's nor a port's");
    if (table.getsockopt == nullptr || (!read_only && table.setsockopt == nullptr))
        return wrong("it has options, but not the calls that get and set them");
    if (!read_only && option.initial == nullptr)
        return wrong(std::string("option ") + option.name + " has no initial value");
    return {};
}

Result<void> check_preset(const ipn_preset& preset) {
    const Option* option = preset.option == nullptr ? nullptr : find_option(preset.option);
    if (option == nullptr || option->name == "policy" || preset.value == nullptr)
        return wrong("it presets what is no option of a network");
    NetworkOptions values;
    if (auto good = set(values, *option, preset.value); !good)
        return wrong("it presets " + good.error().words);
    return {};
}

Result<void> check_endpoints(const ipn_endpoints& endpoints) {
    constexpr std::array<std::string_view, 10> kTaken{"port", "framed", "ports",  "oob",    "stats",
                                                      "tap",  "grab",   "cables", "policy", "ctl"};
    if (!is_name(endpoints.directory, '_')) return wrong("its directory's name is ill-formed");
    if (std::find(kTaken.begin(), kTaken.end(), endpoints.directory) != kTaken.end())
        return wrong("its directory's name is taken in every network");
    if (endpoints.check == nullptr || endpoints.list == nullptr || endpoints.open == nullptr)
        return wrong("its directory lacks one of check, list and open");
    return {};
}

}  // namespace

Policy::Policy(const ipn_policy& table, Origin origin) : origin_(std::move(origin)) {
    copy_table(table_, table);
    if (table_.hooks != nullptr) copy_table(hooks_, *table_.hooks);
}

std::unique_ptr<Policy> Policy::nameless(std::string called) {
    const ipn_policy empty{.struct_size = sizeof(ipn_policy)};
    std::unique_ptr<Policy> policy(new Policy(empty, {}));
    policy->name_ = std::move(called);
    return policy;
}

Result<std::unique_ptr<Policy>> Policy::read(const ipn_policy* table, Origin origin) {
    constexpr std::size_t kFirstEdition = offsetof(ipn_policy, length_min);
    const std::string api = "API " + std::to_string(IPN_POLICY_API);
    if (table == nullptr) return wrong("it has no table");
    if (table->struct_size < offsetof(ipn_policy, name) || table->api != IPN_POLICY_API)
        return wrong("it is not a policy of " + api);
    if (table->struct_size < kFirstEdition)
        return wrong("its table is shorter than the first one of " + api);
    std::unique_ptr<Policy> policy(new Policy(*table, std::move(origin)));
    if (auto good = policy->check(); !good) return tl::unexpected(std::move(good.error()));
    policy->name_ = table->name;
    return policy;
}

Result<void> Policy::check() const {
    if (!is_name(table_.name, '-')) return wrong("its name is missing or ill-formed");
    if (std::string_view(table_.name) == "capture")  // user.ipn.capture.* are other options
        return wrong("it must not be named 'capture'");
    if (table_.handlemsg == nullptr && table_.hooks == nullptr)
        return wrong("it has neither handlemsg nor hooks");

    if (auto named = check_names("option", table_.options, table_.options_count); !named)
        return named;
    for (const ipn_option& option : options())
        if (auto good = check_option(table_, option); !good) return good;
    if (table_.presets_count > kCountMax || (table_.presets_count > 0 && !table_.presets))
        return wrong("its presets are no array");
    for (const ipn_preset& preset : presets())
        if (auto good = check_preset(preset); !good) return good;
    if (auto named = check_names("view", table_.views, table_.views_count); !named) return named;
    for (const ipn_view& view : views())
        if (view.show == nullptr) return wrong("one of its views cannot be shown");
    if (auto named = check_names("statistic", table_.stats, table_.stats_count); !named)
        return named;
    for (const ipn_stat& stat : stats())
        if (stat.value == nullptr) return wrong("one of its statistics has no value");
    if (endpoints() != nullptr)
        if (auto good = check_endpoints(*endpoints()); !good) return good;
    if (hooks() != nullptr && (hooks_.create == nullptr || hooks_.destroy == nullptr))
        return wrong("its hooks lack create or destroy");
    return {};
}

std::optional<std::size_t> Policy::find_option(std::string_view name) const {
    for (std::size_t index = 0; index < options().size(); ++index)
        if (options()[index].name == name) return index;
    return std::nullopt;
}

const char* Policy::preset(std::string_view option) const {
    for (const ipn_preset& preset : presets())
        if (preset.option == option) return preset.value;
    return nullptr;
}

}  // namespace ipn::core
