// blaster: sends and receives numbered packets of all sizes, and checks every byte; for
// test_order.py.
//
//     blaster send PORT SENDER PACKETS
//     blaster receive PORT SENDERS PACKETS
//     blaster both PORT SENDER SENDERS PACKETS
//
// Each of the senders 0 .. SENDERS-1 sends PACKETS packets. A packet begins with its sender's
// number; its length and contents follow from that and from how many this sender sent before. A
// receiver thus knows what comes next from each sender, and leaves open only which sender's packet
// comes next: that order it prints, a byte (the sender's number) a packet, for comparison with what
// other receivers saw.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr size_t kLongestPacket = 65535;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

class Contents {
  public:
    Contents() {
        std::mt19937 random(1);
        for (auto& byte : bytes_) byte = static_cast<uint8_t>(random());
    }

    // What the sender's packet number `number` looks like; valid until the next call.
    std::string_view packet(uint8_t sender, uint32_t number) {
        const uint64_t mixed = (uint64_t{number} << 8 | sender) * 0x9E3779B97F4A7C15;
        const size_t start = (mixed >> 20) % kStarts;
        const size_t size = 1 + (mixed >> 40) % kLongestPacket;
        packet_[0] = static_cast<char>(sender);
        std::memcpy(packet_.data() + 1, bytes_.data() + start, size - 1);
        return {packet_.data(), size};
    }

  private:
    static constexpr size_t kStarts = 4096;
    std::array<uint8_t, kStarts + kLongestPacket> bytes_;
    std::array<char, kLongestPacket> packet_;
};

void send(int port, uint8_t sender, uint32_t packets) {
    Contents contents;
    for (uint32_t number = 0; number < packets; ++number) {
        const auto packet = contents.packet(sender, number);
        const ssize_t sent = write(port, packet.data(), packet.size());
        if (sent != static_cast<ssize_t>(packet.size())) fail("write");
    }
}

// Receives all that the senders send, except number `self`'s; returns the order.
std::string receive(int port, int senders, uint32_t packets, int self = -1) {
    Contents contents;
    std::vector<uint32_t> next(senders);
    std::vector<char> buffer(kLongestPacket + 1);
    std::string order;
    const size_t expected = size_t{packets} * (self < 0 ? senders : senders - 1);
    while (order.size() < expected) {
        const ssize_t size = read(port, buffer.data(), buffer.size());
        if (size <= 0) fail("read");
        const auto sender = static_cast<uint8_t>(buffer[0]);
        const std::string_view received(buffer.data(), size);
        if (sender >= senders || sender == self ||
            received != contents.packet(sender, next[sender]++)) {
            std::fprintf(stderr, "packet %zu, %zd bytes from %d: not the one expected\n",
                         order.size(), size, sender);
            std::exit(1);
        }
        order.push_back(buffer[0]);
    }
    return order;
}

int open_port(const char* path, int access) {
    const int port = open(path, access | O_CLOEXEC);
    if (port < 0) fail(path);
    return port;
}

void print(const std::string& order) {
    if (std::fwrite(order.data(), 1, order.size(), stdout) != order.size()) fail("stdout");
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view role = argc > 1 ? argv[1] : "";
    const auto number = [&](int i) { return static_cast<uint32_t>(std::stoul(argv[i])); };
    if (role == "send" && argc == 5) {
        send(open_port(argv[2], O_WRONLY), static_cast<uint8_t>(number(3)), number(4));
    } else if (role == "receive" && argc == 5) {
        print(receive(open_port(argv[2], O_RDONLY), static_cast<int>(number(3)), number(4)));
    } else if (role == "both" && argc == 6) {
        const int port = open_port(argv[2], O_RDWR);
        const auto self = static_cast<uint8_t>(number(3));
        std::thread sender([&] { send(port, self, number(5)); });
        print(receive(port, static_cast<int>(number(4)), number(5), self));
        sender.join();
    } else {
        std::fputs("usage: see the beginning of blaster.cc\n", stderr);
        return 2;
    }
}
