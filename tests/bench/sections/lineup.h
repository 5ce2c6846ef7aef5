// Lineup: whose traffic is measured beside whose.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sections/suite.h"
#include "transports/ipnfs.h"
#include "transports/transport.h"

namespace bench {

inline constexpr const char* vde_name = "vde_switch";
inline constexpr const char* zeromq_name = "ZeroMQ";
inline constexpr const char* naive_hub_name = "naive hub";

// Which two are compared: what sends a packet a call with what does so too, batches with batches,
// bytes with bytes; and everything with vde_switch.
struct Pairing {
    std::string ours;
    std::string peer;
    bool by_cpu = false;  // also by processor time, which is much the same on a busy machine
};

struct Lineup {
    std::vector<std::unique_ptr<Transport>> peers;
    std::vector<std::unique_ptr<Transport>> ours;
    std::vector<Pairing> pairings;

    std::vector<Transport*> all() const;
    // Says in the report how each is set.
    void describe(Results& results) const;
};

// Packets and batches of them, of all kinds. A naive hub's node cannot send while it waits for a
// packet (the kernel locks its file), so it is not in what is full duplex.
Lineup packet_lineup(const SuiteSetup& setup, bool full_duplex);
std::unique_ptr<Transport> make_vde_peer(const SuiteSetup& setup);
// A packet a call, as it is sent.
Lineup single_packet_lineup(const SuiteSetup& setup);

}  // namespace bench
