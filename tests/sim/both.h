// Both: the core and the model side by side. Whatever is done is done to both, and what they answer
// must be the same.
//
// When the core does something by itself, it calls: a waiting write is tried again, a reader is
// told to look, a stalled reader is cut. Each of these is judged by the model at that moment. What
// the core should have done by itself and did not shows in check_rest(), when it has nothing left
// to do. The first difference is kept; what comes after it means nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "actor.h"
#include "core/registry.h"
#include "fake_clock.h"
#include "model.h"

namespace ipn::sim {

class Both {
  public:
    static constexpr unsigned kNetworksMax = 3;
    static constexpr unsigned kPacketMax = 300;  // bytes; a stream's writes may be longer

    Both(std::size_t memory, bool tracing);

    // The first difference that was found; empty: none.
    const std::string& difference() const { return difference_; }
    const Model& model() const { return model_; }
    const std::map<int, std::unique_ptr<Actor>>& actors() const { return actors_; }

    // ---- steps

    void create(const std::string& name);
    void rename(int network, const std::string& name);
    // rmdir(2); `restored`: it could not be made to last, the name comes back.
    void remove(int network, bool restored);
    void destroy(int network);
    void shut_down(int network);

    struct Joining {
        core::Role role;
        std::optional<unsigned> port;
        unsigned uid;
        bool framed;    // reads each packet behind its length
        bool offloads;  // accepts them
        bool leaves_when_called;
    };
    void join(int network, const Joining& joining);
    void leave(int node);
    void cut(int node);
    void narrow(int node, core::Role role);
    void describe(int node, const std::string& text);

    enum class IfBlocked { give_up, watch, wait };
    void write(int node, std::size_t length, IfBlocked if_blocked);
    // A packet with offloads, as an interface receives it: `payload` bytes, to be cut into segments
    // of so much. 0: only its checksum is to be completed.
    struct Large {
        bool ipv6, tcp;
        unsigned payload, segment_size;
    };
    static constexpr unsigned kPayloadMax = 400;
    static constexpr unsigned kSegmentMin = 40;  // or 0
    void write_large(int node, const Large& large);
    void interrupt(int node, std::size_t which_write);
    // True if there was something, be it the end.
    bool read(int node, std::uint32_t space);
    void read_or_park(int node, std::uint32_t space);

    void reserve(int network, unsigned number);
    void unreserve(int network, unsigned number);
    void set_option(int network, const std::string& name, const std::string& text);
    void set_default(const std::string& name, const std::string& text);

    void advance(unsigned milliseconds);
    void run_one();
    void run_all();

    // ---- after steps

    // Compares everything that can be seen.
    void check();
    // REQUIRES: run_all() was the last step. Nobody waits who need not.
    void check_rest();
    // Opens gates and reads everything until nobody waits any more, lets everybody leave and ends
    // all networks; nothing may be left.
    void wind_up();

    // ---- what actors are called for

    bool retry(WaitingWrite& write);
    void give_up(WaitingWrite& write);
    void answer_reads(Actor& actor);
    void note_writable(Actor& actor);
    void note_stall(const Actor& actor);

  private:
    template <typename... Words>
    void trace(const Words&... words) {
        if (tracing_) print((std::ostringstream() << ... << words).str());
    }
    template <typename T, typename U>
    void same(std::string_view what, int whose, const T& core, const U& model) {
        if (core == model || !difference_.empty()) return;
        std::ostringstream out;
        out << what << " of " << whose << ": the core says " << core << ", the model " << model;
        difference_ = out.str();
    }
    void must(bool so, std::string_view what, int whose) {
        if (!so && difference_.empty())
            difference_ = std::string(what) + ", concerning " + std::to_string(whose);
    }
    static void print(const std::string& line);

    core::Network& network(int number);
    Actor& actor(int node) { return *actors_.at(node); }
    // One send to both, of what is left.
    Model::Sent send(Actor& from, std::string_view data, const WaitingWrite* waiting);
    void leave_line(WaitingWrite& write);
    bool read_everything();
    std::string content(std::size_t length);

    void check_network(int number);
    void check_node(const Actor& actor);

    const bool tracing_;
    std::string difference_;
    test::FakeClock clock_;
    core::Memory received_memory_{1 << 20};  // what the kernel writes to
    core::PacketPool received_{received_memory_};
    core::Registry registry_;
    Model model_;
    std::map<int, std::unique_ptr<Actor>> actors_;  // by the number of their node in the model
    std::vector<std::unique_ptr<Actor>> gone_;      // left, perhaps within a call that is not over
    std::map<int, std::uint64_t> ids_;  // of networks: the model's number, the core's id
    std::set<int> may_be_cut_;          // while timers run
    int last_number_ = 0;
    std::uint64_t last_content_ = 0;
};

}  // namespace ipn::sim
