// Fuzz target: frames of any kind through an Ethernet switch, with and without a spanning tree.
//
// The first byte chooses settings; then come frames, each behind two bytes: who sends it, and how
// long it is. In between time passes. Whatever is sent, nobody gets what it sent itself, nor a
// frame of a VLAN that its port is not in, or in a form that its port does not have; the table
// stays within its limit, and no packet is left behind.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpdu.h"
#include "core/check.h"
#include "core/on_loop.h"
#include "core/policies.h"
#include "ethernet.h"
#include "vdeswitch.h"
#include "world.h"

namespace {

using ipn::core::Role;
using ipn::test::TestEndpoint;
using ipn::test::World;
using namespace ipn::vdeswitch;

using Bytes = std::span<const unsigned char>;
constexpr std::size_t kPorts = 4;
constexpr std::uint64_t kStations = 8;

Bytes bytes_of(const std::string& text) {
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

// What a BPDU says survives being written and read.
void check_bpdu(Bytes frame) {
    if (frame.size() < Header::kLengthMin) return;
    const auto bpdu = Bpdu::read(frame);
    if (!bpdu) return;
    const Bpdu::Frame written = bpdu->write(1);
    const auto again = Bpdu::read(std::span(written.bytes).first(written.length));
    IPN_CHECK(again && again->type == bpdu->type && again->vector == bpdu->vector);
    IPN_CHECK(again->times == bpdu->times && again->role == bpdu->role);
}

class Fuzzed {
  public:
    explicit Fuzzed(unsigned settings) : stp_((settings & 1) != 0) {
        const auto added =
            world_.registry.policies().add(ipn_vdeswitch_policy(&ipn::core::policy_host()));
        IPN_CHECK(added);
        IPN_CHECK(world_.set(lab(), "policy", "vdeswitch") == 0);
        for (auto*& port : ports_) port = &world_.join(lab(), Role::both);
        set("table_size", std::to_string(kStations));
        if (stp_) set("stp", "1");
        if ((settings & 2) != 0) set("trunk_default", "0");
        if ((settings & 4) != 0) set("static", "02:00:00:00:00:01", 0);
        if ((settings & 8) != 0) set("isolated", "1", 1);
        // 0 takes and sends nothing with a tag, 1 nothing without; 2 both; 3 is as at first.
        set("untagged", "10", 0);
        set("untagged", "none", 1);
        set("tagged", "10 20", 1);
        set("untagged", "10", 2);
        set("tagged", "20", 2);
        forget();
    }
    ~Fuzzed() {
        world_.everybody_leaves();
        IPN_CHECK(world_.registry.memory().used() == 0);
        IPN_CHECK(lab().backlog() == 0);
    }

    void send(std::size_t from, const std::string& frame) {
        check_bpdu(bytes_of(frame));
        ports_[from]->write(frame);
        world_.run_work();
        for (std::size_t to = 0; to < kPorts; ++to)
            for (std::string got = ports_[to]->read(); got != TestEndpoint::kNothing;
                 got = ports_[to]->read())
                check(from, to, frame, got);
        IPN_CHECK(stations() <= kStations);
    }
    void pass(std::chrono::milliseconds time) {
        world_.advance(time);
        forget();
    }

  private:
    ipn::core::Network& lab() { return *world_.registry.find("lab"); }
    void set(std::string_view name, std::string_view value, std::uint32_t number = IPN_PORT_ANY) {
        const ipn::core::AssumeLoop here;
        const auto index = lab().policy().find_option(name);
        IPN_CHECK(lab().set_policy_option(number, index.value(), value).has_value());
    }
    std::uint64_t stations() {
        const ipn::core::AssumeLoop here;
        for (std::size_t i = 0; i < lab().policy().stats().size(); ++i)
            if (lab().policy().stats()[i].name == std::string_view("stations"))
                return lab().policy_stat(i);
        return ~std::uint64_t{0};
    }
    void forget() {
        world_.run_work();
        for (TestEndpoint* port : ports_)
            while (port->read() != TestEndpoint::kNothing) continue;
    }
    void check(std::size_t from, std::size_t to, const std::string& sent,
               const std::string& got) const {
        const auto header = Header::read(bytes_of(got));
        IPN_CHECK(header.has_value());
        if (stp_ && header->destination == kBridgeGroup) {
            // The switch's own, which goes to whom it is about; nobody else's.
            IPN_CHECK(header->source != Header::read(bytes_of(sent))->source);
            return;
        }
        IPN_CHECK(to != from);
        IPN_CHECK(got.substr(0, 12) == sent.substr(0, 12));
        const bool in_vlan = header->tagged && header->vlan() != kUntaggedVlan;
        const Vlan vlan = header->vlan();
        if (to == 0) IPN_CHECK(!in_vlan);
        if (to == 1) IPN_CHECK(in_vlan && (vlan == 10 || vlan == 20));
        if (to == 2) IPN_CHECK(!in_vlan || vlan == 20);
        if (to == 3) IPN_CHECK(!in_vlan || (vlan != 10 && vlan != 20));
        if (from == 0 && to == 3) IPN_CHECK(false);
    }

    const bool stp_;
    World world_;
    std::array<TestEndpoint*, kPorts> ports_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    Fuzzed fuzzed(data[0]);
    for (std::size_t at = 1; at + 2 <= size;) {
        const std::uint8_t who = data[at];
        const std::size_t length = std::min<std::size_t>(data[at + 1], size - at - 2);
        const std::string frame(reinterpret_cast<const char*>(data) + at + 2, length);
        at += 2 + length;
        if (!frame.empty()) fuzzed.send(who % kPorts, frame);
        if (who >= 0x80) fuzzed.pass(std::chrono::milliseconds(10 * (who & 0x7f)));
    }
    return 0;
}
