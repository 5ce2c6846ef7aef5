#include "genealogy.h"

#include <algorithm>

namespace ipn::connector {

const std::deque<Request>* Genealogy::requests(std::uint32_t port) const {
    const auto found = requests_.find(port);
    return found == requests_.end() ? nullptr : &found->second;
}

void Genealogy::remember(std::uint32_t port, const Request& request) {
    std::vector<std::uint32_t>& askers = askers_[request];
    if (std::find(askers.begin(), askers.end(), port) != askers.end()) return;
    try {
        askers.push_back(port);
        requests_[port].push_back(request);
    } catch (...) {
        erase_asker(port, request);
        throw;
    }
    ++pending_;
    if (const Request oldest = requests_[port].front(); requests_[port].size() > kRequestsMax) {
        erase(port, oldest);
        ++forgotten_;
    }
}

void Genealogy::erase(std::uint32_t port, const Request& request) {
    std::deque<Request>& requests = requests_[port];
    requests.erase(std::find(requests.begin(), requests.end(), request));
    if (requests.empty()) requests_.erase(port);
    erase_asker(port, request);
    --pending_;
}

void Genealogy::erase_asker(std::uint32_t port, const Request& request) {
    const auto found = askers_.find(request);
    std::erase(found->second, port);
    if (found->second.empty()) askers_.erase(found);
}

void Genealogy::forget(std::uint32_t port) {
    const auto found = requests_.find(port);
    if (found == requests_.end()) return;
    for (const Request& request : found->second) erase_asker(port, request);
    pending_ -= found->second.size();
    requests_.erase(found);
}

}  // namespace ipn::connector
