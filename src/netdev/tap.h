// Tap: a TAP interface as a node.
//
// One that ipnfs made is deleted with its descriptor, unless it was made persistent. It is made in
// the daemon's own nursery and moved to where it is wanted, since an open descriptor keeps the
// namespace alive in which it was opened: so the namespace in which the interface is can go, and
// the interface with it. One that existed, persistent, is attached where it is.
// Frames carry virtio's header both ways; the kernel is told to leave to us what the other nodes'
// kernels, or the network, can do later: checksums, TCP and UDP segmentation.
// Threads: the loop's; the functions that say so elsewhere.
#pragma once

#include <functional>
#include <string>

#include "netdev/device.h"

namespace ipn::netdev {

// What was made or attached.
struct TapDevice {
    Fd fd;
    std::string name;
    bool made = false;      // by us
    unsigned offloads = 0;  // TUN_F_*
};

// Not on the loop. Errors: see core::InterfaceHost.
core::Result<TapDevice> make_tap(Host& host, const core::InterfaceHost::Wish& wish);

class Tap final : public Device {
  public:
    Tap(Host& host, TapDevice device, core::Credentials maker);

    void inspect(std::function<void(core::Result<Facts>)> done) const override;
    void change(const Change& change, std::function<void(core::Result<void>)> done) override;
    void set_persistent(bool persistent, std::function<void(core::Result<void>)> done) override;

  private:
    void read(bool once) override IPN_ON_LOOP;
    core::PacketRef received_packet(std::uint16_t buffer, std::size_t bytes) override IPN_ON_LOOP;
    bool is_end(int error) const override;
    std::function<void()> ending(bool keep, int fd) override;

    const bool made_;
    const unsigned offloads_;
};

}  // namespace ipn::netdev
