#include "recording_policy.h"

#include "bytes.h"
#include "core/check.h"

namespace ipn::test {
namespace {

RecordingPolicy* current;

void note(const char* call, ipn_port* port, const std::string& details = {}) {
    current->calls.push_back(call + details);
    if (current->within) current->within(call, port);
}

std::string number_of(ipn_port* port) {
    return " " + std::to_string(current->host.number(port));
}

int newnet(ipn_net*) {
    note("newnet", nullptr);
    return current->newnet_answer;
}

void delnet(ipn_net*) {
    note("delnet", nullptr);
}

int resizenet(ipn_net*, std::uint32_t old_size, std::uint32_t new_size) {
    note("resizenet", nullptr, " " + std::to_string(old_size) + " " + std::to_string(new_size));
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

int handlemsg(ipn_port* from, ipn_msg* msg, int depth) {
    const ipn_host& host = current->host;
    const std::string words(reinterpret_cast<const char*>(host.data(msg)), host.length(msg));
    note("handlemsg", from, number_of(from) + " " + words + " " + std::to_string(depth));
    if (current->handle) return current->handle(from, msg, depth);
    host.send_all(host.net(from), msg, depth);
    return 0;
}

constexpr ipn_policy kTable{
    .struct_size = sizeof(ipn_policy),
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

const ipn_policy& RecordingPolicy::table() {
    return kTable;
}

}  // namespace ipn::test
