// The kernel's side of FUSE, as far as we speak it ourselves: <linux/fuse.h>, a stable ABI.
//
// READ, WRITE, POLL and INTERRUPT are decoded and answered here (see lane.h); everything else goes
// through libfuse. This is also the one place that decides which errno the kernel sees.
#pragma once

#include <linux/fuse.h>

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

}  // namespace ipn::fs
