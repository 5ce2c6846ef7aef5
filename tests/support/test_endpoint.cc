#include "test_endpoint.h"

#include "bytes.h"
#include "core/on_loop.h"

namespace ipn::test {

using core::AssumeLoop;
using core::Network;
using core::Node;

bool Write::retry() {
    const AssumeLoop here;
    const std::string_view rest = std::string_view(data_).substr(taken);
    const Network::Sent sent = from_.node_.network().send(from_.node_, bytes(rest), this);
    taken += sent.taken;
    if (sent.outcome == Network::Send::would_block) return false;
    from_.finish(*this, sent.outcome);
    return true;
}

TestEndpoint::~TestEndpoint() {
    on_deliver = on_writable = on_state_changed = nullptr;
    on_write_finished = nullptr;
    leave();
}

core::Result<void> TestEndpoint::join(Network& network, const Network::JoinRequest& request) {
    const AssumeLoop here;
    auto joined = network.join(node_, request);
    if (joined) node_.expect_delivery(true);
    return joined;
}

void TestEndpoint::leave(core::Event::Reason reason) {
    const AssumeLoop here;
    if (node_.state() == Node::State::detached) return;
    for (Write& write : writes_)
        if (!write.finished()) interrupt(write);
    node_.network().leave(node_, reason);
}

Network::Sent TestEndpoint::send(std::string_view data) {
    const AssumeLoop here;
    return node_.network().send(node_, bytes(data));
}

Write& TestEndpoint::start_write(std::string_view data) {
    const AssumeLoop here;
    Write& write = writes_.emplace_back(*this, data);
    const Network::Sent sent = node_.network().send(node_, bytes(data));
    write.taken = sent.taken;
    if (sent.outcome == Send::would_block)
        node_.network().wait(write);
    else
        write.outcome = sent.outcome;
    return write;
}

void TestEndpoint::interrupt(Write& write) {
    const AssumeLoop here;
    finish(write, Send::would_block);
}

void TestEndpoint::finish(Write& write, Send outcome) {
    write.outcome = outcome;
    node_.network().stop_waiting(write);
    if (on_write_finished) on_write_finished(write);
}

std::string TestEndpoint::read(std::uint32_t space) {
    const AssumeLoop here;
    const Node::Received received = node_.receive(space);
    switch (received.outcome) {
        case Node::Receive::packet:
            return text(received);
        case Node::Receive::nothing:
            return std::string(kNothing);
        case Node::Receive::end_of_file:
            return std::string(kEndOfFile);
        case Node::Receive::lost:
            return std::string(kLost);
        case Node::Receive::reset:
            return std::string(kReset);
    }
    return {};
}

std::string TestEndpoint::read_all() {
    std::string all;
    while (node_.queued() > 0) all += (all.empty() ? "" : " ") + read();
    return all;
}

Node::Readiness TestEndpoint::poll() const {
    const AssumeLoop here;
    return node_.readiness();
}

core::Result<void> TestEndpoint::narrow(core::Role role) {
    const AssumeLoop here;
    return node_.narrow(role);
}

core::Result<void> TestEndpoint::describe(std::string_view text) {
    const AssumeLoop here;
    return node_.set_description(text);
}

void TestEndpoint::watch_writable() {
    const AssumeLoop here;
    node_.network().watch_writable(node_);
}

void TestEndpoint::deliver() {
    ++delivered;
    if (on_deliver) on_deliver();
}

void TestEndpoint::writable() {
    ++told_writable;
    if (on_writable) on_writable();
}

void TestEndpoint::state_changed() {
    const AssumeLoop here;
    ++state_changes;
    for (Write& write : writes_) {
        if (node_.can_send() || write.finished()) continue;
        const std::string_view rest = std::string_view(write.data_).substr(write.taken);
        finish(write, node_.network().send(node_, bytes(rest), &write).outcome);
    }
    if (on_state_changed) on_state_changed();
}

}  // namespace ipn::test
