// Transport: one way to carry packets between processes, as the harness sees it.
//
// A transport makes networks; a network is joined by endpoints, each in its own process. The
// harness forks those processes from the one that opened the network, so a network may prepare
// sockets or start servers in open(), and ends them in its destructor, which runs in that process
// only. A new peer is one file that implements these three classes and one line in
// sections/lineup.cc.
//
// Threads: of an endpoint that is both, one thread may send while another receives.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace bench {

class Process;

enum class Role { writer, reader, both };

// What one process holds. Calls block; they throw on failure.
class Endpoint {
  public:
    virtual ~Endpoint() = default;
    // One that sends several packets a call keeps them until they are that many.
    virtual void send(std::span<const std::byte> packet) = 0;
    // Receives one packet, valid until the next call.
    virtual std::span<const std::byte> receive() = 0;
    // For senders on a transport whose receivers are not connected when join() has returned.
    virtual void wait_for_receivers(unsigned /*receivers*/) {}
};

// How many nodes only send, only receive, or do both.
struct Members {
    unsigned writers = 0;
    unsigned readers = 0;
    unsigned both = 0;

    unsigned all() const { return writers + readers + both; }
    unsigned senders() const { return writers + both; }
    unsigned receivers() const { return readers + both; }
};

inline Members one_to_many(unsigned readers) {
    return {.writers = 1, .readers = readers};
}
inline Members many_to_one(unsigned writers) {
    return {.writers = writers, .readers = 1};
}
inline Members all_to_all(unsigned nodes) {
    return {.both = nodes};
}

struct NetworkSetup {
    Members members;
    std::size_t packet_bytes;         // the largest that will be sent
    std::size_t buffer_bytes = 2048;  // of a receiver that reads a packet a call
};

class Network {
  public:
    virtual ~Network() = default;
    // In the process that will use it. Nodes are numbered from 0 in each role.
    virtual std::unique_ptr<Endpoint> join(Role role, unsigned number) = 0;
    // The process that carries the packets, if there is one.
    virtual const Process* server() const { return nullptr; }
};

// A sender that would be faster than its receivers has at most `packets` outstanding to the
// slowest; once it has had to wait for that one, it goes on when less than `resume_below` are.
// Several senders share the window.
struct WindowSetting {
    unsigned packets = 32;
    unsigned resume_below = 32;
};

class Transport {
  public:
    virtual ~Transport() = default;
    virtual std::string name() const = 0;
    // How it is set: kind, lossless or lossy, pool; for the report.
    virtual std::string setting() const = 0;
    virtual bool carries(const NetworkSetup& setup) const = 0;
    // For a lossy transport, which drops what its readers are too slow for. A lossless one runs
    // free.
    virtual std::optional<WindowSetting> window() const { return std::nullopt; }
    virtual std::unique_ptr<Network> open(const NetworkSetup& setup) = 0;
};

}  // namespace bench
