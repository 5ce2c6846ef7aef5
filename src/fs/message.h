// Message: one request of the kernel's, as far as the transport that it came by takes it apart.
//
// What it refers to is valid until the request is answered or its handling returns, whichever is
// first.
#pragma once

#include <cstddef>
#include <span>

#include "fs/reply.h"
#include "fs/wire.h"

namespace ipn::fs {

struct Message {
    fuse_in_header header;
    // What follows the header: the arguments of fixed size at least, then, perhaps elsewhere, the
    // rest. Neither is as long as it should be only because the kernel says so.
    std::span<const std::byte> arguments;
    std::span<const std::byte> rest;
    Reply& reply;
};

}  // namespace ipn::fs
