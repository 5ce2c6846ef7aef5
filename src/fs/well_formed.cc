#include "fs/well_formed.h"

#include <array>
#include <cstring>

namespace ipn::fs {
namespace {

// The shortest forms that are still in use: INIT grew, SETXATTR has a short one.
constexpr std::size_t kInitSize = 16;
constexpr std::size_t kSetxattrSize = FUSE_COMPAT_SETXATTR_IN_SIZE;

struct Kind {
    std::uint32_t opcode;
    std::size_t fixed;   // bytes
    unsigned names = 0;  // that follow, each ended by a NUL
    // Bytes that follow the names: a number in the fixed part, of things of this size.
    std::size_t count_at = 0;
    std::size_t counted = 0;
};

constexpr std::array kKinds{
    Kind{FUSE_LOOKUP, 0, 1},
    Kind{FUSE_FORGET, sizeof(fuse_forget_in)},
    Kind{FUSE_GETATTR, sizeof(fuse_getattr_in)},
    Kind{FUSE_SETATTR, sizeof(fuse_setattr_in)},
    Kind{FUSE_READLINK, 0},
    Kind{FUSE_SYMLINK, 0, 2},
    Kind{FUSE_MKNOD, sizeof(fuse_mknod_in), 1},
    Kind{FUSE_MKDIR, sizeof(fuse_mkdir_in), 1},
    Kind{FUSE_UNLINK, 0, 1},
    Kind{FUSE_RMDIR, 0, 1},
    Kind{FUSE_RENAME, sizeof(fuse_rename_in), 2},
    Kind{FUSE_LINK, sizeof(fuse_link_in), 1},
    Kind{FUSE_OPEN, sizeof(fuse_open_in)},
    Kind{FUSE_STATFS, 0},
    Kind{FUSE_RELEASE, sizeof(fuse_release_in)},
    Kind{FUSE_SETXATTR, kSetxattrSize, 1, offsetof(fuse_setxattr_in, size), 1},
    Kind{FUSE_GETXATTR, sizeof(fuse_getxattr_in), 1},
    Kind{FUSE_LISTXATTR, sizeof(fuse_getxattr_in)},
    Kind{FUSE_REMOVEXATTR, 0, 1},
    Kind{FUSE_INIT, kInitSize},
    Kind{FUSE_OPENDIR, sizeof(fuse_open_in)},
    Kind{FUSE_READDIR, sizeof(fuse_read_in)},
    Kind{FUSE_RELEASEDIR, sizeof(fuse_release_in)},
    Kind{FUSE_CREATE, sizeof(fuse_create_in), 1},
    Kind{FUSE_DESTROY, 0},
    Kind{FUSE_IOCTL, sizeof(fuse_ioctl_in), 0, offsetof(fuse_ioctl_in, in_size), 1},
    Kind{FUSE_BATCH_FORGET, sizeof(fuse_batch_forget_in), 0, offsetof(fuse_batch_forget_in, count),
         sizeof(fuse_forget_one)},
    Kind{FUSE_RENAME2, sizeof(fuse_rename2_in), 2},
};

// The byte behind the name that begins at `from`, or null if it does not end.
const std::byte* behind_name(const std::byte* from, const std::byte* end) {
    const void* nul = std::memchr(from, 0, static_cast<std::size_t>(end - from));
    return nul == nullptr ? nullptr : static_cast<const std::byte*>(nul) + 1;
}

bool fits(const Kind& kind, std::span<const std::byte> arguments) {
    if (arguments.size() < kind.fixed) return false;
    const std::byte* at = arguments.data() + kind.fixed;
    const std::byte* const end = arguments.data() + arguments.size();
    for (unsigned name = 0; name < kind.names; ++name) {
        at = behind_name(at, end);
        if (at == nullptr) return false;
    }
    if (kind.counted == 0) return true;
    std::uint32_t count = 0;
    std::memcpy(&count, arguments.data() + kind.count_at, sizeof count);
    return static_cast<std::size_t>(end - at) / kind.counted >= count;
}

}  // namespace

Form form_of(const fuse_in_header& header, std::span<const std::byte> arguments) {
    for (const Kind& kind : kKinds)
        if (kind.opcode == header.opcode) return fits(kind, arguments) ? Form::good : Form::bad;
    return Form::unknown;
}

bool wants_answer(const fuse_in_header& header) {
    switch (header.opcode) {
        case FUSE_FORGET:
        case FUSE_BATCH_FORGET:
        case FUSE_INTERRUPT:
        case FUSE_NOTIFY_REPLY:
            return false;
        default:
            return true;
    }
}

}  // namespace ipn::fs
