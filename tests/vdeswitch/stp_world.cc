#include "stp_world.h"

namespace ipn::test {
namespace {

bool is_there(TestEndpoint& endpoint) {
    return endpoint.node().state() == core::Node::State::connected;
}

// Everything that waits, frame by frame.
std::vector<std::string> drain(TestEndpoint& endpoint) {
    std::vector<std::string> frames;
    while (is_there(endpoint)) {
        std::string bytes = endpoint.read();
        if (bytes == kNothing) break;
        frames.push_back(std::move(bytes));
    }
    return frames;
}

int carry(TestEndpoint& from, TestEndpoint& to, bool dead) {
    int moved = 0;
    for (const std::string& bytes : drain(from)) {
        ++moved;
        if (!dead && is_there(to)) to.write(bytes);
    }
    return moved;
}

}  // namespace

int StpTest::pump() {
    int moved = 0;
    for (int now = 1; now > 0 && moved < kStorm; moved += now) {
        now = 0;
        world.run_work();
        for (Wire& each : wires) {
            now += carry(*each.a, *each.b, each.dead);
            now += carry(*each.b, *each.a, each.dead);
        }
    }
    return moved;
}

std::vector<int> StpTest::reached(TestEndpoint& from) {
    static std::uint32_t serial = 0;
    const std::string payload = "broadcast " + std::to_string(++serial);
    const std::string bytes = frame(kEverybody, mac(0x777), payload);
    for (TestEndpoint* each : hosts) drain(*each);
    from.write(bytes);
    EXPECT_LT(pump(), kStorm);
    std::vector<int> counts;
    for (TestEndpoint* each : hosts) {
        int count = 0;
        for (const std::string& got : drain(*each)) count += got == bytes ? 1 : 0;
        counts.push_back(count);
    }
    return counts;
}

bool StpTest::is_tree() {
    for (TestEndpoint* from : hosts) {
        const std::vector<int> counts = reached(*from);
        for (std::size_t i = 0; i < hosts.size(); ++i)
            if (counts[i] != (hosts[i] == from ? 0 : 1)) return false;
    }
    return true;
}

std::string StpTest::column(std::size_t at, std::string_view name, const std::string& port) {
    std::istringstream lines(view(*switches[at], "stp"));
    std::string line;
    std::getline(lines, line);
    std::istringstream header(line);
    std::size_t wanted = 0;
    for (std::string word; header >> word && word != name;) ++wanted;
    while (std::getline(lines, line)) {
        std::istringstream row(line);
        std::vector<std::string> words;
        for (std::string word; row >> word;) words.push_back(word);
        if (words.at(0) == port) return words.at(wanted);
    }
    return "";
}

}  // namespace ipn::test
