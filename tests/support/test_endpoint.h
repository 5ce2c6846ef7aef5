// TestEndpoint: a node for tests that records what its network tells it, and whose reads and writes
// look like what a program would see.
//
// A Write is a blocked write(2): it holds its data, stands in its network's line, and records how
// it ended. An endpoint whose node can send no more ends its writes, as files do. Not done: parked
// reads; a test that wants one sets `on_deliver`.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "core/network.h"
#include "core/node.h"

namespace ipn::test {

class TestEndpoint;

class Write final : public core::SendWaiter {
  public:
    Write(TestEndpoint& from, std::string_view data) : from_(from), data_(data) {}

    bool finished() const { return outcome.has_value(); }
    const std::string& data() const { return data_; }

    std::optional<core::Network::Send> outcome;  // once finished
    std::size_t taken = 0;

  private:
    friend class TestEndpoint;
    bool retry() override;

    TestEndpoint& from_;
    std::string data_;
};

class TestEndpoint final : private core::Endpoint {
  public:
    using Send = core::Network::Send;

    // What read() returns when there is no packet. No test sends these words.
    static constexpr std::string_view kNothing = "<nothing>";
    static constexpr std::string_view kEndOfFile = "<end of file>";
    static constexpr std::string_view kLost = "<lost>";
    static constexpr std::string_view kReset = "<reset>";

    TestEndpoint() = default;
    ~TestEndpoint();

    core::Result<void> join(core::Network& network, const core::Network::JoinRequest& request);
    void leave(core::Event::Reason reason = core::Event::Reason::none);

    // write(2) with O_NONBLOCK.
    Send write(std::string_view data) { return send(data).outcome; }
    core::Network::Sent send(std::string_view data);
    // write(2) that waits if it has to. The reference stays valid until the endpoint ends.
    Write& start_write(std::string_view data);
    void interrupt(Write& write);

    // read(2) with O_NONBLOCK.
    std::string read(std::uint32_t space = 65536);
    // Everything that is waiting, separated by blanks.
    std::string read_all();

    core::Node::Readiness poll() const;
    core::Result<void> narrow(core::Role role);
    core::Result<void> describe(std::string_view text);
    // Asks for one call of writable().
    void watch_writable();

    core::Node& node() { return node_; }
    const core::Node& node() const { return node_; }
    std::uint32_t number() const { return node_.number(); }
    const core::Node::Counters& counters() const { return node_.counters(); }

    // How often the network called.
    int delivered = 0;
    int told_writable = 0;
    int state_changes = 0;

    // Run within these calls.
    std::function<void()> on_deliver;
    std::function<void()> on_writable;
    std::function<void()> on_state_changed;

    // Called as a blocked write ends.
    std::function<void(const Write&)> on_write_finished;

  private:
    friend class Write;

    void deliver() override;
    void writable() override;
    void state_changed() override;
    void finish(Write& write, core::Network::Send outcome) IPN_ON_LOOP;

    core::Node node_{*this};
    std::list<Write> writes_;
};

}  // namespace ipn::test
