#include "ask.h"

namespace ipn::test::ask {

Message init(std::uint32_t minor, std::uint32_t flags, std::uint32_t flags2) {
    fuse_init_in in{};
    in.major = FUSE_KERNEL_VERSION;
    in.minor = minor;
    in.max_readahead = 131072;
    in.flags = flags;
    in.flags2 = flags2;
    return {FUSE_INIT, 0, raw(in)};
}

Message lookup(std::uint64_t parent, std::string_view name) {
    return {FUSE_LOOKUP, parent, c_string(name)};
}

Message forget(std::uint64_t node, std::uint64_t lookups) {
    return {FUSE_FORGET, node, raw(fuse_forget_in{lookups})};
}

Message batch_forget(
    const std::vector<std::pair<std::uint64_t, std::uint64_t>>& nodes_and_lookups) {
    fuse_batch_forget_in in{};
    in.count = static_cast<std::uint32_t>(nodes_and_lookups.size());
    std::string arguments = raw(in);
    for (const auto& [node, lookups] : nodes_and_lookups)
        arguments += raw(fuse_forget_one{node, lookups});
    return {FUSE_BATCH_FORGET, 0, arguments};
}

Message getattr(std::uint64_t node) {
    return {FUSE_GETATTR, node, raw(fuse_getattr_in{})};
}

Message setattr(std::uint64_t node, const fuse_setattr_in& wanted) {
    return {FUSE_SETATTR, node, raw(wanted)};
}

Message chmod(std::uint64_t node, std::uint32_t mode) {
    fuse_setattr_in in{};
    in.valid = FATTR_MODE;
    in.mode = mode;
    return setattr(node, in);
}

Message chown(std::uint64_t node, std::uint32_t uid, std::uint32_t gid) {
    fuse_setattr_in in{};
    in.valid = FATTR_UID | FATTR_GID;
    in.uid = uid;
    in.gid = gid;
    return setattr(node, in);
}

Message truncate(std::uint64_t node, std::uint64_t size) {
    fuse_setattr_in in{};
    in.valid = FATTR_SIZE;
    in.size = size;
    return setattr(node, in);
}

Message mkdir(std::uint64_t parent, std::string_view name, std::uint32_t mode) {
    fuse_mkdir_in in{};
    in.mode = mode;
    return {FUSE_MKDIR, parent, raw(in) + c_string(name)};
}

Message rmdir(std::uint64_t parent, std::string_view name) {
    return {FUSE_RMDIR, parent, c_string(name)};
}

Message rename(std::uint64_t parent, std::string_view name, std::uint64_t new_parent,
               std::string_view new_name, std::uint32_t flags) {
    fuse_rename2_in in{};
    in.newdir = new_parent;
    in.flags = flags;
    return {FUSE_RENAME2, parent, raw(in) + c_string(name) + c_string(new_name)};
}

Message mknod(std::uint64_t parent, std::string_view name, std::uint32_t mode) {
    fuse_mknod_in in{};
    in.mode = mode;
    return {FUSE_MKNOD, parent, raw(in) + c_string(name)};
}

Message unlink(std::uint64_t parent, std::string_view name) {
    return {FUSE_UNLINK, parent, c_string(name)};
}

Message symlink(std::uint64_t parent, std::string_view name, std::string_view target) {
    return {FUSE_SYMLINK, parent, c_string(name) + c_string(target)};
}

Message readlink(std::uint64_t node) {
    return {FUSE_READLINK, node, {}};
}

Message link(std::uint64_t node, std::uint64_t new_parent, std::string_view new_name) {
    return {FUSE_LINK, new_parent, raw(fuse_link_in{node}) + c_string(new_name)};
}

Message opendir(std::uint64_t node) {
    return {FUSE_OPENDIR, node, raw(fuse_open_in{})};
}

Message readdir(std::uint64_t node, std::uint64_t handle, std::uint64_t offset,
                std::uint32_t size) {
    fuse_read_in in{};
    in.fh = handle;
    in.offset = offset;
    in.size = size;
    return {FUSE_READDIR, node, raw(in)};
}

Message releasedir(std::uint64_t handle) {
    fuse_release_in in{};
    in.fh = handle;
    return {FUSE_RELEASEDIR, 0, raw(in)};
}

Message statfs() {
    return {FUSE_STATFS, kRoot, {}};
}

Message create(std::uint64_t parent, std::string_view name, int flags, std::uint32_t mode) {
    fuse_create_in in{};
    in.flags = static_cast<std::uint32_t>(flags);
    in.mode = mode;
    return {FUSE_CREATE, parent, raw(in) + c_string(name)};
}

Message open(std::uint64_t node, int flags) {
    fuse_open_in in{};
    in.flags = static_cast<std::uint32_t>(flags);
    return {FUSE_OPEN, node, raw(in)};
}

Message release(std::uint64_t handle) {
    fuse_release_in in{};
    in.fh = handle;
    return {FUSE_RELEASE, 0, raw(in)};
}

Message read(std::uint64_t handle, std::uint32_t size, int flags, std::uint64_t offset) {
    fuse_read_in in{};
    in.fh = handle;
    in.offset = offset;
    in.size = size;
    in.flags = static_cast<std::uint32_t>(flags);
    return {FUSE_READ, 0, raw(in)};
}

Message write(std::uint64_t handle, std::string_view data, int flags, std::uint64_t offset) {
    fuse_write_in in{};
    in.fh = handle;
    in.offset = offset;
    in.size = static_cast<std::uint32_t>(data.size());
    in.flags = static_cast<std::uint32_t>(flags);
    return {FUSE_WRITE, 0, raw(in) + std::string(data)};
}

Message poll(std::uint64_t handle, std::uint64_t poll_handle, int events, bool notify) {
    fuse_poll_in in{};
    in.fh = handle;
    in.kh = poll_handle;
    in.flags = notify ? FUSE_POLL_SCHEDULE_NOTIFY : 0;
    in.events = static_cast<std::uint32_t>(events);
    return {FUSE_POLL, 0, raw(in)};
}

Message ioctl(std::uint64_t node, std::uint64_t handle, unsigned command, std::string_view in,
              std::uint32_t out_size) {
    fuse_ioctl_in header{};
    header.fh = handle;
    header.cmd = command;
    header.in_size = static_cast<std::uint32_t>(in.size());
    header.out_size = out_size;
    return {FUSE_IOCTL, node, raw(header) + std::string(in)};
}

Message interrupt(std::uint64_t unique) {
    return {FUSE_INTERRUPT, 0, raw(fuse_interrupt_in{unique})};
}

Message getxattr(std::uint64_t node, std::string_view name, std::uint32_t size) {
    fuse_getxattr_in in{};
    in.size = size;
    return {FUSE_GETXATTR, node, raw(in) + c_string(name)};
}

// The short header: SETXATTR_EXT is not negotiated.
Message setxattr(std::uint64_t node, std::string_view name, std::string_view value, int flags) {
    fuse_setxattr_in in{};
    in.size = static_cast<std::uint32_t>(value.size());
    in.flags = static_cast<std::uint32_t>(flags);
    return {FUSE_SETXATTR, node,
            raw(in).substr(0, FUSE_COMPAT_SETXATTR_IN_SIZE) + c_string(name) + std::string(value)};
}

Message removexattr(std::uint64_t node, std::string_view name) {
    return {FUSE_REMOVEXATTR, node, c_string(name)};
}

Message listxattr(std::uint64_t node, std::uint32_t size) {
    fuse_getxattr_in in{};
    in.size = size;
    return {FUSE_LISTXATTR, node, raw(in)};
}

}  // namespace ipn::test::ask
