// Module: a policy's shared object, loaded into the daemon.
//
// What is loaded runs with all that the daemon may do, so that it is looked at before: an absolute
// path to a regular file that belongs to the daemon's user or to root, that nobody else may write
// to, and that is not on a FUSE file system, whose server could say anything. The file is opened
// once, and what was looked at is what is loaded.
// Lifecycle: loaded by a ModuleLoader, which waits for the disk; unloaded with the last reference.
// Threads: load() anywhere, one at a time; everything else the loop only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/error.h"
#include "ipn/policy.h"

namespace ipn::fs {

class Module {
  public:
    using Start = const ipn_policy* (*)(const ipn_host*);

    virtual ~Module() = default;
    // Its ipn_policy_module().
    virtual Start start() const = 0;
};

class ModuleLoader {
  public:
    virtual ~ModuleLoader() = default;
    // EINVAL no absolute path, or no regular file; EPERM not to be trusted; EPROTO no module;
    // otherwise what open(2) says.
    virtual core::Result<std::unique_ptr<Module>> load(const std::string& path) = 0;
};

class SharedObjectLoader final : public ModuleLoader {
  public:
    core::Result<std::unique_ptr<Module>> load(const std::string& path) override;

  private:
    std::uint64_t loads_ = 0;
};

}  // namespace ipn::fs
