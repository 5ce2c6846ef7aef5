// Inodes: what the kernel's node ids mean, and how files are shown.
//
// Directories and fixed files have stable node ids, computed from what they are. Every LOOKUP of a
// port (`port`, `framed`, `ports/N`) yields a fresh one instead, so that no two opens share an
// inode and hence none of its locks: a writer that blocks does not hold up anybody's chmod or
// setfattr, and every blocked call can be killed. A fresh node id names the open that was made
// through it. Node ids hold kinds, numbers and generations, never pointers. The inode number that
// programs see is stable for all of them. Threads: the loop only.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/list.h"
#include "core/network.h"
#include "core/registry.h"
#include "fs/interfaces.h"
#include "fs/open_port.h"
#include "fs/slots.h"

namespace ipn::fs {

// What a node id stands for, looked up for one request.
struct Place {
    enum class Kind : std::uint8_t {
        gone,
        root,
        mount,      // .ipnfs
        version,    // .ipnfs/version
        metrics,    // .ipnfs/metrics
        events,     // .ipnfs/events
        policies,   // .ipnfs/policies/
        policy,     // .ipnfs/policies/NAME
        network,    // a network's directory
        ports,      // its ports/
        port,       // its port
        framed,     // its framed
        stats,      // its stats
        oob,        // its oob
        capture,    // its capture.pcap
        numbered,   // ports/N
        taps,       // its tap/
        grabs,      // its grab/
        interface,  // tap/NAME, grab/NAME
        views,      // its policy/
        view,       // policy/NAME
        endpoints,  // the directory that its policy has
        endpoint,   // a name in it
    };
    Kind kind = Kind::gone;
    core::Network* network = nullptr;    // set from network on
    std::uint32_t number = 0;            // numbered; policy: its serial number; view: its index
    std::string_view name{};             // endpoint
    OpenPort* open = nullptr;            // the open that this node id names, if there is one
    InterfaceFile* interface = nullptr;  // interface

    // Whether opening it joins the network.
    bool is_port() const {
        return kind == Kind::port || kind == Kind::framed || kind == Kind::numbered ||
               kind == Kind::endpoint;
    }
    // Whether interfaces are made in it.
    bool is_of_interfaces() const { return kind == Kind::taps || kind == Kind::grabs; }
    bool is_directory() const {
        return kind == Kind::root || kind == Kind::mount || kind == Kind::policies ||
               kind == Kind::network || kind == Kind::ports || is_of_interfaces() ||
               kind == Kind::views || kind == Kind::endpoints;
    }
};

class Inodes {
  public:
    Inodes(const core::Registry& registry, const Interfaces& interfaces)
        : registry_(registry), interfaces_(interfaces) {}

    Place find(std::uint64_t node_id) const;

    // The node id of a directory or fixed file.
    static std::uint64_t stable(const Place& place);
    // A fresh node id for a port; counts as looked up once. May throw std::bad_alloc.
    std::uint64_t fresh(const Place& place);
    void forget(std::uint64_t node_id, std::uint64_t lookups);

    // From now on the fresh `node_id` names `open`, as long as it is open.
    void opened(std::uint64_t node_id, OpenPort& open);

    // The number that stat(2) shows.
    static std::uint64_t shown(const Place& place);

    std::size_t fresh_count() const { return fresh_.size(); }

  private:
    struct Fresh {
        Place::Kind kind;
        std::uint32_t number;  // numbered: of the port; endpoint: of the network's binding
        std::uint64_t network;
        std::uint64_t lookups;
        std::unique_ptr<const std::string> name;  // endpoint
        core::List<OpenPort, InodeTag> opens;
    };

    Place find_of_policy(std::uint64_t rest) const;

    const core::Registry& registry_;
    const Interfaces& interfaces_;
    Slots<Fresh> fresh_;
};

}  // namespace ipn::fs
