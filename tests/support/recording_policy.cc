#include "recording_policy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "core/check.h"

namespace ipn::test {
namespace {

RecordingPolicy* current;

void note(const char* call, ipn_port* port, const std::string& details = {}) {
    current->calls.push_back(call + details);
    if (current->within) current->within(call, port);
}

void note_net(const char* call, ipn_net* net, const std::string& details = {}) {
    note(call, nullptr, details);
    if (current->within_net) current->within_net(call, net);
}

std::string number_of(ipn_port* port) {
    return " " + std::to_string(current->host.number(port));
}

std::string name_of(std::uint32_t number) {
    return number == IPN_PORT_ANY ? " net" : " " + std::to_string(number);
}

int newnet(ipn_net* net) {
    note_net("newnet", net);
    return current->newnet_answer;
}

void delnet(ipn_net* net) {
    note_net("delnet", net);
}

int resizenet(ipn_net* net, std::uint32_t old_size, std::uint32_t new_size) {
    note_net("resizenet", net, " " + std::to_string(old_size) + " " + std::to_string(new_size));
    return current->resizenet_answer;
}

int newport(ipn_port* port, std::uint32_t wanted) {
    note("newport", port, wanted == IPN_PORT_ANY ? " any" : " " + std::to_string(wanted));
    if (current->newport) return current->newport(port, wanted);
    return current->host.free_port(current->host.net(port), wanted);
}

void postnewport(ipn_port* port) {
    note("postnewport", port, number_of(port));
}
void predelport(ipn_port* port) {
    note("predelport", port, number_of(port));
}
void delport(ipn_port* port) {
    note("delport", port);
}

void narrowed(ipn_port* port) {
    note("narrowed", port, number_of(port) + " " + std::to_string(current->host.role(port)));
}

int handlemsg(ipn_port* from, ipn_msg* msg, int depth) {
    const ipn_host& host = current->host;
    const std::string words(reinterpret_cast<const char*>(host.data(msg)), host.length(msg));
    ++current->handled;
    note("handlemsg", from, number_of(from) + " " + words + " " + std::to_string(depth));
    if (current->handle) return current->handle(from, msg, depth);
    host.send_all(host.net(from), msg, depth);
    return 0;
}

// ---- what the first edition does not have

constexpr std::array kOptions{
    ipn_option{"colour", "red, green, blue", "red", IPN_OPTION_NET},
    ipn_option{"frozen", "0, 1", "0", IPN_OPTION_NET | IPN_OPTION_UNCONNECTED},
    ipn_option{"age", "seconds", nullptr, IPN_OPTION_NET | IPN_OPTION_READ_ONLY},
    ipn_option{"label", "text", "", IPN_OPTION_PORT},
    ipn_option{"rank", "number", "0", IPN_OPTION_PORT | IPN_OPTION_MANAGER},
    ipn_option{"serial", "number", nullptr, IPN_OPTION_PORT | IPN_OPTION_READ_ONLY},
};
constexpr std::array kPresets{ipn_preset{"mtu", "100"}, ipn_preset{"lossless", "1"}};

int setsockopt(ipn_net* net, std::uint32_t number, std::size_t index, const char* value,
               std::size_t length) {
    const std::string name = kOptions.at(index).name;
    const std::string text(value, length);
    note(net == nullptr ? "try" : "set", nullptr, name_of(number) + " " + name + "=" + text);
    if (current->setsockopt_answer != 0) return current->setsockopt_answer;
    if (name == "colour" && text != "red" && text != "green" && text != "blue") {
        current->host.explain("a colour is red, green or blue");
        return -EINVAL;
    }
    if (net != nullptr) current->values[{current->host.net_id(net), number, name}] = text;
    return 0;
}

int getsockopt(const ipn_net* net, std::uint32_t number, std::size_t index, char* value,
               std::size_t size) {
    const ipn_option& option = kOptions.at(index);
    const auto found = current->values.find({current->host.net_id(net), number, option.name});
    std::string text = option.initial == nullptr ? "" : option.initial;
    if (option.name == std::string_view("age")) text = "7";
    if (option.name == std::string_view("serial")) text = std::to_string(number);
    if (found != current->values.end()) text = found->second;
    if (text == "none") return -ENODATA;
    text.copy(value, size);
    return static_cast<int>(text.size());
}

void resetport(ipn_net* net, std::uint32_t number) {
    note_net("resetport", net, name_of(number));
    std::erase_if(current->values, [&](const auto& value) {
        return std::get<0>(value.first) == current->host.net_id(net) &&
               std::get<1>(value.first) == number;
    });
}

void print(ipn_text* text, std::string_view words) {
    current->host.print(text, words.data(), words.size());
}

int show_calls(ipn_net*, ipn_text* text) {
    for (const std::string& call : current->calls) print(text, call + "\n");
    return 0;
}

constexpr std::array kViews{
    ipn_view{"calls", show_calls},
    ipn_view{"broken",
             [](ipn_net*, ipn_text* text) {
                 print(text, "half of it");
                 current->host.explain("it is broken");
                 return -EIO;
             }},
};

constexpr std::array kStats{
    ipn_stat{"handled", IPN_STAT_COUNTER, [](const ipn_net*) { return current->handled; }},
};

int ioctl(ipn_port* port, std::uint32_t request, const void* in, std::size_t in_size, void* out,
          std::size_t out_size) {
    note("ioctl", port, number_of(port) + " " + std::to_string(request));
    if (!current->ioctl) return -ENOTTY;
    return current->ioctl(port, request, {static_cast<const char*>(in), in_size},
                          static_cast<char*>(out), out_size);
}

int check_room(const ipn_net*, const char* name) {
    const std::string_view room(name);
    return std::all_of(room.begin(), room.end(), [](char c) { return c >= 'a' && c <= 'z'; })
               ? 0
               : -EINVAL;
}

int open_room(ipn_port* port, const char* name) {
    note("open", port, number_of(port) + " " + name);
    if (current->open_answer != 0) current->host.explain("the room is full");
    return current->open_answer;
}

constexpr ipn_endpoints kRooms{
    "rooms", check_room, [](const ipn_net*, ipn_text* text) { print(text, "attic\ncellar\n"); },
    open_room};

constexpr ipn_policy kFullTable{
    .struct_size = sizeof(ipn_policy),
    .api = IPN_POLICY_API,
    .name = "full",
    .description = "has everything that a policy can have",
    .newnet = newnet,
    .delnet = delnet,
    .resizenet = resizenet,
    .newport = newport,
    .postnewport = postnewport,
    .predelport = predelport,
    .delport = delport,
    .handlemsg = handlemsg,
    .length_min = 2,
    .options = kOptions.data(),
    .options_count = kOptions.size(),
    .setsockopt = setsockopt,
    .getsockopt = getsockopt,
    .resetport = resetport,
    .presets = kPresets.data(),
    .presets_count = kPresets.size(),
    .views = kViews.data(),
    .views_count = kViews.size(),
    .stats = kStats.data(),
    .stats_count = kStats.size(),
    .ioctl = ioctl,
    .endpoints = &kRooms,
    .narrowed = narrowed,
};

constexpr ipn_policy kTable{
    .struct_size = offsetof(ipn_policy, length_min),
    .api = IPN_POLICY_API,
    .name = "recording",
    .description = "writes down what it is called for",
    .newnet = newnet,
    .delnet = delnet,
    .resizenet = resizenet,
    .newport = newport,
    .postnewport = postnewport,
    .predelport = predelport,
    .delport = delport,
    .handlemsg = handlemsg,
};

}  // namespace

RecordingPolicy::RecordingPolicy(const ipn_host& host_table) : host(host_table) {
    IPN_CHECK(current == nullptr);
    current = this;
}

RecordingPolicy::~RecordingPolicy() {
    current = nullptr;
}

void RecordingPolicy::forget_story() {
    newport = nullptr;
    handle = nullptr;
    ioctl = nullptr;
    within = nullptr;
    within_net = nullptr;
}

const ipn_policy& RecordingPolicy::table() {
    return kTable;
}

const ipn_policy& RecordingPolicy::full_table() {
    return kFullTable;
}

}  // namespace ipn::test
