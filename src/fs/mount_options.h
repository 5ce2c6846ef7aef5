// MountOptions: what `-o` says, ours and FUSE's, checked before anything is mounted.
//
// One table row per option of ours: name, value, default and help; the parser and --help read it.
// What mount(8) and fstab add for themselves is recognised and left out; what is FUSE's goes on to
// libfuse; anything else is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/registry.h"

namespace ipn::fs {

enum class LogLevel : std::uint8_t { error, warning, info, debug };

struct MountOptions {
    core::Registry::Limits limits;
    std::optional<std::uint32_t> mode;
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> gid;
    std::optional<std::string> policy_directory;
    bool tap_by_mode = false;
    LogLevel log = LogLevel::info;
    bool uring = false;                 // FUSE over io_uring, where it is offered
    std::vector<std::string> for_fuse;  // as they are handed to libfuse
};

// `lists`: the values of every -o, each a comma-separated list. EINVAL with words.
core::Result<MountOptions> parse_mount_options(const std::vector<std::string>& lists);

// For --help: a line per option.
std::string mount_options_help();

}  // namespace ipn::fs
