// FuseMount: a FUSE server run in the foreground and the directory it is mounted on, from when the
// mount is usable until the object ends. The server is killed before the mount is taken away, so
// that nobody can be left waiting for it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/process.h"
#include "harness/temporary_directory.h"

namespace bench {

class FuseMount {
  public:
    // The command that mounts on a directory and stays in the foreground.
    using Command = std::function<std::vector<std::string>(const std::string& directory)>;

    // Mounts on a new directory in `parent`.
    FuseMount(const std::string& parent, const Command& command,
              const std::vector<std::string>& environment = {});
    ~FuseMount();
    FuseMount(const FuseMount&) = delete;
    FuseMount& operator=(const FuseMount&) = delete;

    const std::string& directory() const { return directory_.path(); }
    Process& server() { return server_; }
    const Process& server() const { return server_; }

  private:
    void wait_until_mounted();

    TemporaryDirectory directory_;
    Process server_;
};

}  // namespace bench
