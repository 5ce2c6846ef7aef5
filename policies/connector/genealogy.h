// Genealogy: which messages of a network are requests that wait for their reply.
//
// A reply has its request's id and seq, and its ack plus one, and reaches the port that asked.
// Since nothing in a message says that it wants a reply, every message that is no reply itself may
// be a request. Limits: kRequestsMax of each port, of which the oldest are forgotten, and counted;
// so no port makes another's be forgotten. Cost: does not depend on how many requests there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "message.h"

namespace ipn::connector {

struct Request {
    Id id;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    bool operator==(const Request&) const = default;
};

}  // namespace ipn::connector

template <>
struct std::hash<ipn::connector::Request> {
    std::size_t operator()(const ipn::connector::Request& request) const noexcept {
        const std::hash<ipn::connector::Id> of_pair;
        return of_pair(request.id) ^ of_pair({request.seq, request.ack}) * 31;
    }
};

namespace ipn::connector {

class Genealogy {
  public:
    static constexpr std::size_t kRequestsMax = 64;

    // Port `from` sent a message, which `reaches(port)` says it has reached. May throw
    // std::bad_alloc, and has then noted nothing.
    template <typename Reaches>
    void note(std::uint32_t from, const Message& message, Reaches reaches) {
        if (!answer({message.id, message.seq, message.ack - 1}, reaches))
            remember(from, {message.id, message.seq, message.ack});
    }
    // A message that there was no memory to note.
    void note_forgotten() { ++forgotten_; }
    // Port `port` has left.
    void forget(std::uint32_t port);

    // The oldest first; null if the port has none.
    const std::deque<Request>* requests(std::uint32_t port) const;
    std::size_t pending() const { return pending_; }
    std::uint64_t forgotten() const { return forgotten_; }

  private:
    template <typename Reaches>
    bool answer(const Request& request, Reaches reaches) {
        const auto found = askers_.find(request);
        if (found == askers_.end()) return false;
        const std::size_t before = pending_;
        const std::vector<std::uint32_t> askers = found->second;
        for (const std::uint32_t port : askers)
            if (reaches(port)) erase(port, request);
        return pending_ < before;
    }
    void remember(std::uint32_t port, const Request& request);
    void erase(std::uint32_t port, const Request& request);
    void erase_asker(std::uint32_t port, const Request& request);

    std::unordered_map<Request, std::vector<std::uint32_t>> askers_;
    std::unordered_map<std::uint32_t, std::deque<Request>> requests_;  // by port
    std::size_t pending_ = 0;
    std::uint64_t forgotten_ = 0;
};

}  // namespace ipn::connector
