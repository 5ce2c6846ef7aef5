// well_formed: whether a request is as long as its kind and its own sizes say.
//
// libfuse believes both, and reads on to where they point; the kernel has them right, but what
// comes over a socket, or from a kernel with a bug, may not. So every request for libfuse is looked
// at here first. Requests of kinds that this file system does not answer never get there at all.
// Not done: the own lane (session.cc), which decodes with lengths.
#pragma once

#include <linux/fuse.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ipn::fs {

enum class Form : std::uint8_t {
    good,
    bad,
    unknown,  // not a kind that is answered
};

// `arguments`: what follows the header.
Form form_of(const fuse_in_header& header, std::span<const std::byte> arguments);

// Whether the kernel waits for an answer.
bool wants_answer(const fuse_in_header& header);

}  // namespace ipn::fs
