// FileNetwork: a network that is joined by opening a file: the naive hub's and ipnfs's `port`.
// One write is one packet, one read is one packet. The file's server is somebody else's to start
// and end.
#pragma once

#include <string>
#include <utility>

#include "transport.h"

namespace bench {

class FileNetwork : public Network {
  public:
    explicit FileNetwork(std::string path) : path_(std::move(path)) {}

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override;

  private:
    std::string path_;
};

}  // namespace bench
