#include "netdev/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "netdev/links.h"

namespace ipn::netdev {

using core::fail;
using core::Interface;
using core::PacketRef;
using core::Result;
using Wish = core::InterfaceHost::Wish;

namespace {

// Newer than our headers (Linux 6.2).
constexpr unsigned kOffloadUdp4 = 0x20;  // TUN_F_USO4
constexpr unsigned kOffloadUdp6 = 0x40;  // TUN_F_USO6

constexpr std::uint32_t kEthernetHeader = ETH_HLEN;

auto gone() {
    return fail(ENODEV, "the interface has gone");
}

// An open /dev/net/tun that is interface `name` now, of the thread's namespace, and is called
// `got`.
Result<Fd> open_tun(const std::string& name, std::string& got) {
    Fd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    if (!fd.valid()) return system_failure("/dev/net/tun");
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return system_failure("TAP " + name);
    got = request.ifr_name;
    return fd;
}

// Agrees with the kernel on the header before each frame, and on as much as it offers.
Result<unsigned> agree_on_offloads(const Fd& fd) {
    constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    int header = core::Offload::kWireBytes;
    if (ioctl(fd.get(), TUNSETVNETHDRSZ, &header) != 0) return system_failure("TUNSETVNETHDRSZ");
    for (const unsigned offered : {kTcp | kOffloadUdp4 | kOffloadUdp6, kTcp, 0u})
        if (ioctl(fd.get(), TUNSETOFFLOAD, offered) == 0) return offered;
    return system_failure("TUNSETOFFLOAD");
}

Result<TapDevice> ready(Fd fd, std::string name, bool made) {
    const auto offloads = agree_on_offloads(fd);
    if (!offloads) return tl::unexpected(offloads.error());
    return TapDevice{std::move(fd), std::move(name), made, *offloads};
}

// The MTU of an interface whose frames the network takes. A network that has room for VLAN tags
// besides 1500 bytes is for that.
std::uint32_t mtu_for(std::uint32_t packet_bytes_max) {
    constexpr std::uint32_t kUsual = 1500, kTags = 8, kLeast = 68, kMost = 65535 - kEthernetHeader;
    const std::uint32_t room = packet_bytes_max - std::min(packet_bytes_max, kEthernetHeader);
    if (room >= kUsual && room <= kUsual + kTags) return kUsual;
    return std::clamp(room, kLeast, kMost);
}

// Attaches the interface `link` of the thread's namespace.
Result<TapDevice> attach(const Link& link) {
    if (link.kind != "tun" || link.type != ARPHRD_ETHER) {
        return fail(EEXIST, "there is an interface " + link.name + ", and it is no TAP");
    }
    std::string name;
    auto fd = open_tun(link.name, name);
    if (!fd && fd.error().code == EBUSY)
        return fail(EBUSY, "TAP " + link.name + " is in use by another program");
    if (!fd && fd.error().code == EINVAL)
        return fail(EBUSY, "TAP " + link.name + " has several queues, which are not for us");
    if (!fd) return tl::unexpected(fd.error());
    return ready(std::move(*fd), std::move(name), false);
}

Result<std::string> current_name(int fd) {
    ifreq request{};
    if (ioctl(fd, TUNGETIFF, &request) != 0) return gone();
    return std::string(request.ifr_name);
}

// Where the interface is at this moment, wherever it was opened.
Result<Namespace> current_namespace(int fd) {
    Fd found(ioctl(fd, TUNGETDEVNETNS));
    if (!found.valid()) return errno == EBADFD ? gone() : system_failure("TUNGETDEVNETNS");
    return Namespace(std::move(found));
}

std::string names_of(unsigned offloads) {
    std::string names;
    const auto add = [&](unsigned flag, const char* name) {
        if ((offloads & flag) == 0) return;
        names += names.empty() ? "" : " ";
        names += name;
    };
    add(TUN_F_CSUM, "checksum");
    add(TUN_F_TSO4, "tso4");
    add(TUN_F_TSO6, "tso6");
    add(kOffloadUdp4, "uso4");
    add(kOffloadUdp6, "uso6");
    return names;
}

Result<Link> current_link(int fd, const Namespace& where) {
    const auto name = current_name(fd);
    if (!name) return tl::unexpected(name.error());
    auto link = find_link(where, *name);
    if (!link) return tl::unexpected(link.error());
    if (!*link) return gone();
    return std::move(**link);
}

Result<Interface::Facts> inspect_tap(int fd, unsigned offloads) {
    const auto where = current_namespace(fd);
    if (!where) return tl::unexpected(where.error());
    const auto link = current_link(fd, *where);
    if (!link) return tl::unexpected(link.error());
    Interface::Facts facts = facts_of(*link, *where);
    facts.offloads = names_of(offloads);
    return facts;
}

template <typename Change>
Result<void> change_tap(int fd, const Change& change) {
    const auto where = current_namespace(fd);
    if (!where) return tl::unexpected(where.error());
    const auto link = current_link(fd, *where);
    if (!link) return tl::unexpected(link.error());
    return change_link(*where, *link, change);
}

// Moves what was made in the nursery to `target`, where it is called `name` from then on, and up.
Result<void> deliver_to(const Namespace& nursery, const Namespace& target, TapDevice& device,
                        const std::string& name, std::uint32_t mtu) {
    const auto link = current_link(device.fd.get(), nursery);
    if (!link) return tl::unexpected(link.error());
    if (mtu != link->mtu)
        if (auto changed = change_link(nursery, *link, LinkChange{.mtu = mtu}); !changed)
            return changed;
    auto moved = change_link(nursery, *link, LinkChange{.netns = target.fd(), .name = name});
    if (!moved && moved.error().code == EEXIST)
        return fail(EEXIST, "there is an interface " + name + " already");
    if (!moved) return moved;
    auto now = current_name(device.fd.get());
    if (!now) return tl::unexpected(now.error());
    device.name = std::move(*now);
    return change_tap(device.fd.get(), LinkChange{.up = true});
}

// Makes it where nobody sees it, and moves it where it is wanted. Under its own name already, so
// that it does not move if that is taken; the first free number is that of where it comes to.
Result<TapDevice> make_for(Host& host, const Namespace& target, const Wish& wish) {
    const bool numbered = wish.name.find('%') != wish.name.npos;
    const auto nursery = host.nursery();
    if (!nursery) return tl::unexpected(nursery.error());
    auto made = run_in(**nursery, [&]() -> Result<TapDevice> {
        std::string name;
        auto fd = open_tun(numbered ? "ipnfs-nursery" : wish.name, name);
        if (!fd) return tl::unexpected(fd.error());
        return ready(std::move(*fd), std::move(name), true);
    });
    if (!made) return made;
    auto delivered =
        deliver_to(**nursery, target, *made, wish.name, mtu_for(wish.packet_bytes_max));
    if (!delivered) return tl::unexpected(delivered.error());
    return made;
}

}  // namespace

Result<TapDevice> make_tap(Host& host, const Wish& wish) {
    const auto target = namespace_for(wish);
    if (!target) return tl::unexpected(target.error());
    const auto existing = find_link(*target, wish.name);
    if (!existing) return tl::unexpected(existing.error());
    if (!*existing) return make_for(host, *target, wish);
    return run_in(*target, [&] { return attach(**existing); });
}

Tap::Tap(Host& host, TapDevice device, core::Credentials maker)
    : Device(host, core::NodeKind::tap, std::move(device.fd), maker),
      made_(device.made),
      offloads_(device.offloads) {}

void Tap::inspect(std::function<void(Result<Facts>)> done) const {
    host().ask<Facts>([fd = fd(), offloads = offloads_] { return inspect_tap(fd, offloads); },
                      std::move(done));
}

void Tap::change(const Change& change, std::function<void(Result<void>)> done) {
    host().ask<void>([fd = fd(), change] { return change_tap(fd, change); }, std::move(done));
}

void Tap::set_persistent(bool persistent, std::function<void(Result<void>)> done) {
    host().ask<void>(
        [fd = fd(), made = made_, persistent]() -> Result<void> {
            // One that existed without us stays persistent.
            if (!made || ioctl(fd, TUNSETPERSIST, persistent ? 1UL : 0UL) == 0) return {};
            return errno == EBADFD ? gone() : system_failure("TUNSETPERSIST");
        },
        std::move(done));
}

void Tap::read(bool once) {
    if (once)
        host().ring().read_once(fd(), intake().buffers(), reception());
    else
        host().ring().read(fd(), intake().buffers(), reception());
}

PacketRef Tap::received_packet(std::uint16_t buffer, std::size_t bytes) {
    if (bytes <= Intake::kHeaderBytes) return {};
    const PacketRef& packet = intake().packet(buffer);
    packet->set_length(static_cast<std::uint32_t>(bytes - Intake::kHeaderBytes));
    const auto offload =
        core::Offload::from_wire(intake().header(buffer), {packet->data(), packet->length()});
    if (!offload) return {};
    packet->offload = *offload;
    return packet;
}

// EBADFD, that is, but whatever else it may be would come again and again.
bool Tap::is_end(int) const {
    return true;
}

std::function<void()> Tap::ending(bool keep, int fd) {
    return [fd, delete_it = made_ && !keep] {
        if (delete_it) ioctl(fd, TUNSETPERSIST, 0UL);
        ::close(fd);
    };
}

}  // namespace ipn::netdev
