// Transport: one way to carry packets from a process to several others, as the harness sees it.
//
// A transport makes networks; a network is joined by endpoints, each in its own process. The
// harness forks those processes from the one that opened the network, so a network may prepare
// sockets or start servers in open(), and ends them in its destructor, which runs in that process
// only. A new peer is one file that implements these three classes and one line in peers.cc.
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
    virtual void send(std::span<const std::byte> packet) = 0;
    // Receives one packet, and returns its length.
    virtual std::size_t receive(std::span<std::byte> buffer) = 0;
    // For the writer of a transport whose readers are not connected when join() has returned.
    virtual void wait_for_readers(unsigned /*readers*/) {}
};

struct NetworkSetup {
    unsigned readers;
    std::size_t packet_bytes;  // the largest that will be sent
};

class Network {
  public:
    virtual ~Network() = default;
    // In the process that will use it. One writer and `readers` readers numbered from 0; or two
    // that are both, numbered 0 and 1, on a network set up for one reader.
    virtual std::unique_ptr<Endpoint> join(Role role, unsigned number) = 0;
    // The process that carries the packets, if there is one.
    virtual const Process* server() const { return nullptr; }
};

// A sender that would be faster than its readers has at most `packets` outstanding to the slowest;
// once it has had to wait for that reader, it goes on when less than `resume_below` are.
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
    virtual std::size_t packet_bytes_max() const = 0;
    // For a lossy transport, which drops what its readers are too slow for. A lossless one runs
    // free.
    virtual std::optional<WindowSetting> window() const { return std::nullopt; }
    virtual std::unique_ptr<Network> open(const NetworkSetup& setup) = 0;
};

}  // namespace bench
