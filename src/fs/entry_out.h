// What the answer to CREATE holds, which libfuse 3.14 cannot send with all flags of an open file.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>

#include <cstdint>

namespace ipn::fs {

inline fuse_entry_out to_wire(const fuse_entry_param& entry) {
    const struct stat& from = entry.attr;
    fuse_entry_out out{};
    out.nodeid = entry.ino;
    out.generation = entry.generation;
    out.attr.ino = from.st_ino;
    out.attr.mode = from.st_mode;
    out.attr.nlink = static_cast<std::uint32_t>(from.st_nlink);
    out.attr.uid = from.st_uid;
    out.attr.gid = from.st_gid;
    out.attr.blksize = static_cast<std::uint32_t>(from.st_blksize);
    out.attr.atime = static_cast<std::uint64_t>(from.st_atim.tv_sec);
    out.attr.mtime = static_cast<std::uint64_t>(from.st_mtim.tv_sec);
    out.attr.ctime = static_cast<std::uint64_t>(from.st_ctim.tv_sec);
    out.attr.atimensec = static_cast<std::uint32_t>(from.st_atim.tv_nsec);
    out.attr.mtimensec = static_cast<std::uint32_t>(from.st_mtim.tv_nsec);
    out.attr.ctimensec = static_cast<std::uint32_t>(from.st_ctim.tv_nsec);
    return out;
}

inline fuse_open_out open_out(std::uint64_t handle, std::uint32_t flags) {
    return {.fh = handle, .open_flags = flags, .padding = 0};
}

}  // namespace ipn::fs
