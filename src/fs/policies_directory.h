// Registering what a module offers.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/policies.h"
#include "fs/module.h"

namespace ipn::fs {

// `name`: how the policy must be called; empty: anyhow. EINVAL another name; EEXIST; EPROTO.
core::Result<core::Policy*> add_module(core::Policies& policies, std::unique_ptr<Module> module,
                                       const std::string& path, std::string_view name);

}  // namespace ipn::fs
