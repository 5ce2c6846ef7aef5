#include "transports/file_network.h"

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "harness/errors.h"
#include "harness/fd.h"

namespace bench {

namespace {

class FileEndpoint : public Endpoint {
  public:
    FileEndpoint(const std::string& path, int flags, std::size_t buffer_bytes)
        : file_(check(::open(path.c_str(), flags), path)), buffer_(buffer_bytes) {}

    void send(std::span<const std::byte> packet) override {
        check(::write(file_.get(), packet.data(), packet.size()), "write");
    }
    std::span<const std::byte> receive() override {
        const ssize_t bytes = check(::read(file_.get(), buffer_.data(), buffer_.size()), "read");
        if (bytes == 0) throw std::runtime_error("end of file");
        return std::span(buffer_).first(static_cast<std::size_t>(bytes));
    }

  private:
    Fd file_;
    std::vector<std::byte> buffer_;
};

}  // namespace

int open_flags(Role role) {
    switch (role) {
        case Role::writer:
            return O_WRONLY | O_CLOEXEC;
        case Role::reader:
            return O_RDONLY | O_CLOEXEC;
        case Role::both:
            return O_RDWR | O_CLOEXEC;
    }
    return O_RDWR | O_CLOEXEC;
}

std::unique_ptr<Endpoint> FileNetwork::join(Role role, unsigned /*number*/) {
    return std::make_unique<FileEndpoint>(path_, open_flags(role), buffer_bytes_);
}

}  // namespace bench
