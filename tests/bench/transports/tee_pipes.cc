#include "transports/tee_pipes.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/errors.h"
#include "harness/fd.h"
#include "transports/byte_stream.h"

namespace bench {

namespace {

constexpr int pipe_bytes = 1 << 20;
constexpr std::size_t read_bytes = 256 * 1024;
constexpr std::size_t write_bytes_max = 256 * 1024;

struct Pipe {
    Fd out;
    Fd in;
};

Pipe make_pipe() {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "pipe");
    Pipe pipe{Fd(ends[0]), Fd(ends[1])};
    check(::fcntl(pipe.in.get(), F_SETPIPE_SZ, pipe_bytes), "pipe size");
    return pipe;
}

class TeeWriter : public Endpoint {
  public:
    TeeWriter(std::vector<int> pipes, unsigned packets_a_write)
        : pipes_(std::move(pipes)), writer_(packets_a_write) {}

    void send(std::span<const std::byte> packet) override {
        writer_.send(packet, [this](auto bytes) { hand_on(bytes); });
    }
    std::span<const std::byte> receive() override { throw std::logic_error("a writer"); }

  private:
    // tee(2) cannot go on in the middle when a reader's pipe is full, splice(2) can: hence the
    // copy.
    void hand_on(std::span<const std::byte> bytes) {
        write_all(source_.in.get(), bytes);
        for (const int pipe : std::span(pipes_).first(pipes_.size() - 1)) {
            check(::tee(source_.out.get(), copy_.in.get(), bytes.size(), 0), "tee");
            splice_all(copy_, pipe, bytes.size());
        }
        splice_all(source_, pipes_.back(), bytes.size());
    }
    static void splice_all(const Pipe& from, int to, std::size_t bytes) {
        while (bytes > 0) {
            bytes -= static_cast<std::size_t>(
                check(::splice(from.out.get(), nullptr, to, nullptr, bytes, 0), "splice"));
        }
    }

    std::vector<int> pipes_;
    Pipe source_ = make_pipe();
    Pipe copy_ = make_pipe();
    ByteWriter writer_;
};

class PipeReader : public Endpoint {
  public:
    PipeReader(int pipe, std::size_t packet_bytes)
        : pipe_(pipe), packet_bytes_(packet_bytes), reader_(read_bytes) {}

    void send(std::span<const std::byte> /*packet*/) override {
        throw std::logic_error("a reader");
    }
    std::span<const std::byte> receive() override { return reader_.take(pipe_, packet_bytes_); }

  private:
    int pipe_;
    std::size_t packet_bytes_;
    ByteReader reader_;
};

class TeeNetwork : public Network {
  public:
    TeeNetwork(const NetworkSetup& setup, unsigned packets_a_write)
        : packet_bytes_(setup.packet_bytes), packets_a_write_(packets_a_write) {
        while (pipes_.size() < setup.members.readers) pipes_.push_back(make_pipe());
    }

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        if (role == Role::reader) {
            return std::make_unique<PipeReader>(pipes_[number].out.get(), packet_bytes_);
        }
        std::vector<int> pipes;
        for (const Pipe& pipe : pipes_) pipes.push_back(pipe.in.get());
        return std::make_unique<TeeWriter>(std::move(pipes), packets_a_write_);
    }

  private:
    std::size_t packet_bytes_;
    unsigned packets_a_write_;
    std::vector<Pipe> pipes_;
};

class TeePipes : public Transport {
  public:
    explicit TeePipes(unsigned packets_a_write) : packets_a_write_(packets_a_write) {}

    std::string name() const override { return tee_pipes_name; }
    std::string setting() const override {
        return fmt::format("a pipe of 1 MiB per reader, no packets, {} packets' bytes a write",
                           packets_a_write_);
    }
    bool carries(const NetworkSetup& setup) const override {
        return setup.members.writers == 1 && setup.members.both == 0;
    }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        const auto fitting = static_cast<unsigned>(write_bytes_max / setup.packet_bytes);
        return std::make_unique<TeeNetwork>(setup, std::min(packets_a_write_, fitting));
    }

  private:
    unsigned packets_a_write_;
};

}  // namespace

std::unique_ptr<Transport> make_tee_pipes(unsigned packets_a_write) {
    return std::make_unique<TeePipes>(packets_a_write);
}

}  // namespace bench
