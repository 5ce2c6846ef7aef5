// Frames: the ordinary frames that a packet with offloads stands for, made for the nodes that do
// not accept it as it is.
//
// Made when the first such node is offered the packet, hence once however many there are, and not
// at all if there is none; behind the policy, which sees the packet whole. They hang on the packet
// (Packet::next_frame()) and go with it.
// Accounting: the frames are memory of whoever pays for the packet, but in the pool and in every
// queue the packet counts as one, as it did when the sender asked whether there is room for it. It
// is all frames or none: with some of them a receiver could do little.
// Limits: Offload's, for what one packet can make of little. On a lossy network frames that exceed
// max_memory are not made, and every node that wanted them drops the packet. A lossless network has
// taken the packet, so that it must not be lost: its frames are charged beyond the limit. That can
// only be the last one's before writers wait, since a packet that enters finds room within it; and
// those of packets that a policy held and sends later. Those of a retained packet, which nobody has
// been promised, are charged as that is, within its limits.
// Threads: the loop only.
#pragma once

#include "core/packet.h"

namespace ipn::core {

// False, and nothing changed, if there is no memory. REQUIRES: the packet is neither plain nor
// transient; not beyond the limit if it is retained.
[[nodiscard]] bool make_frames(Packet& packet, PacketPool& pool, bool beyond_limit);

}  // namespace ipn::core
