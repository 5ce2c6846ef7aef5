// NaiveHubMount: the naive FUSE hub (naive_hub.cc), running; as a transport, and as the measure of
// a FUSE operation that does nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "transports/fuse_mount.h"
#include "transports/transport.h"

namespace bench {

struct NaiveHubPlace {
    std::string program;
    std::string directory;                   // in which it is mounted
    std::vector<std::string> environment{};  // "NAME=value"
};

class NaiveHubMount {
  public:
    explicit NaiveHubMount(const NaiveHubPlace& place)
        : mount_(
              place.directory,
              [&place](const std::string& directory) {
                  return std::vector<std::string>{place.program, directory};
              },
              place.environment) {}

    std::string port() const { return mount_.directory() + "/port"; }
    std::string null() const { return mount_.directory() + "/null"; }
    const Process& server() const { return mount_.server(); }

  private:
    FuseMount mount_;
};

std::unique_ptr<Transport> make_naive_hub(const NaiveHubPlace& place);

}  // namespace bench
