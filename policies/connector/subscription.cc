#include "subscription.h"

#include <algorithm>
#include <charconv>
#include <tuple>

namespace ipn::connector {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t number = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    const bool canonical = !text.empty() && (text.size() == 1 || text.front() != '0');
    if (parsed.ec != std::errc() || parsed.ptr != end || !canonical) return std::nullopt;
    return number;
}

// Takes what comes before `separator` off `text`; all of it if there is none.
std::string_view take(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view taken = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    return taken;
}

bool is_name(std::string_view name) {
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return !name.empty() && name.size() <= kNameMax &&
           name.find_first_not_of(kLetters) == name.npos;
}

const char* parse_subscription(std::string_view text, Subscription& subscription) {
    const std::size_t equals = text.find('=');
    if (equals != text.npos) {
        if (!is_name(text.substr(equals + 1)))
            return "a name has 1 to 31 letters, digits, dots, hyphens and underscores";
        subscription.name = text.substr(equals + 1);
    }
    std::string_view id = text.substr(0, equals);
    if (id.ends_with(":any")) {
        const auto idx = parse_number(take(id, ':'));
        if (!idx || id != "any") return "an id is IDX:VAL or IDX:any, numbers up to 4294967295";
        subscription.id = {*idx, kAny};
        subscription.any = true;
        return nullptr;
    }
    const auto exact = parse_id(id);
    if (!exact) return "an id is IDX:VAL or IDX:any, numbers up to 4294967295";
    subscription.id = *exact;
    return nullptr;
}

bool overlap(const std::vector<Subscription>& subscriptions) {
    std::vector<std::tuple<std::uint32_t, bool, std::uint32_t>> ids;
    ids.reserve(subscriptions.size());
    for (const Subscription& each : subscriptions)
        ids.emplace_back(each.id.idx, !each.any, each.id.val);
    std::sort(ids.begin(), ids.end());  // IDX:any comes before the others of that idx
    return std::adjacent_find(ids.begin(), ids.end(), [](const auto& a, const auto& b) {
               const bool a_is_any = !std::get<1>(a);
               return std::get<0>(a) == std::get<0>(b) && (a_is_any || a == b);
           }) != ids.end();
}

}  // namespace

std::optional<Id> parse_id(std::string_view text) {
    if (text.find(':') == text.npos) return std::nullopt;
    const auto idx = parse_number(take(text, ':'));
    const auto val = parse_number(text);
    if (!idx || !val) return std::nullopt;
    return Id{*idx, *val};
}

std::string format(const Id& id) {
    return std::to_string(id.idx) + ":" + std::to_string(id.val);
}

const char* parse_subscriptions(std::string_view text, std::vector<Subscription>& subscriptions) {
    subscriptions.clear();
    if (text.ends_with(' ')) return "ids stand with one blank between them";
    while (!text.empty()) {
        if (subscriptions.size() == kIdsMax) return "a port subscribes to at most 1024 ids";
        Subscription subscription;
        if (const char* wrong = parse_subscription(take(text, ' '), subscription)) return wrong;
        subscriptions.push_back(std::move(subscription));
    }
    if (overlap(subscriptions)) return "ids overlap: a message would come twice";
    return nullptr;
}

std::string format(const Subscription& subscription) {
    std::string text =
        subscription.any ? std::to_string(subscription.id.idx) + ":any" : format(subscription.id);
    if (!subscription.name.empty()) text += "=" + subscription.name;
    return text;
}

std::string format(const std::vector<Subscription>& subscriptions) {
    std::string text;
    for (const Subscription& each : subscriptions) {
        if (!text.empty()) text += ' ';
        text += format(each);
    }
    return text;
}

std::optional<Destination> parse_destination(std::string_view text) {
    using Kind = Destination::Kind;
    if (text.empty()) return Destination{};
    const std::string_view kind = take(text, ':');
    const auto number = parse_number(text);
    if (!number || (kind != "port" && kind != "group")) return std::nullopt;
    return Destination{kind == "port" ? Kind::port : Kind::group, *number};
}

std::string format(const Destination& destination) {
    switch (destination.kind) {
        case Destination::Kind::subscribers:
            break;
        case Destination::Kind::port:
            return "port:" + std::to_string(destination.number);
        case Destination::Kind::group:
            return "group:" + std::to_string(destination.number);
    }
    return {};
}

}  // namespace ipn::connector
