#include "transports/zeromq.h"

#include <fmt/core.h>
#include <zmq.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/temporary_directory.h"

namespace bench {

namespace {

constexpr int queue_messages = 1000;  // ZeroMQ's default high-water mark
constexpr std::size_t queue_bytes_max =
    4 << 20;  // and a bound for large messages: they fall out of cache

void zmq_check(int result, const char* what) {
    if (result < 0)
        throw std::runtime_error(fmt::format("{}: {}", what, ::zmq_strerror(::zmq_errno())));
}

class Socket {
  public:
    Socket(void* context, int type, int queue) : socket_(::zmq_socket(context, type)) {
        if (socket_ == nullptr) throw std::runtime_error("zmq_socket");
        // What a subscriber sends are subscriptions; those that do not fit would be dropped.
        set(ZMQ_SNDHWM, type == ZMQ_SUB ? 0 : queue);
        set(ZMQ_RCVHWM, queue);
        set(ZMQ_LINGER, 0);
        set(ZMQ_RECONNECT_IVL, 1);
        if (type == ZMQ_XPUB) {
            set(ZMQ_XPUB_NODROP, 1);
            set(ZMQ_XPUB_VERBOSE, 1);  // every subscriber is told, not only the first
        }
    }
    Socket(Socket&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
    Socket& operator=(Socket&&) = delete;
    ~Socket() {
        if (socket_ != nullptr) ::zmq_close(socket_);
    }

    void subscribe(const std::string& topic) {
        zmq_check(::zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, topic.data(), topic.size()),
                  "subscribe");
    }
    void bind(const std::string& address) {
        zmq_check(::zmq_bind(socket_, address.c_str()), "zmq_bind");
    }
    void connect(const std::string& address) {
        zmq_check(::zmq_connect(socket_, address.c_str()), "zmq_connect");
    }
    void send(std::span<const std::byte> packet) {
        zmq_check(::zmq_send(socket_, packet.data(), packet.size(), 0), "zmq_send");
    }
    std::span<const std::byte> receive(std::span<std::byte> buffer) {
        const int bytes = ::zmq_recv(socket_, buffer.data(), buffer.size(), 0);
        zmq_check(bytes, "zmq_recv");
        return buffer.first(static_cast<std::size_t>(bytes));
    }

  private:
    void set(int option, int value) {
        zmq_check(::zmq_setsockopt(socket_, option, &value, sizeof value), "zmq_setsockopt");
    }

    void* socket_;
};

class Context {
  public:
    Context() = default;
    ~Context() { ::zmq_ctx_term(context_); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    void* get() const { return context_; }

  private:
    void* context_ = ::zmq_ctx_new();
};

class ZeromqEndpoint : public Endpoint {
  public:
    explicit ZeromqEndpoint(std::size_t buffer_bytes) : buffer_(buffer_bytes) {}

    Socket& add_output(int type, int queue) { return output_.emplace(context_.get(), type, queue); }
    Socket& add_input(int type, int queue) { return input_.emplace(context_.get(), type, queue); }
    // Only a publisher is told who subscribes, to so many topics each.
    void set_publisher(unsigned topics_of_each) { subscriptions_of_each_ = topics_of_each; }
    // What messages begin with.
    void set_topic(const std::string& topic) { topic_ = topic; }

    void send(std::span<const std::byte> packet) override {
        if (topic_.empty()) return output_->send(packet);
        message_.resize(topic_.size());
        std::memcpy(message_.data(), topic_.data(), topic_.size());
        message_.insert(message_.end(), packet.begin(), packet.end());
        output_->send(message_);
    }
    std::span<const std::byte> receive() override {
        return input_->receive(buffer_).subspan(topic_.size());
    }
    void wait_for_receivers(unsigned receivers) override {
        std::byte subscription[16];
        for (unsigned expected = receivers * subscriptions_of_each_; expected > 0; --expected)
            output_->receive(subscription);
    }

  private:
    Context context_;
    std::optional<Socket> output_;
    std::optional<Socket> input_;
    std::vector<std::byte> buffer_;
    std::string topic_;
    std::vector<std::byte> message_;
    unsigned subscriptions_of_each_ = 0;
};

// Many to one: every writer pushes to the reader. Else every sender publishes and all receivers
// subscribe to it.
class ZeromqNetwork : public Network {
  public:
    ZeromqNetwork(const std::string& parent, const NetworkSetup& setup, unsigned topics)
        : directory_(parent),
          setup_(setup),
          topics_(topics),
          queue_(std::clamp(static_cast<int>(queue_bytes_max / setup.packet_bytes), 1,
                            queue_messages)) {}

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        auto endpoint = std::make_unique<ZeromqEndpoint>(setup_.buffer_bytes);
        if (topics_ > 0) endpoint->set_topic(topic(0));
        if (many_to_one()) {
            push_or_pull(*endpoint, role);
            return endpoint;
        }
        if (role != Role::reader) publish(*endpoint, number);
        if (role != Role::writer) subscribe(*endpoint, role, number);
        return endpoint;
    }

  private:
    bool many_to_one() const {
        return setup_.members.writers > 1 && setup_.members.receivers() == 1;
    }
    std::string address(unsigned number) const {
        return fmt::format("ipc://{}/{}", directory_.path(), number);
    }
    static std::string topic(unsigned number) { return fmt::format("{:08}", number); }
    unsigned other_topics_of_each() const {
        return topics_ > 0 ? (topics_ - 1) / setup_.members.receivers() : 0;
    }
    void push_or_pull(ZeromqEndpoint& endpoint, Role role) const {
        if (role == Role::reader)
            endpoint.add_input(ZMQ_PULL, queue_).bind(address(0));
        else
            endpoint.add_output(ZMQ_PUSH, queue_).connect(address(0));
    }
    void publish(ZeromqEndpoint& endpoint, unsigned number) const {
        endpoint.add_output(ZMQ_XPUB, queue_).bind(address(number));
        endpoint.set_publisher(1 + other_topics_of_each());
    }
    void subscribe(ZeromqEndpoint& endpoint, Role role, unsigned number) const {
        Socket& input = endpoint.add_input(ZMQ_SUB, queue_);
        input.subscribe(topics_ > 0 ? topic(0) : "");
        const unsigned others = other_topics_of_each();
        for (unsigned other = 0; other < others; ++other)
            input.subscribe(topic(1 + number * others + other));
        for (unsigned sender = 0; sender < setup_.members.senders(); ++sender) {
            if (role == Role::both && sender == number) continue;
            input.connect(address(sender));
        }
    }

    TemporaryDirectory directory_;
    NetworkSetup setup_;
    unsigned topics_;
    int queue_;
};

class Zeromq : public Transport {
  public:
    Zeromq(std::string directory, unsigned topics)
        : directory_(std::move(directory)), topics_(topics) {}

    std::string name() const override { return topics_ > 0 ? zeromq_topics_name : "ZeroMQ"; }
    std::string setting() const override {
        const std::string topics =
            topics_ > 0 ? fmt::format(", one topic of {} that are subscribed to", topics_) : "";
        return fmt::format(
            "XPUB/SUB over ipc (many to one: PUSH/PULL), lossless, queues of {} messages or {} "
            "MiB{}",
            queue_messages, queue_bytes_max >> 20, topics);
    }
    bool carries(const NetworkSetup& setup) const override { return setup.packet_bytes <= 1 << 20; }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<ZeromqNetwork>(directory_, setup, topics_);
    }

  private:
    std::string directory_;
    unsigned topics_;
};

}  // namespace

std::unique_ptr<Transport> make_zeromq(const std::string& directory, unsigned topics) {
    return std::make_unique<Zeromq>(directory, topics);
}

}  // namespace bench
