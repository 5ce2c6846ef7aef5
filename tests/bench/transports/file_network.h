// FileNetwork: a network that is joined by opening a file: the naive hub's and ipnfs's `port`.
// One write is one packet, one read is one packet. The file's server is somebody else's to start
// and end.
#pragma once

#include <string>
#include <utility>

#include "transports/transport.h"

namespace bench {

// The flags of open(2) for a role.
int open_flags(Role role);

class FileNetwork : public Network {
  public:
    FileNetwork(std::string path, std::size_t buffer_bytes)
        : path_(std::move(path)), buffer_bytes_(buffer_bytes) {}

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override;

  private:
    std::string path_;
    std::size_t buffer_bytes_;
};

}  // namespace bench
