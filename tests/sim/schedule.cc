#include "schedule.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

namespace ipn::sim {
namespace {

using core::Role;

std::size_t memory_limit(Random& random) {
    return random.chance(60) ? std::size_t{1} << 30 : random.between(500, 5000);
}

std::string any_name(Random& random) {
    return random.chance(95) ? random.of({"a", "b", "c", "d"})
                             : random.of({"", ".a", "a/b", "ä", "-._0Zz"});
}

struct Choice {
    const char* option;
    std::vector<const char*> values;
};

// Small numbers, so that everything is soon full, and some values that are refused.
const std::vector<Choice> kShape{
    {"mtu", {"1", "4", "20", "300", "0", "65536"}},
    {"type", {"packet", "packet", "stream", "Stream"}},
    {"lossless", {"0", "1", "1", "2"}},
    {"msgpoolsize", {"1", "2", "3", "6", "", "07"}},
};
const std::vector<Choice> kAnyTime{
    {"numnodes", {"1", "2", "4", "8", "65535", "0"}},
    {"eof", {"never", "last-writer", "last-writer", "1"}},
    {"minreaders", {"0", "0", "1", "2", "-1"}},
    {"stall_timeout_ms", {"0", "5", "20", "20", "4294967296"}},
    {"overrun_error", {"0", "1", "yes"}},
    {"short_read", {"keep", "truncate"}},
    {"retain", {"0", "1", "2", "5", "65536"}},
    {"linktype", {"ethernet", "user0", "user1"}},
    {"ephemeral", {"0", "0", "0", "1"}},
};

}  // namespace

struct Schedule::Step {
    unsigned weight;
    void (*run)(Schedule&);
};

// What happens, and how often compared to the others.
const Schedule::Step Schedule::kSteps[] = {
    {2, [](Schedule& s) { s.create(); }},
    {12, [](Schedule& s) { s.join(); }},
    {40, [](Schedule& s) { s.write(); }},
    {40, [](Schedule& s) { s.read(); }},
    {4, [](Schedule& s) { s.both_.leave(s.any_node()); }},
    {2, [](Schedule& s) { s.both_.cut(s.any_node()); }},
    {2,
     [](Schedule& s) {
         s.both_.narrow(s.any_node(),
                        s.random_.of({Role::none, Role::reader, Role::writer, Role::both}));
     }},
    {1,
     [](Schedule& s) {
         s.both_.describe(s.any_node(), s.random_.of({"one", "two", "two\nlines"}));
     }},
    {8,
     [](Schedule& s) {
         const int node = s.any_node();
         const std::size_t writes = s.both_.actors().at(node)->writes.size();
         if (writes > 0) s.both_.interrupt(node, s.random_.below(writes));
     }},
    {8, [](Schedule& s) { s.set_option(); }},
    {1,
     [](Schedule& s) {
         const Choice& choice = s.random_.any(s.random_.chance(50) ? kShape : kAnyTime);
         s.both_.set_default(choice.option, s.random_.any(choice.values));
     }},
    {2, [](Schedule& s) { s.both_.reserve(s.any_network(), s.random_.below(5)); }},
    {2, [](Schedule& s) { s.both_.unreserve(s.any_network(), s.random_.below(5)); }},
    {1, [](Schedule& s) { s.both_.rename(s.any_network(), any_name(s.random_)); }},
    {1, [](Schedule& s) { s.both_.remove(s.any_network(), s.random_.chance(50)); }},
    {1, [](Schedule& s) { s.both_.shut_down(s.any_network()); }},
    {1, [](Schedule& s) { s.both_.destroy(s.any_network()); }},
    {10, [](Schedule& s) { s.both_.advance(s.random_.between(1, 15)); }},
    {12, [](Schedule& s) { s.both_.run_one(); }},
    {12,
     [](Schedule& s) {
         s.both_.run_all();
         s.both_.check_rest();
     }},
    {10, [](Schedule& s) { s.write_large(); }},
};

Schedule::Schedule(std::uint64_t seed, bool tracing)
    : random_(seed), both_(memory_limit(random_), tracing) {
    for (const Step& step : kSteps)
        weights_.push_back(step.weight * random_.of({0U, 1U, 2U, 2U, 2U, 6U}));
    for (const std::size_t needed : {1, 2, 3}) weights_[needed] = std::max(weights_[needed], 10U);
}

const std::string& Schedule::run(int steps) {
    create();
    for (; steps_done_ < steps && both_.difference().empty(); ++steps_done_) {
        random_step();
        both_.check();
    }
    if (both_.difference().empty()) both_.wind_up();
    return both_.difference();
}

void Schedule::random_step() {
    if (both_.model().networks.empty()) return create();
    if (both_.actors().empty()) return join();
    unsigned total = 0;
    for (const unsigned weight : weights_) total += weight;
    unsigned drawn = random_.below(total);
    std::size_t step = 0;
    while (drawn >= weights_[step]) drawn -= weights_[step++];
    kSteps[step].run(*this);
}

int Schedule::any_network() {
    return random_.any(both_.model().networks).first;
}
int Schedule::any_node() {
    return random_.any(both_.actors()).first;
}

// A new network, shaped at once.
void Schedule::create() {
    both_.create(any_name(random_));
    if (both_.model().networks.empty()) return;
    const int network = std::prev(both_.model().networks.end())->first;
    for (const std::vector<Choice>* choices : {&kShape, &kAnyTime}) {
        for (const Choice& choice : *choices)
            if (random_.chance(60))
                both_.set_option(network, choice.option, random_.any(choice.values));
    }
}

void Schedule::join() {
    std::optional<unsigned> port;
    if (random_.chance(25)) port = random_.below(5);
    const Role role = random_.of({Role::reader, Role::reader, Role::writer, Role::writer,
                                  Role::both, Role::both, Role::none});
    both_.join(any_network(), {.role = role,
                               .port = port,
                               .uid = random_.between(1, 3),
                               .framed = random_.chance(30),
                               .offloads = random_.chance(30),
                               .leaves_when_called = random_.chance(4)});
}

void Schedule::write() {
    using IfBlocked = Both::IfBlocked;
    const int node = any_node();
    const auto network = both_.model().nodes.at(node).network;
    const Model::Options& options = both_.model().networks.at(network).options;
    const unsigned mtu = std::min(options.mtu, Both::kPacketMax);
    const unsigned length =
        random_.chance(70) ? random_.between(1, mtu) : random_.between(1, 3 * mtu);
    both_.write(
        node, options.mtu > mtu ? std::min(length, mtu) : length,
        random_.of({IfBlocked::give_up, IfBlocked::watch, IfBlocked::wait, IfBlocked::wait}));
}

void Schedule::write_large() {
    const int node = any_node();
    both_.write_large(
        node, {.ipv6 = random_.chance(50),
               .tcp = random_.chance(50),
               .payload = random_.between(1, Both::kPayloadMax),
               .segment_size = random_.chance(25) ? 0 : random_.between(Both::kSegmentMin, 200)});
}

void Schedule::read() {
    const int node = any_node();
    const unsigned space = random_.chance(60) ? Both::kPacketMax : random_.between(1, 10);
    if (random_.chance(70))
        both_.read(node, space);
    else
        both_.read_or_park(node, space);
}

void Schedule::set_option() {
    const Choice& choice = random_.any(random_.chance(25) ? kShape : kAnyTime);
    both_.set_option(any_network(), choice.option, random_.any(choice.values));
}

}  // namespace ipn::sim
