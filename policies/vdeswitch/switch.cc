#include "switch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "entropy.h"

namespace ipn::vdeswitch {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;

// A station's, locally administered: no two switches anywhere should have the same.
Mac random_address() {
    return (entropy() & 0xfcffffffffff) | 0x020000000000;
}

}  // namespace

Switch::Switch(const ipn_host& host, ipn_net* net)
    : host_(host), net_(net), address_(random_address()) {}

Switch::~Switch() {
    end_tree();
}

// ---- ports

void Switch::prepare(std::uint32_t number) {
    make_port(number);
    if (connected_.size() == connected_.capacity()) {
        const std::size_t larger = 2 * connected_.size() + 8;
        targets_.reserve(larger);
        connected_.reserve(larger);
    }
}

Port& Switch::make_port(std::uint32_t number) {
    if (number >= ports_.size()) ports_.resize(number + 1);
    if (!ports_[number]) ports_[number] = std::make_unique<Port>(number);
    return *ports_[number];
}

Port& Switch::connect(std::uint32_t number, ipn_port* node) {
    Port& port = *ports_[number];
    port.node = node;
    port.learning = port.forwarding = true;
    connected_.push_back(&port);
    if (tree_) grow_tree(port);
    return port;
}

void Switch::disconnect(Port& port) {
    port.node = nullptr;
    std::erase(connected_, &port);
    if (tree_) tree_->remove(port.number);
    fdb_.flush(port.number);
    drop_if_unused(port.number);
}

void Switch::reset(std::uint32_t number) {
    if (port(number) == nullptr) return;
    static_cast<void>(change(number, {}));  // which has no addresses to be another's
}

void Switch::drop_if_unused(std::uint32_t number) {
    const Port& port = *ports_[number];
    if (port.node == nullptr && port.settings == PortSettings()) ports_[number].reset();
}

const Port* Switch::port(std::uint32_t number) const {
    return number < ports_.size() ? ports_[number].get() : nullptr;
}

// ---- settings

const PortSettings& Switch::settings(std::uint32_t number) const {
    static const PortSettings kAtFirst;
    const Port* known = port(number);
    return known == nullptr ? kAtFirst : known->settings;
}

void Switch::change(const NetworkSettings& wanted) {
    const bool wants_tree = wanted.stp && !wanted.hub;
    if (wants_tree && !tree_) start_tree(wanted.priority);
    if (!wants_tree && tree_) end_tree();
    if (wants_tree && wanted.priority != settings_.priority) tree_->set_priority(wanted.priority);
    if (wanted.table != settings_.table) fdb_.set_limits(wanted.table, now_ms());
    settings_ = wanted;
}

bool Switch::change(std::uint32_t number, const PortSettings& wanted) {
    for (const Mac mac : wanted.addresses) {
        const auto known = static_.find(mac);
        if (known != static_.end() && known->second->number != number) return false;
    }
    PortSettings copy = wanted;
    Port& port = make_port(number);
    // All that may fail comes first; an address too many does no harm.
    std::unordered_map<Mac, Port*> added;
    for (const Mac mac : copy.addresses) added.emplace(mac, &port);
    if (!added.empty()) static_.reserve(static_.size() + added.size());

    for (const Mac mac : port.settings.addresses) static_.erase(mac);
    static_.merge(added);
    if (copy.vlans != port.settings.vlans) {
        configured_.remove(port.settings.vlans);
        configured_.add(copy.vlans);
        fdb_.flush(number);
    }
    const bool tree_changes = copy.cost != port.settings.cost || copy.edge != port.settings.edge;
    port.settings = std::move(copy);
    if (tree_ && tree_changes) tree_->change(number, port.settings.cost, port.settings.edge);
    port.names_vlans = !port.settings.vlans.as_at_first();
    drop_if_unused(number);
    return true;
}

// ---- the spanning tree

void Switch::start_tree(std::uint16_t priority) {
    const auto expired = [](void* bridge) { static_cast<Switch*>(bridge)->second_passed(); };
    SpanningTree::Owner& owner = *this;
    auto tree = std::make_unique<SpanningTree>(owner, tree_counters_, address_, priority);
    second_ = host_.timer_new(net_, expired, this);
    if (second_ == nullptr || host_.timer_arm(second_, host_.now_ns() + kSecondNs) != 0) {
        host_.timer_free(second_);
        second_ = nullptr;
        throw std::bad_alloc();
    }
    tree_ = std::move(tree);
    for (Port* port : connected_) grow_tree(*port);
}

void Switch::end_tree() {
    tree_.reset();
    host_.timer_free(second_);
    second_ = nullptr;
    for (Port* port : connected_) port->learning = port->forwarding = true;
}

// A port that there is no memory for does not forward.
void Switch::grow_tree(Port& port) {
    try {
        tree_->add(port.number, port.settings.cost, port.settings.edge);
    } catch (const std::bad_alloc&) {
        ++counters_.no_memory;
        port.learning = port.forwarding = false;
    }
}

void Switch::second_passed() {
    // From now, not from when it was due: time that the daemon slept is nobody's silence.
    if (host_.timer_arm(second_, host_.now_ns() + kSecondNs) != 0)
        host_.warn(net_, "no memory for the spanning tree's timer: it stands still");
    tree_->tick();
}

void Switch::transmit(std::uint32_t number, std::span<const unsigned char> bytes) {
    Port& port = *ports_[number];
    ipn_msg* msg = host_.alloc(port.node, static_cast<std::uint32_t>(bytes.size()));
    if (msg == nullptr) {
        ++counters_.no_memory;
        return;
    }
    std::copy(bytes.begin(), bytes.end(), host_.data(msg));
    host_.send(port.node, msg, 0);
    host_.put(msg);
}

void Switch::set_state(std::uint32_t number, bool learning, bool forwarding) {
    Port& port = *ports_[number];
    port.learning = learning;
    port.forwarding = forwarding;
}

bool Switch::take_reserved(const Port& from, ipn_msg* msg, const Header& header) {
    if (header.destination == kPause || (tree_ && is_reserved(header.destination))) {
        if (tree_ && header.destination == kBridgeGroup && !header.tagged)
            tree_->receive(from.number, {host_.data(msg), host_.length(msg)});
        else
            ++counters_.filtered;
        return true;
    }
    return false;
}

// ---- packets

int Switch::handle(Port& from, ipn_msg* msg, int depth) {
    if (settings_.hub) {
        host_.send_all(net_, msg, depth);
        ++counters_.flooded;
        return 0;
    }
    const auto header = Header::read({host_.data(msg), host_.length(msg)});
    if (!header) {
        host_.explain("the frame ends within its VLAN tag");
        ++counters_.malformed;
        return -EINVAL;
    }
    if (is_reserved(header->destination) && take_reserved(from, msg, *header)) return 0;
    const auto vlan = ingress_vlan(from, *header);
    if (!vlan) {
        ++counters_.filtered;
        return 0;
    }
    Frame frame{msg, *header, *vlan, now_ms()};
    fdb_.expect(header->destination, *vlan);
    learn(from, frame);
    int answer = 0;
    if (const Port* to = find(frame))
        answer = forward(from, *to, frame, depth);
    else
        answer = flood(from, frame, depth);
    if (frame.converted != nullptr) host_.put(frame.converted);
    return answer;
}

// The VLAN that a frame came in; none if its port is not in that.
std::optional<Vlan> Switch::ingress_vlan(const Port& from, const Header& header) const {
    const Vlan vlan = header.tagged ? header.vlan() : kUntaggedVlan;
    if (vlan == kUntaggedVlan) return from.settings.vlans.untagged;
    if (vlan > kVlanMax || form(from, vlan) == Form::none) return std::nullopt;
    return vlan;
}

void Switch::learn(const Port& from, const Frame& frame) {
    const Mac source = frame.header.source;
    if (!from.learning || is_group(source) || source == 0) return;
    // What is sent to a port that does not read is lost: its stations' answers go to everybody.
    if ((host_.role(from.node) & IPN_ROLE_READER) == 0) return;
    if (!static_.empty() && static_.contains(source)) return;
    try {
        fdb_.learn(source, frame.vlan, from.number, frame.now_ms);
    } catch (const std::bad_alloc&) {
        ++counters_.no_memory;
    }
}

const Port* Switch::find(const Frame& frame) const {
    const Mac destination = frame.header.destination;
    if (is_group(destination)) return nullptr;
    if (!static_.empty()) {
        const auto known = static_.find(destination);
        if (known != static_.end() && form(*known->second, frame.vlan) != Form::none)
            return known->second;
    }
    const auto number = fdb_.lookup(destination, frame.vlan, frame.now_ms);
    return number ? port(*number) : nullptr;
}

int Switch::forward(const Port& from, const Port& to, Frame& frame, int depth) {
    const Form form = this->form(to, frame.vlan);
    if (!from.forwarding || form == Form::none || !may_pass(from, to)) {
        ++counters_.filtered;
        return 0;
    }
    const bool fits = Switch::fits(frame, form);
    if (!fits && !convert(from, frame)) {
        ++counters_.no_memory;
        return -ENOMEM;
    }
    host_.send(to.node, fits ? frame.as_it_came : frame.converted, depth);
    ++counters_.forwarded;
    return 0;
}

int Switch::flood(const Port& from, Frame& frame, int depth) {
    targets_.clear();
    bool somebody_needs_another = false;
    for (const Port* to : connected_) {
        if (!from.forwarding || !may_pass(from, *to)) continue;
        const Form form = this->form(*to, frame.vlan);
        if (form == Form::none) continue;
        targets_.push_back(to);
        somebody_needs_another = somebody_needs_another || !fits(frame, form);
    }
    if (targets_.empty()) {
        ++counters_.filtered;
        return 0;
    }
    if (somebody_needs_another && !convert(from, frame)) {
        ++counters_.no_memory;
        return -ENOMEM;
    }
    for (const Port* to : targets_) {
        const bool fits = Switch::fits(frame, form(*to, frame.vlan));
        host_.send(to->node, fits ? frame.as_it_came : frame.converted, depth);
    }
    ++counters_.flooded;
    return 0;
}

// Puts the tag of the frame's VLAN in, with the priority that the frame tells, or takes it out.
bool Switch::convert(const Port& from, Frame& frame) const {
    constexpr std::uint32_t kAddresses = 12;
    constexpr std::uint32_t kPriority = 0xf000;  // and drop eligible
    const Header& header = frame.header;
    const std::uint32_t tag = Header::kTagLength;
    const bool add = fits(frame, Form::untagged);
    const std::uint32_t cut = header.tagged ? kAddresses + tag : kAddresses;
    const std::uint32_t length = add ? kAddresses + tag : kAddresses;
    frame.converted = host_.derive(from.node, frame.as_it_came, cut, length);
    if (frame.converted == nullptr) return false;

    unsigned char* bytes = host_.data(frame.converted);
    std::memcpy(bytes, host_.data(frame.as_it_came), kAddresses);
    if (!add) return true;
    const std::uint32_t control = (header.control & kPriority) | frame.vlan;
    bytes[12] = Header::kTagType >> 8;
    bytes[13] = Header::kTagType & 0xff;
    bytes[14] = static_cast<unsigned char>(control >> 8);
    bytes[15] = static_cast<unsigned char>(control & 0xff);
    return true;
}

}  // namespace ipn::vdeswitch
