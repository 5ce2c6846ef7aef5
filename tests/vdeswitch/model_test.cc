// The switch against a naive one, with random ports, VLANs, settings, times and frames.
//
// The naive one shares no code with it: it keeps what was set as text would have it, knows every
// station by name, and for each frame asks each port what it should get.
#include <algorithm>
#include <optional>
#include <set>

#include "random.h"
#include "switch_world.h"

namespace ipn::test {
namespace {

struct NaivePort {
    bool connected = false;
    int untagged = 0;  // -1: none
    std::set<int> tagged;
    bool isolated = false;
    std::set<std::uint32_t> addresses;  // static ones

    bool trunk() const { return untagged == 0 && tagged.empty(); }
};

struct NaiveStation {
    std::size_t port;
    std::int64_t heard;
};

class NaiveSwitch {
  public:
    using Got = std::map<std::size_t, std::vector<std::string>>;

    explicit NaiveSwitch(std::size_t count) : ports(count) {}

    Got send(std::size_t from, int tag, std::uint32_t to, std::uint32_t by) {
        if (hub) return everybody(from, tag, to, by);
        const int number = tag < 0 ? 0 : tag & 0xfff;
        const int vlan = number == 0 ? ports[from].untagged : number;
        if (vlan < 0 || vlan == 4095 || (number != 0 && !is_in(ports[from], vlan))) return {};
        if (!owner(by)) hear(from, vlan, by);

        Got got;
        const auto only = where(vlan, to);
        for (std::size_t port = 0; port < ports.size(); ++port) {
            const bool kept_apart = ports[from].isolated && ports[port].isolated;
            if (port == from || !ports[port].connected || kept_apart) continue;
            if (!is_in(ports[port], vlan) || (only && *only != port)) continue;
            got[port].push_back(
                bytes(vlan == ports[port].untagged ? untagged_form(tag) : tagged_form(tag, vlan),
                      to, by));
        }
        return got;
    }

    void leaves(std::size_t port) {
        ports[port] = {};
        forget(port);
    }
    void remove_aged() {
        std::erase_if(stations, [&](const auto& s) { return now - s.second.heard >= ageing; });
    }
    void forget(std::size_t port) {
        std::erase_if(stations, [&](const auto& s) { return s.second.port == port; });
    }

    static std::string bytes(int tag, std::uint32_t to, std::uint32_t by) {
        const std::string destination = to == 0 ? kEverybody : mac(to);
        return tag < 0 ? frame(destination, mac(by))
                       : tagged(static_cast<std::uint16_t>(tag), destination, mac(by));
    }

    std::vector<NaivePort> ports;
    std::map<std::pair<int, std::uint32_t>, NaiveStation> stations;
    bool hub = false;
    bool trunk_default = true;
    std::int64_t now = 0;
    std::int64_t ageing = 300'000;
    std::int64_t persistence = 3'000;

    std::optional<std::size_t> owner(std::uint32_t station) const {
        for (std::size_t port = 0; port < ports.size(); ++port)
            if (ports[port].addresses.contains(station)) return port;
        return {};
    }

  private:
    // A frame that has a tag of a VLAN loses it; one that tells its priority only keeps that.
    static int untagged_form(int tag) { return tag >= 0 && (tag & 0xfff) != 0 ? -1 : tag; }
    static int tagged_form(int tag, int vlan) { return tag < 0 ? vlan : (tag & 0xf000) | vlan; }

    Got everybody(std::size_t from, int tag, std::uint32_t to, std::uint32_t by) const {
        Got got;
        for (std::size_t port = 0; port < ports.size(); ++port)
            if (port != from && ports[port].connected) got[port].push_back(bytes(tag, to, by));
        return got;
    }
    bool is_in(const NaivePort& port, int vlan) const {
        if (port.untagged == vlan || port.tagged.contains(vlan)) return true;
        if (!trunk_default || !port.trunk()) return false;
        return std::none_of(ports.begin(), ports.end(), [&](const NaivePort& other) {
            return other.untagged == vlan || other.tagged.contains(vlan);
        });
    }
    std::optional<std::size_t> where(int vlan, std::uint32_t to) const {
        if (to == 0) return {};
        if (const auto port = owner(to); port && is_in(ports[*port], vlan)) return port;
        const auto found = stations.find({vlan, to});
        if (found == stations.end() || now - found->second.heard >= ageing) return {};
        return found->second.port;
    }
    void hear(std::size_t from, int vlan, std::uint32_t by) {
        const auto [found, is_new] = stations.try_emplace({vlan, by}, NaiveStation{from, now});
        NaiveStation& station = found->second;
        const std::int64_t silent = now - station.heard;
        if (is_new || station.port == from || silent >= ageing || silent >= persistence)
            station = {from, now};
    }
};

class ModelTest : public SwitchTest {
  protected:
    static constexpr std::size_t kPorts = 6;

    void run(std::uint64_t seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        sim::Random random(seed);
        NaiveSwitch naive(kPorts);
        ports.assign(kPorts, nullptr);
        for (std::size_t port = 0; port < kPorts; ++port) join_at(naive, port);
        for (int step = 0; step < 300 && !HasFailure(); ++step) {
            if (random.chance(20)) change(random, naive);
            check_frame(random, naive);
        }
        world.everybody_leaves();
        ports.clear();
        for (const char* option : {"hub", "ageing_s", "persistence_ms", "trunk_default"}) {
            const core::AssumeLoop here;
            const auto index = lab().policy().find_option(option);
            set_net(option, lab().policy().options()[*index].initial);
        }
    }

  private:
    static constexpr std::uint32_t kStations = 5;
    // Those of settings, and one that no port names.
    static int any_vlan(sim::Random& random) { return random.of({10, 20, 4094, 30}); }

    void join_at(NaiveSwitch& naive, std::size_t port) {
        ports[port] = &world.join(lab(), Role::both, static_cast<std::uint32_t>(port));
        naive.ports[port].connected = true;
    }
    void change(sim::Random& random, NaiveSwitch& naive) {
        const std::size_t port = random.below(kPorts);
        NaivePort& its = naive.ports[port];
        const auto number = static_cast<std::uint32_t>(port);
        switch (random.below(9)) {
            case 0: {
                const int vlan = random.of({-1, 0, 0, 10, 20});
                set_port(number, "untagged", vlan < 0 ? "none" : std::to_string(vlan));
                if (its.untagged != vlan) naive.forget(port);
                its.untagged = vlan;
                break;
            }
            case 1: {
                std::set<int> vlans;
                std::string text;
                for (unsigned count = random.below(3); count > 0; --count) {
                    vlans.insert(random.of({10, 20, 4094}));
                    text += ' ' + std::to_string(*vlans.rbegin());
                }
                for (const int vlan : vlans) text += ' ' + std::to_string(vlan);
                set_port(number, "tagged", text);
                if (its.tagged != vlans) naive.forget(port);
                its.tagged = vlans;
                break;
            }
            case 2:
                its.isolated = random.chance(50);
                set_port(number, "isolated", its.isolated ? "1" : "0");
                break;
            case 3: {
                const std::uint32_t station = 1 + random.below(kStations);
                const auto owner = naive.owner(station);
                const int answer = set_port(number, "static", static_address(station));
                const bool possible = !owner || *owner == port;
                ASSERT_EQ(answer, possible ? 0 : EINVAL);
                if (possible) its.addresses = {station};
                break;
            }
            case 4:
                set_port(number, "static", "");
                its.addresses.clear();
                break;
            case 5:
                ports[port]->leave();
                naive.leaves(port);
                join_at(naive, port);
                break;
            case 6:
                naive.hub = random.chance(30);
                set_net("hub", naive.hub ? "1" : "0");
                break;
            case 7:
                naive.trunk_default = random.chance(70);
                set_net("trunk_default", naive.trunk_default ? "1" : "0");
                break;
            default:
                naive.remove_aged();
                naive.ageing = 1000 * random.between(1, 10);
                naive.persistence = random.below(3000);
                set_net("ageing_s", std::to_string(naive.ageing / 1000));
                set_net("persistence_ms", std::to_string(naive.persistence));
                naive.remove_aged();
        }
    }
    static std::string static_address(std::uint32_t station) {
        return "02:00:00:00:00:0" + std::to_string(station);
    }
    void check_frame(sim::Random& random, NaiveSwitch& naive) {
        if (random.chance(30)) {
            const unsigned time = random.below(3000);
            naive.now += time;
            world.advance(std::chrono::milliseconds(time));
        }
        const std::size_t from = random.below(kPorts);
        const int priority = static_cast<int>(random.below(16)) << 12;
        const int tag = random.chance(40)   ? -1
                        : random.chance(10) ? priority | random.of({0, 4095})
                                            : priority | any_vlan(random);
        const std::uint32_t to = random.below(kStations + 1);
        const std::uint32_t by = 1 + random.below(kStations);
        ASSERT_EQ(send(from, NaiveSwitch::bytes(tag, to, by)), Send::done);
        ASSERT_EQ(received(), naive.send(from, tag, to, by))
            << "from " << from << " tag " << tag << " to " << to << " by " << by;
    }
};

TEST_F(ModelTest, AgreesWithTheNaiveSwitch) {
    for (std::uint64_t seed = 1; seed <= 200 && !HasFailure(); ++seed) run(seed);
}

}  // namespace
}  // namespace ipn::test
