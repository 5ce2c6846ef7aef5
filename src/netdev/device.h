// Device: the node that a descriptor is from which frames are read and to which they are written.
//
// What is the same for every kind of interface: reading into the shared Intake, writing many frames
// at once, waiting while the network has no room, ending. Every frame stands behind a header as
// virtio has it (core/offload.h), both ways.
// In: what is read is sent at once. When the network has no room (it is lossless and full, or waits
// for readers), the packet is held and stands in the network's line, and nothing more is read, so
// that the kernel's own queue fills up. For that, reads for a lossless network are one at a time: a
// read that goes on by itself cannot be stopped between two packets that are there already. What it
// brings meanwhile on a lossy network, before enough readers are there, is dropped and counted.
// Out: up to kWritesMax frames are the kernel's at once, each holding its packet; the rest waits in
// the node's queue, which is bounded and counts. What the kernel does not take (the interface is
// down, say) is counted as dropped.
// Lifecycle: see core/interface.h. A descriptor whose reads fail belongs to an interface that has
// gone: the descriptor is the judge. Invariants: (1) whatever the kernel works on is kept until it
// says so; close() calls back after that. (2) held_ only while in the network's line.
// Threads: the loop only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/interface.h"
#include "core/network.h"
#include "core/node.h"
#include "netdev/fd.h"
#include "netdev/host.h"
#include "netdev/intake.h"
#include "netdev/ring/ring.h"

namespace ipn::netdev {

class Device : public core::Interface,
               private core::Endpoint,
               private core::SendWaiter,
               private ring::Reception,
               private Hungry {
  public:
    ~Device() override;

    core::Result<void> connect(core::Network& network) override IPN_ON_LOOP;
    core::Node* node() const override { return node_.get(); }
    void on_disconnected(std::function<void(std::string)> callback) override {
        disconnected_ = std::move(callback);
    }
    void close(bool keep, std::function<void()> done) override IPN_ON_LOOP;

  protected:
    // Throws as Intake does.
    Device(Host& host, core::NodeKind kind, Fd fd, core::Credentials maker);

    Host& host() const { return host_; }
    int fd() const { return fd_.get(); }
    Intake& intake() const { return *intake_; }
    ring::Reception& reception() { return *this; }

    // Hands reception() in, to receive many times, or once.
    virtual void read(bool once) IPN_ON_LOOP = 0;
    // What came in that buffer, `bytes` of it, as a packet: the buffer's or another. Null if it is
    // no frame, or there is no memory. May throw std::bad_alloc.
    virtual core::PacketRef received_packet(std::uint16_t buffer,
                                            std::size_t bytes) IPN_ON_LOOP = 0;
    // Whether a failed read says that the interface has gone, and not only that it is down.
    virtual bool is_end(int error) const = 0;
    // Whether the kernel has nothing else of it, which stop() makes happen.
    virtual bool idle() const { return true; }
    virtual void stop() IPN_ON_LOOP {}
    // What ends the interface, elsewhere than on the loop; all its descriptors are the job's.
    virtual std::function<void()> ending(bool keep, int fd) = 0;

    // The interface has gone.
    void vanish() IPN_ON_LOOP;
    // Calls ending(), if everything is idle.
    void end_if_idle();

  private:
    class Write;
    static constexpr unsigned kWritesMax = 64;

    // Reception, Hungry
    void received(int result, std::optional<std::uint16_t> buffer, bool more) override;
    void buffers_came() override;
    // Endpoint
    void deliver() override;
    void writable() override {}
    void state_changed() override;
    // SendWaiter
    bool retry() override;

    void resume() IPN_ON_LOOP;
    void take_in(std::uint16_t buffer, std::size_t bytes) IPN_ON_LOOP;
    core::Network::Send send(const core::PacketRef& packet,
                             const core::SendWaiter* waiter) IPN_ON_LOOP;
    bool write(core::PacketRef packet) IPN_ON_LOOP;
    void written(bool taken) IPN_ON_LOOP;
    void count_dropped() {
        if (node_) node_->count_dropped();
    }
    void let_go() IPN_ON_LOOP;  // of what waits to be sent
    void leave(core::Event::Reason reason) IPN_ON_LOOP;
    // `reason` is what the events say, `words` the file.
    void disconnect(core::Event::Reason reason, std::string words) IPN_ON_LOOP;

    Host& host_;
    const core::NodeKind kind_;
    Fd fd_;
    const core::Credentials maker_;
    std::shared_ptr<Intake> intake_;
    std::unique_ptr<core::Node> node_;
    core::PacketRef held_;
    unsigned writes_ = 0;  // in the kernel
    bool reading_ = false;
    bool gone_ = false;
    bool keep_ = false;
    std::function<void(std::string)> disconnected_;
    std::function<void()> closed_;
};

}  // namespace ipn::netdev
