// RecordingPolicy: a policy that writes down what it is called for and does what a test tells it.
//
// Its tables are plain C like any policy's, so one RecordingPolicy exists at a time: table(), named
// "recording", has the members of the first edition of <ipn/policy.h> only; full_table(), named
// "full", has them all. By itself it behaves like a hub; a test that wants anything else sets
// `handle`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
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
    // Packets of at least two bytes; presets mtu 100 and lossless 1; options, in this order:
    //   colour  of the network: red (at first), green or blue
    //   frozen  of the network, while no node is connected
    //   age     of the network, read only: 7
    //   label   of a port
    //   rank    of a port, for managers
    //   serial  of a port, read only: its number
    // Views `calls` (what was recorded) and `broken`; statistic `handled`; endpoints in `rooms/`:
    // names of lower-case letters; ports that give a part of their role up are recorded.
    static const ipn_policy& full_table();

    const ipn_host& host;
    std::vector<std::string> calls;  // since the last time that somebody looked: see take_calls()
    std::vector<std::string> take_calls() { return std::exchange(calls, {}); }

    // What the calls answer: 0, or a negative errno value.
    int newnet_answer = 0;
    int resizenet_answer = 0;
    int setsockopt_answer = 0;
    int open_answer = 0;
    // Instead of the port that the host finds.
    std::function<int(ipn_port*, std::uint32_t wanted)> newport;
    std::function<int(ipn_port* from, ipn_msg* msg, int depth)> handle;
    std::function<int(ipn_port* port, std::uint32_t request, std::string_view in, char* out,
                      std::size_t out_size)>
        ioctl;
    // Run at the end of the recorded call of that name ("postnewport", …).
    std::function<void(const std::string& call, ipn_port* port)> within;
    // The same for those that are about a network.
    std::function<void(const std::string& call, ipn_net* net)> within_net;
    // Sets none of these functions any more: what they refer to goes with the test.
    void forget_story();

    std::uint64_t handled = 0;
    // The options that were set: by network, port and name.
    std::map<std::tuple<std::uint64_t, std::uint32_t, std::string>, std::string> values;
};

}  // namespace ipn::test
