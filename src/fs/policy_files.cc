// What a network has because of its policy: the views in policy/, and a directory of endpoints.

#include <fcntl.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "fs/filesystem.h"

namespace ipn::fs {

using core::Network;
using core::Ownership;
using core::PolicyCall;
using core::Result;
using Kind = Place::Kind;

// ---- views

Place Filesystem::view_named(Network& network, std::string_view name) {
    const auto views = network.policy().views();
    for (std::uint32_t index = 0; index < views.size(); ++index)
        if (views[index].name == name)
            return {.kind = Kind::view, .network = &network, .number = index};
    return {};
}

// Shown as it is when it is opened.
void Filesystem::open_view(Request request, const Place& place, int flags) {
    ipn_text text;
    const PolicyCall call(*place.network);
    const ipn_view& view = place.network->policy().views()[place.number];
    const int answer = view.show(handle(*place.network), &text);
    if (auto shown = call.result_of(answer, "the policy cannot show it"); !shown)
        return refuse(request, place, shown.error());
    if (text.overflowed) return refuse(request, place, {EFBIG, "it is too long to be shown"});
    open_text(std::move(request), place, flags, std::move(text.bytes));
}

// ---- endpoints

Place Filesystem::endpoints_named(Network& network, std::string_view name) {
    const ipn_endpoints* endpoints = network.policy().endpoints();
    if (endpoints == nullptr || endpoints->directory != name) return {};
    return {.kind = Kind::endpoints, .network = &network};
}

Result<void> Filesystem::check_endpoint(Network& network, std::string_view name) {
    const PolicyCall call(network);
    const int answer =
        network.policy().endpoints()->check(handle(network), std::string(name).c_str());
    return call.result_of(answer, "the policy knows no such name");
}

std::set<std::string> Filesystem::endpoints_in_use(Network& network) {
    constexpr std::size_t kNameMax = 255;
    ipn_text text;
    {
        const PolicyCall call(network);
        network.policy().endpoints()->list(handle(network), &text);
    }
    std::set<std::string> names;
    for (std::size_t at = 0; at < text.bytes.size();) {
        const std::size_t end = std::min(text.bytes.find('\n', at), text.bytes.size());
        std::string name = text.bytes.substr(at, end - at);
        at = end + 1;
        const bool possible = !name.empty() && name.size() <= kNameMax && name != "." &&
                              name != ".." && name.find('/') == name.npos &&
                              name.find('\0') == name.npos;
        if (possible) names.insert(std::move(name));
    }
    return names;
}

Result<void> Filesystem::open_endpoint(OpenPort& port, const Place& place) {
    Network& network = *place.network;
    const PolicyCall call(network);
    const int answer =
        network.policy().endpoints()->open(handle(port.node()), std::string(place.name).c_str());
    return call.result_of(answer, "the policy refused to open it");
}

Ownership& Filesystem::ownership_of_endpoint(const Place& place) {
    core::PolicyFiles& files = place.network->policy_files;
    const auto changed = files.changed_endpoints.find(place.name);
    return changed == files.changed_endpoints.end() ? files.endpoint : changed->second;
}

Ownership* Filesystem::own_endpoint(const Place& place) {
    constexpr std::size_t kChangedMax = 4096;
    core::PolicyFiles& files = place.network->policy_files;
    const auto known = files.changed_endpoints.find(place.name);
    if (known != files.changed_endpoints.end()) return &known->second;
    if (files.changed_endpoints.size() == kChangedMax) return nullptr;
    return &files.changed_endpoints.emplace(place.name, files.endpoint).first->second;
}

}  // namespace ipn::fs
