// Tcx: two tiny programs at the two ends of an interface, which keep the host's own protocol stack
// from it (TCX, Linux 6.6; by bpf(2) alone).
//
// At the entrance all frames are dropped, after packet sockets saw them; at the exit all but those
// that bear our mark. Shared, they let everything pass, and only say that the interface is grabbed.
// Lifecycle: both are links, held by descriptors: with these the kernel takes them off, however the
// process ends.
// Threads: any, but never the loop's.
#pragma once

#include <cstdint>

#include "core/error.h"
#include "netdev/fd.h"

namespace ipn::netdev {

class Tcx {
  public:
    // Of an interface of the thread's namespace. Frames whose socket has SO_MARK `mark` get out.
    // EBUSY: it is grabbed already, by whomever; EOPNOTSUPP: this kernel has no TCX.
    static core::Result<Tcx> attach(std::uint32_t index, std::uint32_t mark, bool share);

    core::Result<void> set_share(bool share);

  private:
    Tcx(Fd entrance, Fd exit, std::uint32_t mark)
        : entrance_(std::move(entrance)), exit_(std::move(exit)), mark_(mark) {}

    Fd entrance_;
    Fd exit_;
    std::uint32_t mark_;
};

}  // namespace ipn::netdev
