// Model: what a mount is, said as plainly as possible, to compare the core with.
//
// It shares no code with the core. It keeps a copy of every packet in a std::deque for every
// reader, counts by looking at everything, and knows nothing of wake-ups, references or time-outs
// that are armed: it says what is so now. Errors are errno values, 0 for success. Time is in
// milliseconds. Not done: policies other than broadcast, files, permissions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ipn::sim {

class Model {
  public:
    enum class Outcome { done, would_block, too_long, never_fits, closed, reset };
    struct Sent {
        Outcome outcome = Outcome::done;
        std::size_t taken = 0;
    };

    enum class Got { packet, nothing, end_of_file, lost, reset };
    struct Received {
        Got got = Got::nothing;
        std::string bytes;
    };

    struct Ready {
        bool readable = false, writable = false, hung_up = false, failed = false;
    };

    // Choices are the position of the name in the manual's list.
    struct Options {
        unsigned mtu = 1514, type = 0, lossless = 0, msgpoolsize = 128, numnodes = 32, eof = 0,
                 minreaders = 0, stall_timeout_ms = 0, overrun_error = 0, short_read = 0,
                 retain = 0, linktype = 1, ephemeral = 0;
    };

    struct Packet {
        std::uint64_t id;  // counts up: the smaller is the older
        unsigned from;
        unsigned payer;
        std::string bytes;
        bool lost_before;  // at this reader, between the packet before and this one
        std::vector<std::string> frames{};  // of a packet with offloads: what it stands for
        bool cut = false;                   // somebody has these instead
        bool retained = false;              // a copy that the network keeps, in no pool
    };

    enum class State { connected, ended, cut };

    struct Node {
        int network = 0;
        unsigned number = 0, uid = 0;
        bool reads = false, writes = false, framed = false, offloads = false;
        bool joined_to_read = reads, joined_to_write = writes;  // before it was narrowed
        State state = State::connected;
        std::deque<Packet> queue{};
        std::size_t frames_read = 0;    // of the oldest packet
        std::size_t read_of_front = 0;  // of the oldest packet, or of its next frame
        bool lost_at_end = false;
        bool saw_another_writer = false;
        std::optional<unsigned> last_from{};
        std::string description{};
        unsigned received = 0, sent = 0, dropped = 0, truncated = 0;
    };

    // Since when something has been so without a break, and for which oldest packet.
    struct Since {
        std::optional<unsigned> time;
        std::uint64_t oldest = 0;
    };

    struct Network {
        std::optional<std::string> name;  // none any more: it only waits for its last nodes
        bool up = true;
        Options options;
        bool gate_open = false;
        std::map<unsigned, std::string> reserved{};  // number, description
        // The writes that wait, by number, and the nodes that want to know when they can write; all
        // put here by the caller, who knows of them.
        std::deque<int> line{};  // for room, or for the gate
        std::deque<int>
            lacking_memory{};  // stepped aside; before the line again when some is freed
        std::set<int> watchers{};
        std::deque<Packet> retained{};      // oldest first
        Since somebody_waits{}, stalled{};  // see observe()
    };

    // `cost[n]`: what a packet of n bytes takes of the memory.
    Model(std::size_t memory_limit, std::size_t networks_max, std::vector<std::size_t> cost);

    // ---- what can be done. Networks, nodes and writes have numbers that the caller chooses.

    int create(int network, const std::string& name);
    int rename(int network, const std::string& name);
    int unlink(int network);
    void restore_name(int network, const std::string& name);
    void destroy(int network);
    void shut_down(int network);

    int join(int node, int network, bool reads, bool writes, std::optional<unsigned> port,
             unsigned uid, bool framed, bool offloads);
    void leave(int node);
    void cut(int node);
    int narrow(int node, bool reads, bool writes);
    int describe(int node, const std::string& text);

    Sent send(int node, std::string_view data, bool head_of_line);
    // A packet with offloads, and the frames that those get who do not accept them.
    Sent send_large(int node, const std::string& bytes, const std::vector<std::string>& frames);
    Received receive(int node, std::size_t space);

    int reserve(int network, unsigned number);
    void unreserve(int network, unsigned number);
    int set_option(int network, const std::string& name, const std::string& text);
    int set_default(const std::string& name, const std::string& text);

    void advance(unsigned milliseconds) { now_ += milliseconds; }
    // Call it after everything that was done: time only counts between such moments.
    void observe();

    // ---- what can be seen

    std::map<int, Network> networks;
    std::map<int, Node> nodes;  // all that joined and have not left

    std::vector<int> connected(int network) const;
    unsigned readers(int network) const;
    unsigned writers(int network) const;
    unsigned ports_end(int network) const;
    Ready ready(int node) const;
    bool something_to_read(int node) const;
    // How many bytes of the oldest packet can be read with nothing missing before them.
    std::size_t follows(int node) const;
    // Whether neither the pool nor the gate holds writers up.
    bool has_room(int network) const;
    // Whether a send would wait: for room, for those who wait already, or for memory.
    bool would_block(int node, std::size_t length, bool head_of_line) const;
    std::size_t waiting_packets(int network) const;
    std::size_t memory_used() const { return memory_used(std::nullopt); }
    std::size_t memory_retained() const { return memory_retained(std::nullopt); }
    std::size_t accounts() const;

    // Option stall_timeout_ms: who must be cut now, and who may be. They differ for a pool that was
    // full most of the time, but not always.
    std::set<int> must_be_cut(int network) const;
    std::set<int> may_be_cut(int network) const;

  private:
    std::size_t memory_used(std::optional<unsigned> uid) const;
    std::size_t memory_retained(std::optional<unsigned> uid) const;
    std::size_t memory_of(std::optional<unsigned> uid, bool retained) const;
    bool memory_to_retain(unsigned uid, std::size_t cost) const;
    void retain(Network& network, const Packet& packet, bool memory);
    static void forget_retained(Network& network, std::size_t but);
    void offer_retained(Node& node);
    // A packet is made of frames, wherever it is.
    void cut_everywhere(std::uint64_t packet);
    bool memory_for(unsigned uid, std::size_t length) const;
    bool memory_for_cost(unsigned uid, std::size_t cost) const;
    std::size_t cost_of(const Packet& packet) const;
    std::optional<Outcome> why_never(const Node& node) const;
    void memory_was_freed();
    bool full(int network) const;
    bool taken(int network, unsigned number) const;
    bool at_end(const Node& node) const;
    static bool reads_frames(const Node& node, const Packet& packet);
    // What is read of first, of the oldest packet.
    static std::string front(const Node& node);
    bool lost_at_front(const Node& node) const;
    bool named(const std::string& name) const;
    void update_gate(int network);
    bool wants(const Node& node, const Node& from) const;
    bool queue_is_full(const Node& node) const;
    bool broadcast(const Node& from, Packet packet);
    void network_may_go(int network);
    std::optional<std::uint64_t> oldest(int network) const;
    std::set<int> holders(int network, const Since& since) const;

    const std::size_t memory_limit_, networks_max_;
    const std::vector<std::size_t> cost_;
    Options defaults_;
    unsigned now_ = 0;
    std::uint64_t last_packet_ = 0;
};

}  // namespace ipn::sim
