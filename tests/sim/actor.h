// Actor: a program of the simulation with one node, its reads that wait and its writes that wait.
//
// It does what a file does: a read that finds nothing is parked until deliver(), a write that finds
// no room stands in its network's line, and when the node can send no more its writes end. Some
// actors leave as soon as the network calls them, which a network must survive. Everything goes
// through Both, so that every single outcome is compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <string_view>

#include "core/network.h"
#include "core/node.h"

namespace ipn::sim {

class Actor;
class Both;

// A write that waits. Ends with its actor's list of writes.
class WaitingWrite final : public core::SendWaiter {
  public:
    WaitingWrite(Actor& from, int write_number, std::string_view bytes)
        : actor(from), number(write_number), rest(bytes) {}

    Actor& actor;
    const int number;
    std::string rest;

  private:
    bool retry() override;
};

class Actor final : public core::Endpoint {
  public:
    Actor(Both& both, int node_number, std::uint8_t prefix)
        : number(node_number), node(*this, prefix), both_(both) {}

    const int number;  // the node's, in the model
    core::Node node;

    std::deque<std::uint32_t> parked_reads;  // how much room each has
    std::list<WaitingWrite> writes;
    std::size_t watched = 0;  // the length that did not go through, while writable() is awaited
    bool leaves_when_called = false;

  private:
    friend class WaitingWrite;

    void deliver() override;
    void writable() override;
    void state_changed() override;

    Both& both_;
};

}  // namespace ipn::sim
