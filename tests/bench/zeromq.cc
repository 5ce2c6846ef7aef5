#include "zeromq.h"

#include <fmt/core.h>
#include <zmq.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "temporary_directory.h"

namespace bench {

namespace {

constexpr int queue_messages = 1000;  // ZeroMQ's default high-water mark
constexpr std::size_t queue_bytes_max =
    4 << 20;  // and a bound for large messages: they fall out of cache

void zmq_check(int result, const char* what) {
    if (result < 0)
        throw std::runtime_error(fmt::format("{}: {}", what, ::zmq_strerror(::zmq_errno())));
}

class ZeromqEndpoint : public Endpoint {
  public:
    ZeromqEndpoint(int type, int queue)
        : context_(::zmq_ctx_new()), socket_(::zmq_socket(context_, type)) {
        if (socket_ == nullptr) throw std::runtime_error("zmq_socket");
        set(ZMQ_SNDHWM, queue);
        set(ZMQ_RCVHWM, queue);
        set(ZMQ_LINGER, 0);
        set(ZMQ_RECONNECT_IVL, 1);
        if (type == ZMQ_SUB)
            zmq_check(::zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, "", 0), "subscribe");
        if (type == ZMQ_XPUB) {
            set(ZMQ_XPUB_NODROP, 1);
            set(ZMQ_XPUB_VERBOSE, 1);  // every subscriber is told, not only the first
        }
    }
    ~ZeromqEndpoint() override {
        ::zmq_close(socket_);
        ::zmq_ctx_term(context_);
    }
    ZeromqEndpoint(const ZeromqEndpoint&) = delete;
    ZeromqEndpoint& operator=(const ZeromqEndpoint&) = delete;

    void bind(const std::string& address) {
        zmq_check(::zmq_bind(socket_, address.c_str()), "zmq_bind");
    }
    void connect(const std::string& address) {
        zmq_check(::zmq_connect(socket_, address.c_str()), "zmq_connect");
    }

    void send(std::span<const std::byte> packet) override {
        zmq_check(::zmq_send(socket_, packet.data(), packet.size(), 0), "zmq_send");
    }
    std::size_t receive(std::span<std::byte> buffer) override {
        const int bytes = ::zmq_recv(socket_, buffer.data(), buffer.size(), 0);
        zmq_check(bytes, "zmq_recv");
        return static_cast<std::size_t>(bytes);
    }
    void wait_for_readers(unsigned readers) override {
        std::byte subscription[8];
        while (readers-- > 0) receive(subscription);
    }

  private:
    void set(int option, int value) {
        zmq_check(::zmq_setsockopt(socket_, option, &value, sizeof value), "zmq_setsockopt");
    }

    void* context_;
    void* socket_;
};

class ZeromqNetwork : public Network {
  public:
    ZeromqNetwork(const std::string& parent, const NetworkSetup& setup)
        : directory_(parent),
          queue_(std::clamp(static_cast<int>(queue_bytes_max / setup.packet_bytes), 1,
                            queue_messages)) {}

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        const int type = role == Role::both ? ZMQ_PAIR : role == Role::writer ? ZMQ_XPUB : ZMQ_SUB;
        auto endpoint = std::make_unique<ZeromqEndpoint>(type, queue_);
        const std::string address = "ipc://" + directory_.path() + "/socket";
        const bool first = role == Role::writer || (role == Role::both && number == 0);
        if (first)
            endpoint->bind(address);
        else
            endpoint->connect(address);
        return endpoint;
    }

  private:
    TemporaryDirectory directory_;
    int queue_;
};

class Zeromq : public Transport {
  public:
    explicit Zeromq(std::string directory) : directory_(std::move(directory)) {}

    std::string name() const override { return "ZeroMQ"; }
    std::string setting() const override {
        return fmt::format("PUB/SUB over ipc, lossless, queues of {} messages or {} MiB",
                           queue_messages, queue_bytes_max >> 20);
    }
    std::size_t packet_bytes_max() const override { return 1 << 20; }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<ZeromqNetwork>(directory_, setup);
    }

  private:
    std::string directory_;
};

}  // namespace

std::unique_ptr<Transport> make_zeromq(const std::string& directory) {
    return std::make_unique<Zeromq>(directory);
}

}  // namespace bench
