#include "netdev/grab.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "netdev/capability.h"
#include "netdev/links.h"

namespace ipn::netdev {

using core::fail;
using core::Interface;
using core::PacketRef;
using core::Result;
using Wish = core::InterfaceHost::Wish;

namespace {

constexpr std::size_t kAddresses = 2 * ETH_ALEN;  // what stands before a VLAN tag
constexpr std::size_t kTagBytes = 4;

Result<void> check(const Link& link) {
    if ((link.flags & IFF_LOOPBACK) != 0)
        return fail(EINVAL, "the loopback interface is not for others");
    if (link.type != ARPHRD_ETHER) return fail(EINVAL, link.name + " is no Ethernet interface");
    if (link.master != 0) return fail(EBUSY, link.name + " belongs to a bridge or bond");
    return {};
}

template <typename T>
bool set(const Fd& socket, int level, int option, const T& value) {
    return setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

// Sees nothing before it is bound, so that nothing reaches it of what the host's stack gets as
// well.
Result<Fd> open_packet_socket(std::uint32_t index, std::uint32_t mark) {
    constexpr int kOn = 1;
    constexpr int kBufferBytes = 4 * 1024 * 1024;
    const packet_mreq promiscuous{.mr_ifindex = static_cast<int>(index),
                                  .mr_type = PACKET_MR_PROMISC,
                                  .mr_alen = 0,
                                  .mr_address = {}};
    Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return system_failure("a packet socket");
    const bool ready = set(fd, SOL_PACKET, PACKET_VNET_HDR, kOn) &&
                       set(fd, SOL_PACKET, PACKET_AUXDATA, kOn) &&
                       set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, kOn) &&
                       set(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous) &&
                       set(fd, SOL_SOCKET, SO_MARK, mark);
    if (!ready) return system_failure("preparing the packet socket");
    // As much as is allowed, where it is not the host's administrator who runs the daemon.
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, kBufferBytes))
        set(fd, SOL_SOCKET, SO_RCVBUF, kBufferBytes);

    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return system_failure("binding the packet socket");
    return fd;
}

Result<Fd> open_watch() {
    Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    const bool bound = fd.valid() && bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                                          sizeof address) == 0;
    if (!bound) return system_failure("watching the interface");
    return fd;
}

// Whether the socket's interface is there no more: deleted, or in another namespace. Asks no lock.
bool has_gone(int socket) {
    sockaddr_ll address{};
    socklen_t length = sizeof address;
    getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
    return address.sll_ifindex <= 0;
}

Result<GrabDevice> grab(const Link& link, Namespace where, bool share) {
    std::uint32_t mark = 0;
    while (mark == 0)
        if (getrandom(&mark, sizeof mark, 0) != sizeof mark) return system_failure("getrandom");
    auto tcx = Tcx::attach(link.index, mark, share);
    if (!tcx) return tl::unexpected(tcx.error());
    auto watch = open_watch();
    if (!watch) return tl::unexpected(watch.error());
    auto socket = open_packet_socket(link.index, mark);
    if (!socket) return tl::unexpected(socket.error());
    return GrabDevice{std::move(*socket), std::move(*watch), link.name,
                      std::make_shared<GrabbedLink>(
                          GrabbedLink{std::move(where), link.index, std::move(*tcx), share})};
}

Result<Interface::Facts> inspect_grab(const GrabbedLink& grabbed) {
    const auto link = link_at(grabbed.where, grabbed.index);
    if (!link) return tl::unexpected(link.error());
    Interface::Facts facts = facts_of(*link, grabbed.where);
    facts.offloads = "checksum tso4 tso6";
    facts.share = grabbed.share ? "1" : "0";
    return facts;
}

Result<void> change_share(GrabbedLink& grabbed, const Interface::Change& change) {
    if (change.value != "0" && change.value != "1")
        return fail(EINVAL, "share is either '0' or '1'");
    if (auto may = check_net_admin(change.caller, grabbed.where); !may) return may;
    const bool share = change.value == "1";
    if (auto changed = grabbed.tcx.set_share(share); !changed) return changed;
    grabbed.share = share;
    return {};
}

Result<void> change_grab(GrabbedLink& grabbed, const Interface::Change& change) {
    if (change.property == Interface::Property::share) return change_share(grabbed, change);
    if (change.property == Interface::Property::netns)
        return fail(EINVAL, "a grabbed interface stays where it is");
    const auto link = link_at(grabbed.where, grabbed.index);
    if (!link) return tl::unexpected(link.error());
    return change_link(grabbed.where, *link, change);
}

using Tag = std::array<std::uint16_t, 2>;

// The VLAN tag that the kernel took off a frame, if this says so.
std::optional<Tag> tag_in(const cmsghdr* control) {
    if (control == nullptr || control->cmsg_level != SOL_PACKET ||
        control->cmsg_type != PACKET_AUXDATA)
        return std::nullopt;
    tpacket_auxdata auxiliary;
    std::memcpy(&auxiliary, CMSG_DATA(control), sizeof auxiliary);
    if ((auxiliary.tp_status & TP_STATUS_VLAN_VALID) == 0) return std::nullopt;
    const bool named = (auxiliary.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
    const std::uint16_t type = named ? auxiliary.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q};
    return Tag{htons(type), htons(auxiliary.tp_vlan_tci)};
}

}  // namespace

Result<GrabDevice> make_grab(const Wish& wish) {
    auto where = namespace_for(wish);
    if (!where) return tl::unexpected(where.error());
    const auto link = find_link(*where, wish.name);
    if (!link) return tl::unexpected(link.error());
    if (!*link) return fail(ENODEV, "there is no interface " + wish.name);
    if (auto good = check(**link); !good) return tl::unexpected(good.error());
    return run_in(*where, [&] { return grab(**link, std::move(*where), wish.share); });
}

Grab::Grab(Host& host, GrabDevice device, core::Credentials maker)
    : Device(host, core::NodeKind::grab, std::move(device.socket), maker),
      watch_fd_(std::move(device.watch)),
      link_(std::move(device.link)) {
    watch();
}

void Grab::inspect(std::function<void(Result<Facts>)> done) const {
    host().ask<Facts>([link = link_] { return inspect_grab(*link); }, std::move(done));
}

void Grab::change(const Change& change, std::function<void(Result<void>)> done) {
    host().ask<void>([link = link_, change] { return change_grab(*link, change); },
                     std::move(done));
}

void Grab::set_persistent(bool persistent, std::function<void(Result<void>)> done) {
    host().ask<void>(
        [persistent]() -> Result<void> {
            if (!persistent) return {};
            return fail(EINVAL, "persist: only a TAP is kept by the kernel; '0' or '1' here");
        },
        std::move(done));
}

// ---- whether it is still there

void Grab::watch() {
    watching_ = true;
    host().ring().poll(watch_fd_.get(), POLLIN, watch_);
}

void Grab::stop() {
    stopped_ = true;
    if (watching_) host().ring().cancel(watch_);
}

void Grab::watched(int) {
    const core::AssumeLoop here;
    watching_ = false;
    if (stopped_) return end_if_idle();
    std::array<char, 8192> message;
    while (recv(watch_fd_.get(), message.data(), message.size(), MSG_DONTWAIT) >= 0) {
    }
    if (has_gone(fd()))
        vanish();
    else
        watch();
}

bool Grab::is_end(int) const {
    return has_gone(fd());
}

std::function<void()> Grab::ending(bool, int fd) {
    return [fd, watch = watch_fd_.release(), link = std::move(link_)]() mutable {
        ::close(fd);
        ::close(watch);
        link.reset();
    };
}

// ---- in

void Grab::read(bool once) {
    once_ = once;
    form_ = {};
    form_.msg_controllen = control_.size();
    if (!once) return host().ring().receive(fd(), form_, intake().buffers(), reception());
    form_.msg_control = control_.data();
    host().ring().receive_once(fd(), form_, intake().buffers(), reception());
}

// What was received: virtio's header, the frame behind it, and the tag that was taken off.
struct Grab::Came {
    std::span<std::byte> bytes;
    std::optional<Tag> tag;
};

// Received many times, each buffer holds everything: io_uring_recvmsg_out, the control messages,
// the data; and is aligned for frames, not for what stands before them. Once, the data only.
std::optional<Grab::Came> Grab::unpack(std::uint16_t buffer, std::size_t bytes) {
    const std::span<std::byte> memory = intake().memory(buffer);
    if (once_) {
        if ((form_.msg_flags & MSG_TRUNC) != 0) return std::nullopt;
        return Came{memory.first(bytes), tag_in(CMSG_FIRSTHDR(&form_))};
    }
    io_uring_recvmsg_out out;
    const std::size_t before_data = sizeof out + control_.size();
    if (bytes < before_data || bytes > memory.size()) return std::nullopt;
    std::memcpy(&out, memory.data(), sizeof out);
    if ((out.flags & MSG_TRUNC) != 0) return std::nullopt;
    std::memcpy(control_.data(), memory.data() + sizeof out, control_.size());
    const bool told = out.controllen >= sizeof(cmsghdr);
    return Came{memory.subspan(before_data, bytes - before_data),
                tag_in(told ? reinterpret_cast<const cmsghdr*>(control_.data()) : nullptr)};
}

PacketRef Grab::received_packet(std::uint16_t buffer, std::size_t bytes) {
    const auto came = unpack(buffer, bytes);
    if (!came || came->bytes.size() < Intake::kHeaderBytes + ETH_HLEN) return {};
    const auto header = came->bytes.first<Intake::kHeaderBytes>();
    const std::span<std::byte> frame = came->bytes.subspan(Intake::kHeaderBytes);
    const std::size_t added = came->tag ? kTagBytes : 0;
    auto offload = core::Offload::from_wire(header, frame);
    if (offload && came->tag) offload = offload->shifted(kTagBytes);
    if (!offload) return {};
    PacketRef packet = allocate(frame.size() + added);
    if (!packet) return {};
    std::memcpy(packet->data(), frame.data(), kAddresses);
    if (came->tag) std::memcpy(packet->data() + kAddresses, came->tag->data(), kTagBytes);
    std::memcpy(packet->data() + kAddresses + added, frame.data() + kAddresses,
                frame.size() - kAddresses);
    packet->offload = *offload;
    return packet;
}

// Even without memory for a packet there may be some to wait in until there is.
PacketRef Grab::allocate(std::size_t bytes) {
    core::PacketPool& pool = host().registry().packets();
    const auto length = static_cast<std::uint32_t>(bytes);
    PacketRef packet = pool.allocate(length, node()->account());
    if (!packet)
        packet = pool.allocate(length, node()->account(), core::Memory::Purpose::receiving);
    return packet;
}

}  // namespace ipn::netdev
