// The directory whose modules are registered as policies when ipnfs is mounted.
#pragma once

#include <string>
#include <vector>

#include "core/policies.h"
#include "fs/module.h"

namespace ipn::fs {

// Registers what is in `directory`, every NAME.so in the order of the names; waits for the disk.
// A policy that is built in stays so. Returns what was skipped, and why; a directory that is not
// there has nothing.
std::vector<std::string> register_directory(core::Policies& policies, ModuleLoader& loader,
                                            const std::string& directory);

}  // namespace ipn::fs
