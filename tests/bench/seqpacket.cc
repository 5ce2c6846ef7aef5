#include "seqpacket.h"

#include <sys/socket.h>

#include <utility>
#include <vector>

#include "errors.h"
#include "fd.h"

namespace bench {

namespace {

class SeqpacketEndpoint : public Endpoint {
  public:
    explicit SeqpacketEndpoint(std::vector<int> sockets) : sockets_(std::move(sockets)) {}

    void send(std::span<const std::byte> packet) override {
        for (const int socket : sockets_) {
            check(::send(socket, packet.data(), packet.size(), MSG_NOSIGNAL), "seqpacket send");
        }
    }
    std::size_t receive(std::span<std::byte> buffer) override {
        const ssize_t bytes = ::recv(sockets_.front(), buffer.data(), buffer.size(), 0);
        return static_cast<std::size_t>(check(bytes, "seqpacket recv"));
    }

  private:
    std::vector<int> sockets_;
};

struct SocketPair {
    Fd sender;
    Fd receiver;
};

SocketPair make_pair_of_sockets() {
    int pair[2];
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "socketpair");
    return {Fd(pair[0]), Fd(pair[1])};
}

class SeqpacketNetwork : public Network {
  public:
    explicit SeqpacketNetwork(unsigned readers) {
        while (pairs_.size() < readers) pairs_.push_back(make_pair_of_sockets());
    }

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        std::vector<int> sockets;
        if (role == Role::reader || number == 1) {
            sockets = {pairs_[role == Role::reader ? number : 0].receiver.get()};
        } else {
            for (const SocketPair& pair : pairs_) sockets.push_back(pair.sender.get());
        }
        return std::make_unique<SeqpacketEndpoint>(std::move(sockets));
    }

  private:
    std::vector<SocketPair> pairs_;
};

class Seqpacket : public Transport {
  public:
    std::string name() const override { return "SEQPACKET"; }
    std::string setting() const override { return "a socket pair per reader, lossless"; }
    std::size_t packet_bytes_max() const override { return 65535; }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<SeqpacketNetwork>(setup.readers);
    }
};

}  // namespace

std::unique_ptr<Transport> make_seqpacket() {
    return std::make_unique<Seqpacket>();
}

}  // namespace bench
