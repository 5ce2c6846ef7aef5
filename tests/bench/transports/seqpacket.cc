#include "transports/seqpacket.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <utility>
#include <vector>

#include "harness/errors.h"
#include "harness/fd.h"
#include "transports/message_batch.h"

namespace bench {

namespace {

struct Inbox {
    Fd in;
    Fd out;
};

Inbox make_inbox() {
    int pair[2];
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "socketpair");
    return {Fd(pair[0]), Fd(pair[1])};
}

class SeqpacketEndpoint : public Endpoint {
  public:
    SeqpacketEndpoint(std::vector<int> to, int from, std::size_t buffer_bytes)
        : to_(std::move(to)), from_(from), buffer_(buffer_bytes) {}

    void send(std::span<const std::byte> packet) override {
        for (const int inbox : to_) {
            check(::send(inbox, packet.data(), packet.size(), MSG_NOSIGNAL), "seqpacket send");
        }
    }
    std::span<const std::byte> receive() override {
        const ssize_t bytes =
            check(::recv(from_, buffer_.data(), buffer_.size(), 0), "seqpacket recv");
        return std::span(buffer_).first(static_cast<std::size_t>(bytes));
    }

  private:
    std::vector<int> to_;
    int from_;
    std::vector<std::byte> buffer_;
};

class BatchedSeqpacketEndpoint : public Endpoint {
  public:
    BatchedSeqpacketEndpoint(std::vector<int> to, int from, const MessageBatch::Setting& setting)
        : to_(std::move(to)), from_(from), sent_(setting), received_(setting) {}

    void send(std::span<const std::byte> packet) override {
        if (!sent_.add(packet)) return;
        for (const int inbox : to_) sent_.send_all(inbox);
        sent_.clear();
    }
    std::span<const std::byte> receive() override { return received_.receive(from_); }

  private:
    std::vector<int> to_;
    int from_;
    MessageBatch sent_;
    MessageBatch received_;
};

class SeqpacketNetwork : public Network {
  public:
    SeqpacketNetwork(const NetworkSetup& setup, unsigned packets_a_call)
        : buffer_bytes_(setup.buffer_bytes), packets_a_call_(packets_a_call) {
        while (inboxes_.size() < setup.members.receivers()) inboxes_.push_back(make_inbox());
    }

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        std::vector<int> to;
        for (std::size_t receiver = 0; receiver < inboxes_.size(); ++receiver) {
            const bool own = role == Role::both && receiver == number;
            if (role != Role::reader && !own) to.push_back(inboxes_[receiver].in.get());
        }
        const int from = role == Role::writer ? -1 : inboxes_[number].out.get();
        if (packets_a_call_ == 1) {
            return std::make_unique<SeqpacketEndpoint>(std::move(to), from, buffer_bytes_);
        }
        return std::make_unique<BatchedSeqpacketEndpoint>(
            std::move(to), from,
            MessageBatch::Setting{.messages = packets_a_call_, .bytes_each = buffer_bytes_});
    }

  private:
    std::size_t buffer_bytes_;
    unsigned packets_a_call_;
    std::vector<Inbox> inboxes_;
};

class Seqpacket : public Transport {
  public:
    explicit Seqpacket(unsigned packets_a_call) : packets_a_call_(packets_a_call) {}

    std::string name() const override { return seqpacket_name(packets_a_call_); }
    std::string setting() const override {
        return packets_a_call_ == 1 ? "a socket pair per receiver, lossless"
                                    : "the same by sendmmsg and recvmmsg";
    }
    bool carries(const NetworkSetup& setup) const override { return setup.packet_bytes <= 65535; }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<SeqpacketNetwork>(setup, packets_a_call_);
    }

  private:
    unsigned packets_a_call_;
};

}  // namespace

std::string seqpacket_name(unsigned packets_a_call) {
    return packets_a_call == 1 ? "SEQPACKET" : fmt::format("SEQPACKET, {} a call", packets_a_call);
}

std::unique_ptr<Transport> make_seqpacket(unsigned packets_a_call) {
    return std::make_unique<Seqpacket>(packets_a_call);
}

}  // namespace bench
