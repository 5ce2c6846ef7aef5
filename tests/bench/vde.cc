#include "vde.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "clock.h"
#include "errors.h"
#include "fd.h"
#include "process.h"
#include "temporary_directory.h"

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
    VdeEndpoint(const std::string& directory, Role role, unsigned number)
        : control_(unix_socket(SOCK_STREAM)), data_(unix_socket(SOCK_DGRAM)) {
        const char* kind = role == Role::writer ? "writer" : "client";
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
    std::size_t receive(std::span<std::byte> buffer) override {
        const ssize_t bytes = ::recv(data_.get(), buffer.data(), buffer.size(), 0);
        return static_cast<std::size_t>(check(bytes, "vde recv"));
    }

  private:
    Fd control_;
    Fd data_;
};

class VdeNetwork : public Network {
  public:
    VdeNetwork(const std::string& parent, unsigned readers)
        : directory_(parent), console_(open_console()), switch_(start(readers)) {
        const auto deadline = Clock::now() + start_timeout;
        while (!std::filesystem::exists(directory_.path() + "/ctl")) {
            switch_.expect_running();
            if (Clock::now() > deadline) throw std::runtime_error("vde_switch does not start");
            sleep_for(Milliseconds{1});
        }
    }
    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        return std::make_unique<VdeEndpoint>(directory_.path(), role, number);
    }
    const Process* server() const override { return &switch_; }

  private:
    struct Console {
        Fd input;
        Fd kept_open;  // the switch ends when its standard input does
    };

    static Console open_console() {
        int pipe[2];
        check(::pipe2(pipe, O_CLOEXEC), "pipe");
        return {Fd(pipe[0]), Fd(pipe[1])};
    }
    Process start(unsigned readers) const {
        const unsigned ports =
            readers + 8;  // the writer's, and those that the switch keeps for itself
        return Process::exec(
            {"vde_switch", "-hub", "-n", std::to_string(ports), "-s", directory_.path()},
            {.in = console_.input.get(), .err = -1});
    }

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
        return fmt::format("vde_switch -hub, lossy, {} packets outstanding, resumed below {}",
                           window_.packets, window_.resume_below);
    }
    std::size_t packet_bytes_max() const override { return 1518; }
    std::optional<WindowSetting> window() const override { return window_; }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<VdeNetwork>(directory_, setup.readers);
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
