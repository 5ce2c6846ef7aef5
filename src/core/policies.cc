#include "core/policies.h"

#include <new>

#include "core/network.h"

namespace ipn::core {
namespace {

// The C table's calls, which are the only places where its opaque types and ours meet.

Network& network(const ipn_net* net) {
    return *reinterpret_cast<Network*>(const_cast<ipn_net*>(net));
}
Node& node(const ipn_port* port) {
    return *reinterpret_cast<Node*>(const_cast<ipn_port*>(port));
}
Packet& packet(const ipn_msg* msg) {
    return *reinterpret_cast<Packet*>(const_cast<ipn_msg*>(msg));
}

void send(ipn_port* to, ipn_msg* msg, int) {
    const AssumeLoop here;
    node(to).network().deliver(node(to), packet(msg));
}

void send_all(ipn_net* net, ipn_msg* msg, int) {
    const AssumeLoop here;
    network(net).deliver_all(packet(msg));
}

int inject(ipn_port* from, ipn_msg* msg, int depth) try {
    const AssumeLoop here;
    const auto injected = node(from).network().inject(node(from), packet(msg), depth);
    return injected ? 0 : -injected.error().code;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

ipn_msg* alloc(ipn_port* payer, std::uint32_t length) try {
    const AssumeLoop here;
    return reinterpret_cast<ipn_msg*>(
        node(payer).network().allocate(node(payer), length).release());
} catch (const std::bad_alloc&) {
    return nullptr;
}

int hold(ipn_msg* msg) {
    if (packet(msg).transient()) return -ENOMEM;
    PacketRef(packet(msg)).release();
    return 0;
}

void put(ipn_msg* msg) {
    PacketRef::adopt(&packet(msg));
}

unsigned char* data(ipn_msg* msg) {
    return reinterpret_cast<unsigned char*>(packet(msg).data());
}
std::uint32_t length(const ipn_msg* msg) {
    return packet(msg).length();
}

int free_port(const ipn_net* net, std::uint32_t wanted) try {
    const auto number = network(net).free_port(wanted);
    return number ? static_cast<int>(*number) : -number.error().code;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

std::uint32_t number(const ipn_port* port) {
    return node(port).number();
}
ipn_net* net_of(const ipn_port* port) {
    return reinterpret_cast<ipn_net*>(&node(port).network());
}
ipn_port* port_at(const ipn_net* net, std::uint32_t wanted) {
    return reinterpret_cast<ipn_port*>(network(net).node_at(wanted));
}
std::uint32_t numnodes(const ipn_net* net) {
    return network(net).options().numnodes;
}
std::uint32_t mtu(const ipn_net* net) {
    return network(net).options().mtu;
}
void** net_private(ipn_net* net) {
    return &network(net).policy_private;
}
void** port_private(ipn_port* port) {
    return &node(port).policy_private;
}

constexpr ipn_host kHost{
    .struct_size = sizeof(ipn_host),
    .api = IPN_POLICY_API,
    .send = send,
    .send_all = send_all,
    .inject = inject,
    .alloc = alloc,
    .hold = hold,
    .put = put,
    .data = data,
    .length = length,
    .free_port = free_port,
    .number = number,
    .net = net_of,
    .port = port_at,
    .numnodes = numnodes,
    .mtu = mtu,
    .net_private = net_private,
    .port_private = port_private,
};

}  // namespace

const ipn_host& policy_host() {
    return kHost;
}

Result<void> Policies::add(const ipn_policy* policy) {
    if (policy == nullptr || policy->struct_size < sizeof(ipn_policy) ||
        policy->api != IPN_POLICY_API || policy->name == nullptr || policy->handlemsg == nullptr)
        return fail(EPROTO, "not a policy of API " + std::to_string(IPN_POLICY_API));
    if (find(policy->name))
        return fail(EEXIST, std::string("policy '") + policy->name + "' is registered");
    policies_.push_back(policy);
    return {};
}

Result<const ipn_policy*> Policies::find(std::string_view name) const {
    std::string known;
    for (const ipn_policy* policy : policies_) {
        if (name == policy->name) return policy;
        known += (known.empty() ? "" : ", ") + std::string(policy->name);
    }
    return fail(EINVAL, "no policy '" + std::string(name) + "' is registered; there are: " + known);
}

}  // namespace ipn::core
