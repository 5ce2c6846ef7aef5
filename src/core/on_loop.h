// on_loop: the one capability that all mutable state of ipnfs needs.
//
// There is one loop on one thread, and everything that a packet touches belongs to it; nothing is
// locked because nothing is shared. A function marked IPN_ON_LOOP may only be called there; clang's
// -Wthread-safety checks it (GCC sees empty macros). The loop itself says AssumeLoop once per turn.
#pragma once

#if defined(__clang__)
#define IPN_TS_ATTRIBUTE(x) __attribute__((x))
#else
#define IPN_TS_ATTRIBUTE(x)
#endif

#define IPN_ON_LOOP IPN_TS_ATTRIBUTE(requires_capability(::ipn::core::on_loop))

namespace ipn::core {

class IPN_TS_ATTRIBUTE(capability("role")) LoopRole {};

inline LoopRole on_loop;

// Says "this scope runs on the loop's thread": at the loop's entry points and in tests.
class IPN_TS_ATTRIBUTE(scoped_lockable) AssumeLoop {
  public:
    AssumeLoop() IPN_TS_ATTRIBUTE(acquire_capability(on_loop)) {}
    ~AssumeLoop() IPN_TS_ATTRIBUTE(release_capability()) {}
    AssumeLoop(const AssumeLoop&) = delete;
    AssumeLoop& operator=(const AssumeLoop&) = delete;
};

}  // namespace ipn::core
