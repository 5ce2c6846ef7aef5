// Subscription and Destination: the values of the connector's options, as text.
//
// Each value has exactly one spelling; what format() makes, parse() takes. Limits: kIdsMax
// subscriptions a port, names of kNameMax bytes, so that a value fits an extended attribute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message.h"

namespace ipn::connector {

constexpr std::size_t kIdsMax = 1024;
constexpr std::size_t kNameMax = 31;

struct Subscription {
    Id id;  // its val is kAny for all of them
    bool any = false;
    std::string name;
    bool operator==(const Subscription&) const = default;
};
constexpr std::uint32_t kAny = UINT32_MAX;

// Where a port's messages go.
struct Destination {
    enum class Kind : std::uint8_t { subscribers, port, group };
    Kind kind = Kind::subscribers;
    std::uint32_t number = 0;  // of the port; of the group: its idx
};

// "IDX:VAL".
std::optional<Id> parse_id(std::string_view text);
std::string format(const Id& id);

// "3:1 4:any 5:6=name", or nothing. The words that say what is wrong, or null.
const char* parse_subscriptions(std::string_view text, std::vector<Subscription>& subscriptions);
std::string format(const Subscription& subscription);
std::string format(const std::vector<Subscription>& subscriptions);

// "port:N", "group:IDX", or nothing for the subscribers.
std::optional<Destination> parse_destination(std::string_view text);
std::string format(const Destination& destination);

}  // namespace ipn::connector
