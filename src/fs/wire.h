// The kernel's side of FUSE, as far as we speak it ourselves: <linux/fuse.h>, a stable ABI.
//
// READ, WRITE, POLL and INTERRUPT are decoded and answered here (see lane.h); everything else goes
// through libfuse. This is also the one place that decides which errno the kernel sees, and where
// what FUSE over io_uring adds is written down (Linux 6.14; older headers lack it).
#pragma once

#include <linux/fuse.h>

#include <cstddef>
#include <cstdint>

#include "core/check.h"

namespace ipn::fs {

// What READ and WRITE requests say of the open file's flags and of the position.
inline constexpr std::uint32_t kHeaderSize = sizeof(fuse_out_header);

// The kernel hangs a client for ever, unkillably, on an errno of 512 or more.
inline int wire_errno(int code) {
    constexpr int kLast = 511;
    IPN_CHECK(code >= 0);
    return code <= kLast ? code : 5 /* EIO */;
}

// ---- over io_uring

// In flags2 of INIT.
inline constexpr std::uint32_t kOverIoUring = 1u << (41 - 32);  // FUSE_OVER_IO_URING
inline constexpr std::uint32_t kInitExtended = 1u << 30;        // FUSE_INIT_EXT: flags2 counts

// Commands, the `cmd_op` of an SQE.
inline constexpr std::uint32_t kRegisterEntry = 1;   // FUSE_IO_URING_CMD_REGISTER
inline constexpr std::uint32_t kCommitAndFetch = 2;  // FUSE_IO_URING_CMD_COMMIT_AND_FETCH

// struct fuse_uring_cmd_req, the argument of both.
struct RingCommand {
    std::uint64_t flags;
    std::uint64_t commit_id;
    std::uint16_t queue;
    std::uint8_t padding[6];
};
static_assert(sizeof(RingCommand) == 24);

// struct fuse_uring_req_header: an entry's memory, besides its payload.
struct RingHeaders {
    alignas(8) std::byte in_out[128];     // fuse_in_header, then fuse_out_header
    alignas(8) std::byte arguments[128];  // of fixed size, by opcode
    // struct fuse_uring_ent_in_out
    std::uint64_t flags;
    std::uint64_t commit_id;
    std::uint32_t payload_size;
    std::uint32_t padding;
    std::uint64_t reserved;
};
static_assert(sizeof(RingHeaders) == 288 && offsetof(RingHeaders, commit_id) == 264);

}  // namespace ipn::fs
