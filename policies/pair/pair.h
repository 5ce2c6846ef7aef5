// The pair policy: two ports, joined like the two sockets of socketpair(2).
//
// Lifecycle of a pair: the first node joins and waits, its writes as for a full pool; the second
// joins, and both are told who the other is; as soon as one leaves, the other is hung up, and
// nobody joins until it has left as well. What an end gave up of its role, or never had, the other
// end cannot use either: end of file for who is not written to, EPIPE for who is not read.
// Invariants: (1) writers are held up exactly while no pair is there; (2) a node is never told of
// two peers.
// Not done: buffering; packets wait in the network's pool, which both directions share.
#pragma once

#include "ipn/policy.h"

extern "C" const ipn_policy* ipn_pair_policy(const ipn_host* host);
