// RecordingPolicy: a policy that writes down what it is called for and does what a test tells it.
//
// Its table, named "recording", is plain C like any policy's, so one RecordingPolicy exists at a
// time. By itself it behaves like a hub; a test that wants anything else sets `handle`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ipn/policy.h"

namespace ipn::test {

class RecordingPolicy {
  public:
    explicit RecordingPolicy(const ipn_host& host_table);
    ~RecordingPolicy();
    RecordingPolicy(const RecordingPolicy&) = delete;
    RecordingPolicy& operator=(const RecordingPolicy&) = delete;

    static const ipn_policy& table();

    const ipn_host& host;
    std::vector<std::string> calls;  // since the last time that somebody looked: see take_calls()
    std::vector<std::string> take_calls() { return std::exchange(calls, {}); }

    // What the calls answer: 0, or a negative errno value.
    int newnet_answer = 0;
    int resizenet_answer = 0;
    // Instead of the port that the host finds.
    std::function<int(ipn_port*, std::uint32_t wanted)> newport;
    std::function<int(ipn_port* from, ipn_msg* msg, int depth)> handle;
    // Run at the end of the recorded call of that name ("postnewport", …).
    std::function<void(const std::string& call, ipn_port* port)> within;
};

}  // namespace ipn::test
