// ask: what the kernel asks for, as values.
//
// One function per FUSE request makes a Message; sending it is FakeKernel's business. A Message is
// plain bytes, so that tests of malformed requests can cut and change it.
// Not done: headers, which FakeKernel writes.
#pragma once

#include <linux/fuse.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ipn::test {

struct Message {
    std::uint32_t opcode = 0;
    std::uint64_t node = 0;
    std::string arguments;
};

template <typename T>
std::string raw(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

// A name on the wire ends with a NUL.
inline std::string c_string(std::string_view name) {
    return std::string(name) + '\0';
}

namespace ask {

inline constexpr std::uint64_t kRoot = FUSE_ROOT_ID;

// What a current kernel offers.
Message init(std::uint32_t minor = 45, std::uint32_t flags = UINT32_MAX & ~FUSE_INIT_RESERVED,
             std::uint32_t flags2 = 0);

Message lookup(std::uint64_t parent, std::string_view name);
Message forget(std::uint64_t node, std::uint64_t lookups);
Message batch_forget(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& nodes_and_lookups);
Message getattr(std::uint64_t node);
Message setattr(std::uint64_t node, const fuse_setattr_in& wanted);
Message chmod(std::uint64_t node, std::uint32_t mode);
Message chown(std::uint64_t node, std::uint32_t uid, std::uint32_t gid);
Message truncate(std::uint64_t node, std::uint64_t size);
Message mkdir(std::uint64_t parent, std::string_view name, std::uint32_t mode = 0755);
Message rmdir(std::uint64_t parent, std::string_view name);
Message rename(std::uint64_t parent, std::string_view name, std::uint64_t new_parent,
               std::string_view new_name, std::uint32_t flags = 0);
Message mknod(std::uint64_t parent, std::string_view name, std::uint32_t mode = 0100644);
Message unlink(std::uint64_t parent, std::string_view name);
Message symlink(std::uint64_t parent, std::string_view name, std::string_view target);
Message readlink(std::uint64_t node);
Message link(std::uint64_t node, std::uint64_t new_parent, std::string_view new_name);
Message opendir(std::uint64_t node);
Message readdir(std::uint64_t node, std::uint64_t handle, std::uint64_t offset, std::uint32_t size);
Message releasedir(std::uint64_t handle);
Message statfs();

Message create(std::uint64_t parent, std::string_view name, int flags,
               std::uint32_t mode = 0100644);
Message open(std::uint64_t node, int flags);
Message release(std::uint64_t handle);
Message read(std::uint64_t handle, std::uint32_t size, int flags = 0, std::uint64_t offset = 0);
Message write(std::uint64_t handle, std::string_view data, int flags = 0, std::uint64_t offset = 0);
Message poll(std::uint64_t handle, std::uint64_t poll_handle, int events, bool notify);
Message ioctl(std::uint64_t node, std::uint64_t handle, unsigned command, std::string_view in,
              std::uint32_t out_size);
Message interrupt(std::uint64_t unique);

Message getxattr(std::uint64_t node, std::string_view name, std::uint32_t size = 65536);
Message setxattr(std::uint64_t node, std::string_view name, std::string_view value, int flags = 0);
Message removexattr(std::uint64_t node, std::string_view name);
Message listxattr(std::uint64_t node, std::uint32_t size = 65536);

}  // namespace ask
}  // namespace ipn::test
