// bare_forwarder: the least that a program between two TAP interfaces can do, for comparison.
// `bare_forwarder NETNS TAP NETNS TAP` makes both, each in the network namespace of that name, and
// passes every frame from one to the other until it is killed.
//
// One thread, read(2) and write(2), virtio's header and all offloads: a frame is copied as often as
// ipnfs has to, once out of the kernel and once into it. Nothing is looked at, queued or counted.
// Not done: more than two interfaces, errors.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr unsigned kOffloadUdp = 0x20 | 0x40;  // TUN_F_USO4, TUN_F_USO6 (Linux 6.2)
constexpr int kHeaderBytes = 10;               // struct virtio_net_hdr
constexpr std::size_t kFrameMax = 65536 + 64;
constexpr int kTurnMax = 32;  // frames from one side, before the other has its turn

void check(bool good, const char* what) {
    if (good) return;
    std::perror(what);
    std::exit(1);
}

int open_tap(const char* space, const char* name) {
    const int entered = open((std::string("/run/netns/") + space).c_str(), O_RDONLY | O_CLOEXEC);
    check(entered >= 0 && setns(entered, CLONE_NEWNET) == 0, space);
    close(entered);
    const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    check(fd >= 0, "/dev/net/tun");
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    check(ioctl(fd, TUNSETIFF, &request) == 0, name);
    int header = kHeaderBytes;
    check(ioctl(fd, TUNSETVNETHDRSZ, &header) == 0, "TUNSETVNETHDRSZ");
    constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    check(ioctl(fd, TUNSETOFFLOAD, kTcp | kOffloadUdp) == 0 || ioctl(fd, TUNSETOFFLOAD, kTcp) == 0,
          "TUNSETOFFLOAD");
    return fd;
}

// What waits there, but no more than a turn; false if nothing did. What the other side does not
// take is lost, as on a network.
bool pass(int from, int to, std::vector<char>& frame) {
    for (int count = 0; count < kTurnMax; ++count) {
        const ssize_t length = read(from, frame.data(), frame.size());
        if (length < 0) return count > 0;
        [[maybe_unused]] const ssize_t taken =
            write(to, frame.data(), static_cast<std::size_t>(length));
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("usage: bare_forwarder NETNS TAP NETNS TAP\n", stderr);
        return 2;
    }
    const int one = open_tap(argv[1], argv[2]);
    const int two = open_tap(argv[3], argv[4]);
    std::vector<char> frame(kFrameMax);
    std::array<pollfd, 2> both{pollfd{one, POLLIN, 0}, pollfd{two, POLLIN, 0}};
    for (;;) {
        bool any = pass(one, two, frame);
        any = pass(two, one, frame) || any;
        if (!any && poll(both.data(), both.size(), -1) < 0 && errno != EINTR) return 1;
    }
}
