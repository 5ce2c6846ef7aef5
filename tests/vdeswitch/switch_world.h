// SwitchTest: the fixture of stories about an Ethernet switch.
//
// A World whose network "lab" has the policy vdeswitch, frames that are told by who sends them to
// whom, and who got what. Frames are told apart by a serial number in their payload.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/policies.h"
#include "world.h"

namespace ipn::test {

// The six bytes of a station's address: 02:00:00 and its number.
std::string mac(std::uint32_t station);
inline const std::string kEverybody = "\xff\xff\xff\xff\xff\xff";

// A tag's content.
constexpr std::uint16_t control(unsigned vlan, unsigned priority = 0, bool drop_eligible = false) {
    return static_cast<std::uint16_t>(priority << 13 | (drop_eligible ? 1U << 12 : 0U) | vlan);
}
std::string frame(std::string_view to, std::string_view from, std::string_view payload = "payload");
std::string tagged(std::uint16_t control, std::string_view to, std::string_view from,
                   std::string_view payload = "payload");

class SwitchTest : public CoreTest {
  protected:
    SwitchTest();
    void TearDown() override;

    // ---- options, as text; errno values
    core::Network& lan() { return lab(); }
    int set_net(std::string_view name, std::string_view value) { return set(lab(), name, value); }
    int set_port(std::uint32_t number, std::string_view name, std::string_view value);
    std::string get_net(std::string_view name);
    std::string get_port(std::uint32_t number, std::string_view name);
    int set(core::Network& network, std::string_view name, std::string_view value,
            std::uint32_t number = IPN_PORT_ANY);
    using CoreTest::set;

    // ---- ports: those with numbers 0, 1, …
    void join(std::size_t count) {
        while (ports.size() < count) ports.push_back(&both());
    }
    void leave(std::size_t number) { ports[number]->leave(); }

    // ---- frames
    Send send(std::size_t port, const std::string& bytes) { return ports[port]->write(bytes); }
    // What each port got since the last look, for those that got any: every frame as it is.
    std::map<std::size_t, std::vector<std::string>> received();
    // The ports that got exactly `bytes` and nothing else.
    std::vector<std::size_t> sent_to(std::size_t from, const std::string& bytes);
    // Lets `station` be heard at `port`.
    void hear(std::size_t port, std::uint32_t station);
    // Where a frame to `station` goes that `port` sends, which is not learned from.
    std::vector<std::size_t> reached(std::size_t port, std::uint32_t station);

    std::string view(std::string_view name) { return view(lab(), name); }
    std::string view(core::Network& network, std::string_view name);
    std::uint64_t stat(std::string_view name) { return stat(lab(), name); }
    std::uint64_t stat(core::Network& network, std::string_view name);

    std::vector<TestEndpoint*> ports;
};

}  // namespace ipn::test
