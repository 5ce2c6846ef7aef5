// Interface: an interface of the host that is a node of a network, whatever drives it.
//
// InterfaceHost makes them; the file system shows one file for each (fs/interfaces.h). The two know
// each other only through this header.
// Lifecycle: made disconnected; connect() makes it a node, and again one of another network; it is
// disconnected when its device or its node ends, which the watcher is told; close() ends it, and
// once that has called back, and not before, it is destroyed.
// What may wait (for the kernel's lock of all interfaces, for a namespace) is done elsewhere, and
// what was asked for is told later, on the loop. A function that is handed over to be called then
// must not throw, and is called exactly once, perhaps after the Interface has gone. A function that
// it is handed to may throw std::bad_alloc, having done nothing.
// Threads: the loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/node.h"
#include "core/on_loop.h"

namespace ipn::core {

class Network;

class Interface {
  public:
    // As it is at this moment in its namespace, wherever it was moved to.
    struct Facts {
        std::string name;
        std::uint32_t index = 0;
        std::string mac;  // six bytes in hexadecimal, colons between them
        std::uint32_t mtu = 0;
        bool up = false;
        std::string netns;     // "net:[NUMBER]", as readlink(1) shows /proc/PID/ns/net
        std::string share;     // of a grabbed one: whether the host uses it too; else empty
        std::string offloads;  // those that its kernel and this network exchange, blank-separated
    };

    enum class Property : std::uint8_t { mac, mtu, netns, share };

    struct Change {
        Property property;
        std::string value;
        Credentials caller;
        bool by_mode = false;  // the caller needs no capability
    };

    virtual ~Interface() = default;

    // Leaves the network that it is on, if any, but not before it has joined `network`; errors as
    // of Network::join(), changing nothing. ENODEV: the device has gone.
    virtual Result<void> connect(Network& network) IPN_ON_LOOP = 0;
    // Null: disconnected.
    virtual Node* node() const = 0;
    // Called, with the reason, when it was disconnected by anything but close().
    virtual void on_disconnected(std::function<void(std::string reason)> callback) = 0;

    virtual void inspect(std::function<void(Result<Facts>)> done) const = 0;
    // EPERM: the caller has no CAP_NET_ADMIN there; EINVAL: bad value, or not of this kind.
    virtual void change(const Change& change, std::function<void(Result<void>)> done) = 0;
    // Whether the kernel keeps it when nobody holds it open.
    virtual void set_persistent(bool persistent, std::function<void(Result<void>)> done) = 0;

    // Disconnects it; one that ipnfs made is deleted, unless `keep` says so. `done` is called when
    // the kernel holds nothing of it any more. To be called once, without which it must not go.
    virtual void close(bool keep, std::function<void()> done) IPN_ON_LOOP = 0;
};

class InterfaceHost {
  public:
    struct Wish {
        NodeKind kind = NodeKind::tap;
        std::string name;                    // of a TAP: perhaps with %d for the first free number
        std::string netns;                   // a name in /run/netns or a pid; empty: the caller's
        Credentials caller;                  // whose request is outstanding until `done`
        bool by_mode = false;                // the caller needs no capability
        bool share = false;                  // of one to be grabbed: the host goes on using it
        std::uint32_t packet_bytes_max = 0;  // of the network
    };
    struct Made {
        std::unique_ptr<Interface> interface;
        std::string name;
        bool existed = false;  // before
    };

    virtual ~InterfaceHost() = default;
    // EPERM: the caller has no CAP_NET_ADMIN there; EBUSY: another program has it; EEXIST: an
    // interface of that name is no TAP; ENODEV: there is none to be grabbed; EINVAL: bad name, one
    // that cannot be grabbed, or no such namespace; EOPNOTSUPP: this kernel cannot; ENOMEM.
    virtual void make(const Wish& wish, std::function<void(Result<Made>)> done) = 0;
};

}  // namespace ipn::core
