// Grab: an existing Ethernet interface that the host has given up to a network.
//
// A packet socket sees every frame that it receives, promiscuously, and sends through it; two
// programs keep the host's own stack away meanwhile (tcx.h). With the descriptors all of it goes.
// What the kernel took off a frame or left undone is put right: a VLAN tag from the auxiliary data,
// checksums and segments by virtio's header.
// The socket is told when the interface is deleted or moved away only while it is up; hence a
// netlink socket besides, whose messages are not read but taken as occasions to look.
// Threads: the loop's; the functions that say so elsewhere. Not done: making the wire
// wait: what comes while nothing is read is lost once the socket's buffer is full.
#pragma once

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "netdev/device.h"
#include "netdev/tcx.h"

namespace ipn::netdev {

// What only the worker touches, after it was made.
struct GrabbedLink {
    Namespace where;
    std::uint32_t index;
    Tcx tcx;
    bool share;
};

struct GrabDevice {
    Fd socket;
    Fd watch;  // netlink's messages about interfaces
    std::string name;
    std::shared_ptr<GrabbedLink> link;
};

// Not on the loop. ENODEV: no such interface; EINVAL: loopback, or no Ethernet; EBUSY: it belongs
// to a bridge or bond, or is grabbed; and as core::InterfaceHost has it.
core::Result<GrabDevice> make_grab(const core::InterfaceHost::Wish& wish);

class Grab final : public Device {
  public:
    Grab(Host& host, GrabDevice device, core::Credentials maker);

    void inspect(std::function<void(core::Result<Facts>)> done) const override;
    void change(const Change& change, std::function<void(core::Result<void>)> done) override;
    void set_persistent(bool persistent, std::function<void(core::Result<void>)> done) override;

  private:
    class Watch final : public ring::Operation {
      public:
        explicit Watch(Grab& grab) : grab_(grab) {}

      private:
        void completed(int result) override { grab_.watched(result); }
        Grab& grab_;
    };

    void read(bool once) override IPN_ON_LOOP;
    core::PacketRef received_packet(std::uint16_t buffer, std::size_t bytes) override IPN_ON_LOOP;
    struct Came;
    std::optional<Came> unpack(std::uint16_t buffer, std::size_t bytes);
    core::PacketRef allocate(std::size_t bytes) IPN_ON_LOOP;
    bool is_end(int error) const override;
    bool idle() const override { return !watching_; }
    void stop() override IPN_ON_LOOP;
    std::function<void()> ending(bool keep, int fd) override;
    void watch();
    void watched(int result);

    Fd watch_fd_;
    Watch watch_{*this};
    bool watching_ = false;
    bool stopped_ = false;
    msghdr form_{};  // of what is received; with what came besides, if it was received once
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(tpacket_auxdata))> control_{};
    bool once_ = false;
    std::shared_ptr<GrabbedLink> link_;
};

}  // namespace ipn::netdev
