// FakeKernel: the other end of /dev/fuse, without a kernel: a SOCK_SEQPACKET socket pair; and of
// FUSE over io_uring (fake_ring.h), if the daemon gets that far with it.
//
// It numbers the requests, and judges every message that the daemon sends as the kernel would: one
// message is one reply, to a request that is open and wants one, with an errno the kernel knows;
// what is wrong is kept in violations(). As the kernel does, it remembers which nodes it has looked
// up and which files it has open, and gives them back in let_everything_go(). Single threaded: it
// never waits. Requests lie in the socket until the daemon is served (by the function given), which
// outcome() and call() do first. Not done: what a request means; see ask.h.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ask.h"
#include "fake_ring.h"

namespace ipn::test {

// What a request came to.
struct Answer {
    int error = 0;     // an errno value, 0 for success
    std::string data;  // what follows the header

    bool operator==(const Answer&) const = default;

    // The data as what it is on the wire; zeros if there is too little.
    template <typename T>
    T as(std::size_t offset = 0) const {
        T value{};
        if (data.size() >= offset + sizeof value)
            std::memcpy(&value, data.data() + offset, sizeof value);
        return value;
    }
};
void PrintTo(const Answer& answer, std::ostream* out);

// Short forms for expectations.
inline Answer error(int code) {
    return {code, {}};
}
inline Answer packet(std::string_view data) {
    return {0, std::string(data)};
}
inline Answer nothing() {
    return {};
}  // success without data; of a read: end of file
inline constexpr std::nullopt_t kWaiting = std::nullopt;

struct Caller {
    std::uint32_t uid = 1000;
    std::uint32_t gid = 1000;
    std::uint32_t pid = 4242;
};

class FakeKernel final : private FakeRing::Listener {
  public:
    // The unique id of a request, as the kernel numbers them: 2, 4, 6, …
    using Call = std::uint64_t;

    explicit FakeKernel(std::function<void()> serve);
    ~FakeKernel();
    FakeKernel(const FakeKernel&) = delete;
    FakeKernel& operator=(const FakeKernel&) = delete;

    // The daemon's end, given away.
    int take_daemons_end();
    // As umount(8) does, or a kernel that goes down.
    void hang_up();
    // The daemon closes its ring; the connection does not survive that.
    void close_ring();

    // Sends a request. Nothing happens yet.
    Call start(const Message& message);
    // Sends what claims to be a request, header and all, with the next number for its unique id.
    Call start_raw(std::string request);
    // Serves the daemon; then what the request came to, or kWaiting.
    std::optional<Answer> outcome(Call call);
    // A request that must be answered at once.
    Answer call(const Message& message);
    // How many requests still want an answer.
    std::size_t unanswered() const { return open_calls_.size(); }

    // Takes what the daemon has sent. `serve` calls it often enough for the socket not to fill up.
    void collect();
    // The requests that were answered since this was last asked, in order.
    std::vector<Call> take_answered() { return std::exchange(answered_, {}); }
    // The poll handles that were notified of since this was last asked.
    std::vector<std::uint64_t> take_wakeups();

    // Interrupts what is under way, releases what is open, forgets what was looked up.
    void let_everything_go();

    // What the daemon sent that a kernel would not take.
    const std::vector<std::string>& violations() const { return violations_; }

    // Every request so far, each behind its length: what the fuzz target reads.
    const std::string& recorded() const { return recorded_; }

    Caller caller;     // of the requests that start from now on
    unsigned cpu = 0;  // and where it runs

    FakeRing ring;
    // A request that somebody waited with until there was one: it is there at once.
    Call first_over_ring = 0;

  private:
    void received(std::string_view message);
    void notified(int code, std::string_view data);
    void answered_over_ring(std::string_view message) override { received(message); }
    void wrong(const std::string& what) override { violations_.push_back(what); }
    void take_notifications() override { collect(); }
    void ring_is_ready() override { first_over_ring = start(ask::getattr(ask::kRoot)); }
    void answered(std::uint32_t opcode, const Answer& answer);

    std::function<void()> serve_;
    int kernels_end_ = -1;
    int daemons_end_ = -1;
    Call last_call_ = 0;
    std::map<Call, std::uint32_t> open_calls_;  // with their opcodes
    std::set<Call> own_calls_;                  // which the daemon had us make
    std::map<Call, Answer> answers_;
    std::vector<Call> answered_;
    std::vector<std::uint64_t> wakeups_;
    std::vector<std::string> violations_;
    std::string recorded_;

    std::map<std::uint64_t, std::uint64_t> lookups_;  // by node id
    std::set<std::uint64_t> open_files_;
    std::set<std::uint64_t> open_directories_;
};

}  // namespace ipn::test
