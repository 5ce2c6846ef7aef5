#include "switch_world.h"

#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "vdeswitch.h"

namespace ipn::test {

using core::AssumeLoop;
using core::Network;

std::string mac(std::uint32_t station) {
    std::string bytes("\x02\0\0", 3);
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(station >> shift & 0xff);
    return bytes;
}

std::string frame(std::string_view to, std::string_view from, std::string_view payload) {
    return std::string(to) + std::string(from) + "\x08\x06" + std::string(payload);
}

std::string tagged(std::uint16_t control, std::string_view to, std::string_view from,
                   std::string_view payload) {
    std::string bytes = std::string(to) + std::string(from);
    bytes += "\x81";
    bytes += '\0';
    bytes += static_cast<char>(control >> 8);
    bytes += static_cast<char>(control & 0xff);
    return bytes + "\x08\x06" + std::string(payload);
}

SwitchTest::SwitchTest() {
    EXPECT_TRUE(world.registry.policies().add(ipn_vdeswitch_policy(&core::policy_host())));
    EXPECT_EQ(CoreTest::set("policy", "vdeswitch"), 0);
}

void SwitchTest::TearDown() {
    CoreTest::TearDown();
    EXPECT_EQ(lab().backlog(), 0U) << "a packet is still held";
}

int SwitchTest::set(Network& network, std::string_view name, std::string_view value,
                    std::uint32_t number) {
    const AssumeLoop here;
    const auto index = network.policy().find_option(name);
    return code(network.set_policy_option(number, index.value(), value));
}

int SwitchTest::set_port(std::uint32_t number, std::string_view name, std::string_view value) {
    return set(lab(), name, value, number);
}

std::string SwitchTest::get_port(std::uint32_t number, std::string_view name) {
    const AssumeLoop here;
    const auto value = lab().policy_option(number, lab().policy().find_option(name).value());
    return value ? *value : "<" + std::to_string(value.error().code) + ">";
}

std::string SwitchTest::get_net(std::string_view name) {
    return get_port(IPN_PORT_ANY, name);
}

std::map<std::size_t, std::vector<std::string>> SwitchTest::received() {
    std::map<std::size_t, std::vector<std::string>> all;
    for (std::size_t port = 0; port < ports.size(); ++port) {
        while (ports[port]->node().state() != core::Node::State::detached) {
            std::string bytes = ports[port]->read();
            if (bytes == kNothing || bytes == kReset || bytes == kEndOfFile) break;
            all[port].push_back(std::move(bytes));
        }
    }
    return all;
}

std::vector<std::size_t> SwitchTest::sent_to(std::size_t from, const std::string& bytes) {
    received();
    EXPECT_EQ(send(from, bytes), Send::done);
    std::vector<std::size_t> who;
    for (const auto& [port, frames] : received()) {
        EXPECT_THAT(frames, testing::ElementsAre(bytes));
        who.push_back(port);
    }
    return who;
}

void SwitchTest::hear(std::size_t port, std::uint32_t station) {
    EXPECT_EQ(send(port, frame(kEverybody, mac(station))), Send::done);
    received();
}

std::vector<std::size_t> SwitchTest::reached(std::size_t port, std::uint32_t station) {
    const std::string nobody("\x01\0\0\0\0\0", 6);  // no station has a group's address
    return sent_to(port, frame(mac(station), nobody));
}

std::string SwitchTest::view(Network& network, std::string_view name) {
    const AssumeLoop here;
    const core::PolicyCall call(network);
    for (const ipn_view& view : network.policy().views()) {
        if (view.name != name) continue;
        ipn_text text;
        EXPECT_EQ(view.show(core::handle(network), &text), 0);
        return text.bytes;
    }
    return "no such view";
}

std::uint64_t SwitchTest::stat(Network& network, std::string_view name) {
    const AssumeLoop here;
    for (std::size_t index = 0; index < network.policy().stats().size(); ++index)
        if (network.policy().stats()[index].name == name) return network.policy_stat(index);
    ADD_FAILURE() << "no statistic " << name;
    return 0;
}

}  // namespace ipn::test
