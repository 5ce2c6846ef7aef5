#include "model.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "frames.h"

namespace ipn::sim {
namespace {

using Options = Model::Options;

struct Rule {
    std::string name;
    unsigned Options::*value;
    std::vector<std::string> choices;  // empty: a number
    unsigned min, max;
    bool only_unconnected;
};

const std::vector<std::string> kSwitch{"0", "1"};
const std::vector<Rule> kRules{
    {"mtu", &Options::mtu, {}, 1, 65535, true},
    {"type", &Options::type, {"packet", "stream"}, 0, 0, true},
    {"lossless", &Options::lossless, kSwitch, 0, 0, true},
    {"msgpoolsize", &Options::msgpoolsize, {}, 1, 65535, true},
    {"numnodes", &Options::numnodes, {}, 1, 65535, false},
    {"eof", &Options::eof, {"never", "last-writer"}, 0, 0, false},
    {"minreaders", &Options::minreaders, {}, 0, 4294967295, false},
    {"stall_timeout_ms", &Options::stall_timeout_ms, {}, 0, 4294967295, false},
    {"overrun_error", &Options::overrun_error, kSwitch, 0, 0, false},
    {"short_read", &Options::short_read, {"keep", "truncate"}, 0, 0, false},
    {"retain", &Options::retain, {}, 0, 65535, false},
    {"linktype", &Options::linktype, {"ethernet", "user0"}, 0, 0, false},
    {"ephemeral", &Options::ephemeral, kSwitch, 0, 0, false},
};

const Rule& rule(const std::string& name) {
    return *std::find_if(kRules.begin(), kRules.end(),
                         [&](const Rule& candidate) { return candidate.name == name; });
}

std::optional<unsigned> parse(const Rule& rule, const std::string& text) {
    for (unsigned i = 0; i < rule.choices.size(); ++i)
        if (text == rule.choices[i]) return i;
    if (!rule.choices.empty() || text.empty() || text.size() > 10) return std::nullopt;
    unsigned long long value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (std::to_string(value) != text || value < rule.min || value > rule.max) return std::nullopt;
    return static_cast<unsigned>(value);
}

int check_name(const std::string& name) {
    if (name.size() > 63) return ENAMETOOLONG;
    if (name.empty() || name[0] == '.') return EINVAL;
    for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '.' && c != '_' && c != '-') return EINVAL;
    }
    return 0;
}

}  // namespace

Model::Model(std::size_t memory_limit, std::size_t networks_max, std::vector<std::size_t> cost)
    : memory_limit_(memory_limit), networks_max_(networks_max), cost_(std::move(cost)) {}

// ---- networks

bool Model::named(const std::string& name) const {
    for (const auto& [id, network] : networks)
        if (network.name == name) return true;
    return false;
}

int Model::create(int network, const std::string& name) {
    if (const int error = check_name(name); error != 0) return error;
    if (named(name)) return EEXIST;
    if (networks.size() >= networks_max_) return ENOSPC;
    networks[network] = {.name = name, .options = defaults_};
    update_gate(network);
    return 0;
}

int Model::rename(int network, const std::string& name) {
    if (const int error = check_name(name); error != 0) return error;
    if (named(name)) return EEXIST;
    if (!networks.at(network).name) return ENOENT;
    networks.at(network).name = name;
    return 0;
}

int Model::unlink(int network) {
    if (!connected(network).empty()) return EBUSY;
    networks.at(network).name.reset();
    return 0;
}

void Model::restore_name(int network, const std::string& name) {
    networks.at(network).name = name;
}

void Model::destroy(int network) {
    networks.at(network).name.reset();
    shut_down(network);
}

void Model::shut_down(int network) {
    forget_retained(networks.at(network), 0);
    for (const int node : connected(network)) nodes.at(node).state = State::ended;
    networks.at(network).up = false;
    network_may_go(network);
}

void Model::network_may_go(int network) {
    Network& it = networks.at(network);
    if (it.up) return;
    for (const auto& [id, node] : nodes)
        if (node.network == network) return;
    networks.erase(network);
}

// ---- nodes

std::vector<int> Model::connected(int network) const {
    std::vector<int> found;
    for (const auto& [id, node] : nodes)
        if (node.network == network && node.state == State::connected) found.push_back(id);
    return found;
}

unsigned Model::readers(int network) const {
    unsigned count = 0;
    for (const int node : connected(network)) count += nodes.at(node).reads;
    return count;
}

unsigned Model::writers(int network) const {
    unsigned count = 0;
    for (const int node : connected(network)) count += nodes.at(node).writes;
    return count;
}

bool Model::taken(int network, unsigned number) const {
    for (const int node : connected(network))
        if (nodes.at(node).number == number) return true;
    return networks.at(network).reserved.count(number) != 0;
}

unsigned Model::ports_end(int network) const {
    unsigned end = 0;
    for (const int node : connected(network)) end = std::max(end, nodes.at(node).number + 1);
    for (const auto& [number, description] : networks.at(network).reserved)
        end = std::max(end, number + 1);
    return end;
}

int Model::join(int id, int network, bool reads, bool writes, std::optional<unsigned> port,
                unsigned uid, bool framed, bool offloads) {
    Network& it = networks.at(network);
    if (!it.up) return EPIPE;
    unsigned number = 0;
    if (port) {
        number = *port;
        for (const int node : connected(network))
            if (nodes.at(node).number == number) return EADDRINUSE;
    } else {
        while (taken(network, number)) ++number;
    }
    if (number >= it.options.numnodes) return EADDRNOTAVAIL;

    Node node{.network = network,
              .number = number,
              .uid = uid,
              .reads = reads,
              .writes = writes,
              .framed = framed,
              .offloads = offloads};
    node.saw_another_writer = writers(network) > 0;
    if (it.reserved.count(number) != 0) node.description = it.reserved.at(number);
    if (writes)
        for (const int other : connected(network)) nodes.at(other).saw_another_writer = true;
    nodes.emplace(id, node);
    update_gate(network);
    offer_retained(nodes.at(id));
    return 0;
}

void Model::leave(int id) {
    const int network = nodes.at(id).network;
    const std::size_t before = memory_used();
    nodes.erase(id);
    networks.at(network).watchers.erase(id);
    if (memory_used() < before) memory_was_freed();
    update_gate(network);
    const Network& it = networks.at(network);
    if (it.up && it.options.ephemeral != 0 && connected(network).empty())
        destroy(network);
    else
        network_may_go(network);
}

void Model::cut(int id) {
    Node& node = nodes.at(id);
    if (node.state != State::connected) return;
    const std::size_t before = memory_used();
    node.state = State::cut;
    networks.at(node.network).watchers.erase(id);
    node.queue.clear();
    if (memory_used() < before) memory_was_freed();
    update_gate(node.network);
}

int Model::narrow(int id, bool reads, bool writes) {
    Node& node = nodes.at(id);
    if ((reads && !node.reads) || (writes && !node.writes)) return EPERM;
    if (node.reads && !reads) {
        const std::size_t before = memory_used();
        node.queue.clear();
        if (memory_used() < before) memory_was_freed();
        node.read_of_front = node.frames_read = 0;
        node.lost_at_end = false;
    }
    node.reads = reads;
    node.writes = writes;
    update_gate(node.network);
    return 0;
}

int Model::describe(int id, const std::string& text) {
    Node& node = nodes.at(id);
    if (text.size() > 127 || text.find('\n') != text.npos) return EINVAL;
    node.description = text;
    Network& network = networks.at(node.network);
    if (node.state == State::connected && network.reserved.count(node.number) != 0)
        network.reserved[node.number] = text;
    return 0;
}

int Model::reserve(int network, unsigned number) {
    Network& it = networks.at(network);
    if (number >= it.options.numnodes) return EADDRNOTAVAIL;
    if (taken(network, number)) return EADDRINUSE;
    if (!it.up) return EPIPE;
    it.reserved[number] = "";
    return 0;
}

void Model::unreserve(int network, unsigned number) {
    networks.at(network).reserved.erase(number);
}

// Option minreaders: open once so many readers were there, closed again when nobody is left.
void Model::update_gate(int network) {
    Network& it = networks.at(network);
    if (readers(network) == 0 && writers(network) == 0) it.gate_open = false;
    if (readers(network) >= it.options.minreaders) it.gate_open = true;
}

// ---- packets

std::size_t Model::waiting_packets(int network) const {
    std::set<std::uint64_t> ids;
    for (const auto& [id, node] : nodes)
        if (node.network == network)
            for (const Packet& packet : node.queue)
                if (!packet.retained) ids.insert(packet.id);
    return ids.size();
}

std::optional<std::uint64_t> Model::oldest(int network) const {
    std::optional<std::uint64_t> oldest;
    for (const auto& [id, node] : nodes)
        if (node.network == network)
            for (const Packet& packet : node.queue)
                if (!packet.retained) oldest = std::min(oldest.value_or(UINT64_MAX), packet.id);
    return oldest;
}

std::size_t Model::memory_used(std::optional<unsigned> uid) const {
    return memory_of(uid, false);
}

std::size_t Model::memory_retained(std::optional<unsigned> uid) const {
    return memory_of(uid, true);
}

std::size_t Model::memory_of(std::optional<unsigned> uid, bool retained) const {
    std::map<std::uint64_t, std::size_t> cost;
    const auto count = [&](const Packet& packet) {
        const bool asked = packet.retained == retained && (!uid || packet.payer == *uid);
        if (asked) cost[packet.id] = cost_of(packet);
    };
    for (const auto& [id, node] : nodes)
        for (const Packet& packet : node.queue) count(packet);
    for (const auto& [id, network] : networks)
        for (const Packet& packet : network.retained) count(packet);
    std::size_t sum = 0;
    for (const auto& [id, bytes] : cost) sum += bytes;
    return sum;
}

std::size_t Model::cost_of(const Packet& packet) const {
    std::size_t cost = cost_.at(packet.bytes.size());
    if (packet.cut)
        for (const std::string& frame : packet.frames) cost += cost_.at(frame.size());
    return cost;
}

std::size_t Model::accounts() const {
    std::set<unsigned> uids;
    for (const auto& [id, node] : nodes) {
        uids.insert(node.uid);
        for (const Packet& packet : node.queue) uids.insert(packet.payer);
    }
    for (const auto& [id, network] : networks)
        for (const Packet& packet : network.retained) uids.insert(packet.payer);
    return uids.size();
}

bool Model::memory_for(unsigned uid, std::size_t length) const {
    return memory_for_cost(uid, std::min(cost_.at(length), memory_limit_ / 2));
}

bool Model::memory_for_cost(unsigned uid, std::size_t cost) const {
    return memory_used() + cost <= memory_limit_ && memory_used(uid) + cost <= memory_limit_ / 2;
}

// Who stepped aside for want of memory is tried first, when the line moves next.
void Model::memory_was_freed() {
    for (auto& [id, network] : networks) {
        network.line.insert(network.line.begin(), network.lacking_memory.begin(),
                            network.lacking_memory.end());
        network.lacking_memory.clear();
    }
}

bool Model::full(int network) const {
    const Options& options = networks.at(network).options;
    return options.lossless != 0 && waiting_packets(network) >= options.msgpoolsize;
}

bool Model::has_room(int network) const {
    return networks.at(network).gate_open && !full(network);
}

bool Model::would_block(int id, std::size_t length, bool head_of_line) const {
    const Node& node = nodes.at(id);
    const Network& network = networks.at(node.network);
    if (!head_of_line && !network.line.empty()) return true;
    if (!has_room(node.network)) return true;
    length = std::min<std::size_t>(length, network.options.mtu);
    const bool fits_ever = cost_.at(length) <= memory_limit_ / 2;
    return network.options.lossless != 0 && fits_ever && !memory_for(node.uid, length);
}

std::optional<Model::Outcome> Model::why_never(const Node& node) const {
    if (node.state == State::cut) return Outcome::reset;
    if (node.state == State::ended || !node.writes) return Outcome::closed;
    return {};
}

Model::Sent Model::send(int id, std::string_view data, bool head_of_line) {
    Node& node = nodes.at(id);
    const Network& network = networks.at(node.network);
    const std::size_t mtu = network.options.mtu;
    if (const auto reason = why_never(node)) return {*reason};
    if (network.options.type == 0 && data.size() > mtu) return {Outcome::too_long};

    Sent sent;
    while (sent.taken < data.size()) {
        const std::string_view piece = data.substr(sent.taken, mtu);
        if (would_block(id, piece.size(), head_of_line))
            sent.outcome = Outcome::would_block;
        else if (cost_.at(piece.size()) > memory_limit_ / 2)
            sent.outcome = Outcome::never_fits;
        if (sent.outcome != Outcome::done) break;
        const bool kept =
            broadcast(node, {++last_packet_, node.number, node.uid, std::string(piece), false});
        if (!kept) memory_was_freed();
        ++node.sent;
        sent.taken += piece.size();
    }
    return sent;
}

Model::Sent Model::send_large(int id, const std::string& bytes,
                              const std::vector<std::string>& frames) {
    Node& node = nodes.at(id);
    const Network& network = networks.at(node.network);
    if (const auto reason = why_never(node)) return {*reason};
    for (const std::string& frame : frames)
        if (frame.size() > network.options.mtu) return {Outcome::too_long};
    if (!network.line.empty() || !has_room(node.network)) return {Outcome::would_block};
    if (cost_.at(bytes.size()) > memory_limit_ / 2) return {Outcome::never_fits};
    if (network.options.lossless != 0 && !memory_for(node.uid, bytes.size()))
        return {Outcome::would_block};
    const bool kept =
        broadcast(node, {++last_packet_, node.number, node.uid, bytes, false, frames});
    if (!kept) memory_was_freed();
    ++node.sent;
    return {Outcome::done, bytes.size()};
}

bool Model::wants(const Node& node, const Node& from) const {
    const bool there = node.network == from.network && node.state == State::connected;
    return there && node.reads && &node != &from;
}

bool Model::queue_is_full(const Node& node) const {
    const Options& options = networks.at(node.network).options;
    return options.lossless == 0 && node.queue.size() >= options.msgpoolsize;
}

bool Model::reads_frames(const Node& node, const Packet& packet) {
    return !packet.frames.empty() && !node.offloads;
}

// False if a packet had memory and nobody took it.
bool Model::broadcast(const Node& from, Packet packet) {
    const Options& options = networks.at(from.network).options;
    const bool memory = memory_for(from.uid, packet.bytes.size());
    // The frames are all or none. Lossless networks have taken the packet, and must make them.
    for (const auto& [number, node] : nodes) {
        const bool cuts = wants(node, from) && reads_frames(node, packet) && !queue_is_full(node);
        if (cuts && memory) packet.cut = true;
    }
    if (options.lossless == 0 && !memory_for_cost(from.uid, cost_of(packet))) packet.cut = false;
    bool kept = !memory;
    for (auto& [number, node] : nodes) {
        if (!wants(node, from)) continue;
        const bool frames = reads_frames(node, packet);
        if (!memory || queue_is_full(node) || (frames && !packet.cut)) {
            node.dropped += frames ? static_cast<unsigned>(packet.frames.size()) : 1;
            node.lost_at_end = true;
        } else {
            packet.lost_before = std::exchange(node.lost_at_end, false);
            node.queue.push_back(packet);
            kept = true;
        }
    }
    retain(networks.at(from.network), packet, memory);
    return kept;
}

// ---- option retain

// An eighth of the memory for each user, a quarter in all, and none of what packets can have.
bool Model::memory_to_retain(unsigned uid, std::size_t cost) const {
    return memory_retained(std::nullopt) + cost <= memory_limit_ / 4 &&
           memory_retained(uid) + cost <= memory_limit_ / 8;
}

void Model::forget_retained(Network& network, std::size_t but) {
    while (network.retained.size() > but) network.retained.pop_front();
}

void Model::retain(Network& network, const Packet& packet, bool memory) {
    if (network.options.retain == 0) return;
    forget_retained(network, network.options.retain - 1);
    if (!memory) return;
    while (!memory_to_retain(packet.payer, cost_.at(packet.bytes.size()))) {
        if (network.retained.empty()) return;
        network.retained.pop_front();
    }
    network.retained.push_back({.id = ++last_packet_,
                                .from = packet.from,
                                .payer = packet.payer,
                                .bytes = packet.bytes,
                                .lost_before = false,
                                .frames = packet.frames,
                                .retained = true});
}

void Model::cut_everywhere(std::uint64_t id) {
    const auto cut = [id](std::deque<Packet>& packets) {
        for (Packet& packet : packets)
            if (packet.id == id) packet.cut = true;
    };
    for (auto& [number, network] : networks) cut(network.retained);
    for (auto& [number, node] : nodes) cut(node.queue);
}

// As many as a queue holds; and of those that are cut for it only what there is memory for.
void Model::offer_retained(Node& node) {
    if (!node.reads) return;
    Network& network = networks.at(node.network);
    std::size_t number = network.retained.size();
    if (network.options.lossless == 0)
        number = std::min<std::size_t>(number, network.options.msgpoolsize);
    for (std::size_t next = network.retained.size() - number; next < network.retained.size();
         ++next) {
        const Packet& packet = network.retained[next];
        const bool frames = reads_frames(node, packet);
        std::size_t cost = 0;
        for (const std::string& frame : packet.frames) cost += cost_.at(frame.size());
        if (frames && !packet.cut) {
            if (!memory_to_retain(packet.payer, cost)) continue;
            cut_everywhere(packet.id);
        }
        node.queue.push_back(packet);
    }
}

bool Model::lost_at_front(const Node& node) const {
    const bool amid_packet = node.read_of_front > 0 || node.frames_read > 0;
    if (networks.at(node.network).options.overrun_error == 0 || amid_packet) return false;
    return node.queue.empty() ? node.lost_at_end : node.queue.front().lost_before;
}

// Option eof: another writer was there since this node joined, and none is now.
bool Model::at_end(const Node& node) const {
    if (node.state == State::ended || !node.reads) return true;
    if (networks.at(node.network).options.eof == 0 || !node.saw_another_writer) return false;
    for (const int id : connected(node.network))
        if (nodes.at(id).writes && &nodes.at(id) != &node) return false;
    return true;
}

Model::Received Model::receive(int id, std::size_t space) {
    Node& node = nodes.at(id);
    const Options& options = networks.at(node.network).options;
    if (node.state == State::cut) return {Got::reset, ""};
    if (lost_at_front(node)) {
        (node.queue.empty() ? node.lost_at_end : node.queue.front().lost_before) = false;
        return {Got::lost, ""};
    }
    if (node.queue.empty()) return {at_end(node) ? Got::end_of_file : Got::nothing, ""};

    const Packet& oldest = node.queue.front();
    const std::string whole = front(node);
    const std::string bytes = whole.substr(node.read_of_front, space);
    if (node.read_of_front == 0) ++node.received;
    node.last_from = oldest.from;
    node.read_of_front += bytes.size();
    const bool complete = node.read_of_front == whole.size();
    const bool keep = node.framed || options.type == 1 || options.short_read == 0;
    if (!complete && keep) return {Got::packet, bytes};
    if (!complete) ++node.truncated;
    node.read_of_front = 0;
    if (reads_frames(node, oldest) && ++node.frames_read < oldest.frames.size())
        return {Got::packet, bytes};
    const std::size_t before = memory_used();
    node.queue.pop_front();
    node.frames_read = 0;
    if (memory_used() < before) memory_was_freed();
    return {Got::packet, bytes};
}

std::string Model::front(const Node& node) {
    const Packet& oldest = node.queue.front();
    const std::string& bytes =
        reads_frames(node, oldest) ? oldest.frames.at(node.frames_read) : oldest.bytes;
    return node.framed ? test::frames({bytes}) : bytes;
}

std::size_t Model::follows(int id) const {
    const Node& node = nodes.at(id);
    if (node.state == State::cut || node.queue.empty() || lost_at_front(node)) return 0;
    return front(node).size() - node.read_of_front;
}

bool Model::something_to_read(int id) const {
    const Node& node = nodes.at(id);
    return node.state == State::cut || !node.queue.empty() || lost_at_front(node) || at_end(node);
}

// What a node gave up is ready as well: it is at its end, or fails, at once.
Model::Ready Model::ready(int id) const {
    const Node& node = nodes.at(id);
    if (node.state == State::cut) return {.hung_up = true, .failed = true};
    if (node.state == State::ended)
        return {.readable = node.reads, .writable = node.writes, .hung_up = true};
    const Network& network = networks.at(node.network);
    const bool memory = network.options.lossless == 0 || memory_for(node.uid, network.options.mtu);
    const bool room = has_room(node.network) && network.line.empty() && memory;
    const bool end = node.queue.empty() && at_end(node);
    return {.readable = node.reads ? something_to_read(id) : node.joined_to_read,
            .writable = node.writes ? room : node.joined_to_write,
            .hung_up = (node.reads && end) || (!node.reads && !node.writes)};
}

// ---- options

int Model::set_option(int network, const std::string& name, const std::string& text) {
    Network& it = networks.at(network);
    const Rule& row = rule(name);
    const std::optional<unsigned> value = parse(row, text);
    if (!value) return EINVAL;
    if (it.options.*row.value == *value) return 0;
    if (!it.up) return EPIPE;
    if (row.only_unconnected && !connected(network).empty()) return EBUSY;
    if (name == "numnodes" && *value < ports_end(network)) return EADDRINUSE;
    it.options.*row.value = *value;
    // What was sent under other rules is not for readers under these.
    forget_retained(it, name == "mtu" || name == "type" ? 0 : it.options.retain);
    update_gate(network);
    return 0;
}

int Model::set_default(const std::string& name, const std::string& text) {
    const Rule& row = rule(name);
    const std::optional<unsigned> value = parse(row, text);
    if (!value) return EINVAL;
    defaults_.*row.value = *value;
    return 0;
}

// ---- option stall_timeout_ms

void Model::observe() {
    const auto note = [this](Since& since, bool so, std::uint64_t oldest) {
        if (!so)
            since.time.reset();
        else if (!since.time || since.oldest != oldest)
            since = {now_, oldest};
    };
    for (auto& [id, network] : networks) {
        const auto front = oldest(id);
        const bool anybody =
            !network.line.empty() || !network.lacking_memory.empty() || !network.watchers.empty();
        const bool waits = anybody && front.has_value();
        const bool stalled = waits && full(id) && network.options.stall_timeout_ms != 0;
        note(network.somebody_waits, waits, front.value_or(0));
        note(network.stalled, stalled, front.value_or(0));
    }
}

std::set<int> Model::holders(int network, const Since& since) const {
    const unsigned timeout = networks.at(network).options.stall_timeout_ms;
    std::set<int> found;
    if (timeout == 0 || !since.time || now_ - *since.time < timeout || !full(network)) return found;
    for (const int id : connected(network)) {
        const Node& node = nodes.at(id);
        for (const Packet& packet : node.queue)
            if (packet.id == since.oldest) found.insert(id);
    }
    return found;
}

std::set<int> Model::must_be_cut(int network) const {
    return holders(network, networks.at(network).stalled);
}

std::set<int> Model::may_be_cut(int network) const {
    return holders(network, networks.at(network).somebody_waits);
}

}  // namespace ipn::sim
