// The table of calls that policies get: the only place where its opaque types and ours meet.
//
// No exception leaves a function here: what calls it is C.

#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "core/network.h"
#include "core/node.h"
#include "core/packet.h"
#include "core/policies.h"
#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "core/policy_timer.h"
#include "core/registry.h"

namespace ipn::core {
namespace {

PolicyTimer* timer_of(ipn_timer* timer) {
    return reinterpret_cast<PolicyTimer*>(timer);
}

// ---- packets

void send(ipn_port* to, ipn_msg* msg, int) {
    const AssumeLoop here;
    node_of(to).network().deliver(node_of(to), packet_of(msg));
}

void send_all(ipn_net* net, ipn_msg* msg, int) {
    const AssumeLoop here;
    network_of(net).deliver_all(packet_of(msg));
}

int inject(ipn_port* from, ipn_msg* msg, int depth) try {
    const AssumeLoop here;
    Node& node = node_of(from);
    const auto injected = node.network().inject(node, packet_of(msg), depth);
    return injected ? 0 : -injected.error().code;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

// Hands a new packet over to the policy.
ipn_msg* give(PacketRef packet) {
    if (packet) packet->note_held();
    return reinterpret_cast<ipn_msg*>(packet.release());
}

ipn_msg* alloc(ipn_port* payer, std::uint32_t length) try {
    const AssumeLoop here;
    return give(node_of(payer).network().allocate(node_of(payer), length));
} catch (const std::bad_alloc&) {
    return nullptr;
}

ipn_msg* derive(ipn_port* payer, ipn_msg* msg, std::uint32_t cut, std::uint32_t add) try {
    const AssumeLoop here;
    Node& node = node_of(payer);
    return give(node.network().derive(node, packet_of(msg), cut, add));
} catch (const std::bad_alloc&) {
    return nullptr;
}

ipn_msg* slice(ipn_port* payer, ipn_msg* msg, std::uint32_t offset, std::uint32_t length) try {
    const AssumeLoop here;
    Node& node = node_of(payer);
    return give(node.network().slice(node, packet_of(msg), offset, length));
} catch (const std::bad_alloc&) {
    return nullptr;
}

int hold(ipn_msg* msg) {
    Packet& packet = packet_of(msg);
    if (packet.transient()) return -ENOMEM;
    packet.note_held();
    PacketRef(packet).release();
    return 0;
}

void put(ipn_msg* msg) {
    if (packet_of(msg).note_put()) {
        PacketRef::adopt(&packet_of(msg));
        return;
    }
    const PolicyCall* call = PolicyCall::current();
    if (call == nullptr) return;
    call->policies().warn(call->policy(), nullptr, "it put a packet that it does not hold");
}

unsigned char* data(ipn_msg* msg) {
    return reinterpret_cast<unsigned char*>(packet_of(msg).data());
}
std::uint32_t length(const ipn_msg* msg) {
    return packet_of(msg).length();
}

void send_oob(ipn_port* to, const void* data, std::size_t length) try {
    const AssumeLoop here;
    if (length == 0 || length > OobQueue::kLengthMax) return;
    node_of(to).offer_oob({static_cast<const std::byte*>(data), length});
} catch (const std::bad_alloc&) {
}

// ---- networks and ports

int free_port(const ipn_net* net, std::uint32_t wanted) try {
    const auto number = network_of(net).free_port(wanted);
    return number ? static_cast<int>(*number) : -number.error().code;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

std::uint32_t number(const ipn_port* port) {
    return node_of(port).number();
}
ipn_net* net_of(const ipn_port* port) {
    return handle(node_of(port).network());
}
ipn_port* port_at(const ipn_net* net, std::uint32_t wanted) {
    Node* node = network_of(net).node_at(wanted);
    return node == nullptr ? nullptr : handle(*node);
}
std::uint32_t numnodes(const ipn_net* net) {
    return network_of(net).options().numnodes;
}
std::uint32_t mtu(const ipn_net* net) {
    return network_of(net).options().mtu;
}
void** net_private(ipn_net* net) {
    return &network_of(net).policy_private();
}
void** port_private(ipn_port* port) {
    return &node_of(port).policy_private;
}
const char* net_name(const ipn_net* net) {
    return network_of(net).name().c_str();
}
std::uint64_t net_id(const ipn_net* net) {
    return network_of(net).id();
}
std::uint32_t role(const ipn_port* port) {
    static_assert(static_cast<unsigned>(Role::reader) == IPN_ROLE_READER);
    static_assert(static_cast<unsigned>(Role::writer) == IPN_ROLE_WRITER);
    return static_cast<std::uint32_t>(node_of(port).role());
}
ipn_credentials credentials(const ipn_port* port) {
    const Credentials& opener = node_of(port).credentials();
    return {opener.uid, opener.gid, opener.pid};
}
int reserved(const ipn_net* net, std::uint32_t port) {
    return network_of(net).reservation(port) == nullptr ? 0 : 1;
}

void hold_writers(ipn_net* net, int held) {
    const AssumeLoop here;
    network_of(net).hold_writers(held != 0);
}
void hang_up(ipn_port* port) {
    const AssumeLoop here;
    node_of(port).hang_up(Role::both);
}
void hang_up_role(ipn_port* port, std::uint32_t roles) {
    const AssumeLoop here;
    node_of(port).hang_up(static_cast<Role>(roles & (IPN_ROLE_READER | IPN_ROLE_WRITER)));
}
void set_peer(ipn_port* port, ipn_credentials peer) try {
    node_of(port).peer =
        std::make_unique<const Credentials>(Credentials{peer.uid, peer.gid, peer.pid});
} catch (const std::bad_alloc&) {  // nobody is named
}

// ---- words

void explain(const char* words) try {
    if (PolicyCall* call = PolicyCall::current()) call->explain(words);
} catch (const std::bad_alloc&) {
}

void warn(const ipn_net* net, const char* words) try {
    const PolicyCall* call = PolicyCall::current();
    if (call == nullptr) return;
    call->policies().warn(call->policy(), net == nullptr ? nullptr : &network_of(net), words);
} catch (const std::bad_alloc&) {
}

void print(ipn_text* text, const char* bytes, std::size_t length) try {
    text->overflowed = text->overflowed || length > ipn_text::kLengthMax - text->bytes.size();
    if (!text->overflowed) text->bytes.append(bytes, length);
} catch (const std::bad_alloc&) {
    text->overflowed = true;
}

// ---- time

std::uint64_t now_ns() {
    const PolicyCall* call = PolicyCall::current();
    const Registry* registry = call == nullptr ? nullptr : call->policies().registry();
    if (registry == nullptr) return 0;
    return static_cast<std::uint64_t>(registry->clock().now().time_since_epoch().count());
}

ipn_timer* timer_new(ipn_net* net, void (*expired)(void*), void* context) try {
    const AssumeLoop here;
    return reinterpret_cast<ipn_timer*>(network_of(net).new_timer(expired, context));
} catch (const std::bad_alloc&) {
    return nullptr;
}

int timer_arm(ipn_timer* timer, std::uint64_t at_ns) try {
    constexpr std::uint64_t kLast = INT64_MAX;
    const Instant at{Duration(static_cast<std::int64_t>(at_ns < kLast ? at_ns : kLast))};
    return timer_of(timer)->arm(at) ? 0 : -ENOTCONN;
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

void timer_disarm(ipn_timer* timer) {
    timer_of(timer)->disarm();
}
void timer_free(ipn_timer* timer) {
    if (timer != nullptr) timer_of(timer)->free();
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
    .net_name = net_name,
    .net_id = net_id,
    .role = role,
    .credentials = credentials,
    .reserved = reserved,
    .explain = explain,
    .warn = warn,
    .derive = derive,
    .send_oob = send_oob,
    .now_ns = now_ns,
    .timer_new = timer_new,
    .timer_arm = timer_arm,
    .timer_disarm = timer_disarm,
    .timer_free = timer_free,
    .hold_writers = hold_writers,
    .hang_up = hang_up,
    .set_peer = set_peer,
    .print = print,
    .hang_up_role = hang_up_role,
    .slice = slice,
};

}  // namespace

const ipn_host& policy_host() {
    return kHost;
}

}  // namespace ipn::core
