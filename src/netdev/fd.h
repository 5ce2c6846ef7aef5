// Fd: an open descriptor, closed with its owner. And what the system says of its last failure.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace ipn::netdev {

class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0) close(fd_);
    }

    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_ = -1;
};

inline std::string words_of(int error) {
    return std::generic_category().message(error);
}

// A failure as errno has it; `what` failed.
inline auto system_failure(const std::string& what) {
    const int error = errno;
    return core::fail(error, what + ": " + words_of(error));
}

}  // namespace ipn::netdev
