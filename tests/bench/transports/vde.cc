#include "transports/vde.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/clock.h"
#include "harness/errors.h"
#include "harness/fd.h"
#include "harness/packet.h"
#include "harness/process.h"
#include "harness/temporary_directory.h"

namespace bench {

namespace {

constexpr Milliseconds start_timeout{5000};

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path);
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Fd unix_socket(int type) {
    return Fd(check(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "unix socket"));
}

// The request of protocol version 3, without a description.
struct __attribute__((packed)) Request {
    std::uint32_t magic = 0xfeedface;
    std::uint32_t version = 3;
    std::uint32_t type = 0;  // new connection, any free port
    sockaddr_un data_socket;
};
static_assert(sizeof(Request) == 122);

class VdeEndpoint : public Endpoint {
  public:
    VdeEndpoint(const std::string& directory, Role role, unsigned number, std::size_t buffer_bytes)
        : control_(unix_socket(SOCK_STREAM)),
          data_(unix_socket(SOCK_DGRAM)),
          buffer_(buffer_bytes) {
        const char* kind = role == Role::writer ? "writer" : "receiver";
        const std::string own = fmt::format("{}/.{}-{}", directory, kind, number);
        Request request;
        request.data_socket = address_of(own);
        const sockaddr_un control = address_of(directory + "/ctl");
        check(::bind(data_.get(), generic(request.data_socket), sizeof(sockaddr_un)), "vde bind");
        check(::connect(control_.get(), generic(control), sizeof control), "vde connect");
        check(::send(control_.get(), &request, sizeof request, 0), "vde request");
        sockaddr_un port;
        if (::recv(control_.get(), &port, sizeof port, MSG_WAITALL) != sizeof port) {
            throw std::runtime_error("vde_switch refuses");
        }
        check(::connect(data_.get(), generic(port), sizeof port), "vde port");
    }

    void send(std::span<const std::byte> packet) override {
        check(::send(data_.get(), packet.data(), packet.size(), 0), "vde send");
    }
    std::span<const std::byte> receive() override {
        const ssize_t bytes =
            check(::recv(data_.get(), buffer_.data(), buffer_.size(), 0), "vde recv");
        return std::span(buffer_).first(static_cast<std::size_t>(bytes));
    }

  private:
    Fd control_;
    Fd data_;
    std::vector<std::byte> buffer_;
};

class VdeNetwork : public Network {
  public:
    VdeNetwork(const std::string& parent, const NetworkSetup& setup)
        : setup_(setup), directory_(parent), console_(open_console()), switch_(start()) {
        const auto deadline = Clock::now() + start_timeout;
        while (!listens()) {
            switch_.expect_running();
            if (Clock::now() > deadline) throw std::runtime_error("vde_switch does not start");
            sleep_for(Milliseconds{1});
        }
    }
    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        auto endpoint =
            std::make_unique<VdeEndpoint>(directory_.path(), role, number, setup_.buffer_bytes);
        if (role == Role::reader && !is_hub()) endpoint->send(make_announcement());
        return endpoint;
    }
    const Process* server() const override { return &switch_; }

  private:
    // The socket is there before the switch listens on it.
    bool listens() const {
        const Fd probe = unix_socket(SOCK_STREAM);
        const sockaddr_un control = address_of(directory_.path() + "/ctl");
        return ::connect(probe.get(), generic(control), sizeof control) == 0;
    }

    struct Console {
        Fd input;
        Fd kept_open;  // the switch ends when its standard input does
    };

    static Console open_console() {
        int pipe[2];
        check(::pipe2(pipe, O_CLOEXEC), "pipe");
        return {Fd(pipe[0]), Fd(pipe[1])};
    }
    // A hub would bother all senders with what is for one receiver.
    bool is_hub() const { return setup_.members.receivers() > 1 || setup_.members.senders() == 1; }
    Process start() const {
        constexpr unsigned own = 8;  // that the switch keeps for itself
        std::vector<std::string> command = {"vde_switch", "-n",
                                            std::to_string(setup_.members.all() + own), "-s",
                                            directory_.path()};
        if (is_hub()) command.emplace_back("-hub");
        return Process::exec(command, {.in = console_.input.get(), .err = -1});
    }

    NetworkSetup setup_;
    TemporaryDirectory directory_;
    Console console_;
    Process switch_;
};

class Vde : public Transport {
  public:
    Vde(std::string name, std::string directory, const WindowSetting& window)
        : name_(std::move(name)), directory_(std::move(directory)), window_(window) {}

    std::string name() const override { return name_; }
    std::string setting() const override {
        return fmt::format(
            "vde_switch -hub (many to one: a learning switch), lossy, {} packets outstanding, "
            "resumed "
            "below {}",
            window_.packets, window_.resume_below);
    }
    bool carries(const NetworkSetup& setup) const override { return setup.packet_bytes <= 1518; }
    std::optional<WindowSetting> window() const override { return window_; }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<VdeNetwork>(directory_, setup);
    }

  private:
    std::string name_;
    std::string directory_;
    WindowSetting window_;
};

}  // namespace

std::unique_ptr<Transport> make_vde(const std::string& name, const std::string& directory,
                                    const WindowSetting& window) {
    return std::make_unique<Vde>(name, directory, window);
}

}  // namespace bench
