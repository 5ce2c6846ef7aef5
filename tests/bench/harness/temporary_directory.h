// TemporaryDirectory: a fresh directory, removed with all that is in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "harness/errors.h"

namespace bench {

class TemporaryDirectory {
  public:
    explicit TemporaryDirectory(const std::string& parent) : path_(parent + "/ipnfs-bench.XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) fail(path_);
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace bench
