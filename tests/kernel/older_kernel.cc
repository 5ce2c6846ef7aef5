// older_kernel.so: preloaded into a program, it finds io_uring as Linux 6.1 has it.
//
// Of the operations, those that came later are not in the answer of the probe, and the kernel
// refuses them: each ring is made with a restriction to the older ones. Only what liburing makes
// and asks is seen.
#include <dlfcn.h>
#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace {

constexpr unsigned kOperations = IORING_OP_SENDMSG_ZC + 1;  // 6.1's last one

template <typename Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int register_with(const io_uring& ring, unsigned what, void* argument, std::size_t count) {
    const long result =
        syscall(__NR_io_uring_register, ring.ring_fd, what, argument, static_cast<unsigned>(count));
    return result < 0 ? -errno : 0;
}

std::vector<io_uring_restriction> restrictions() {
    std::vector<io_uring_restriction> all;
    const auto allow = [&](unsigned kind, unsigned value) {
        io_uring_restriction one{};
        one.opcode = static_cast<__u16>(kind);
        one.register_op = static_cast<__u8>(value);  // the same place, whatever kind it is
        all.push_back(one);
    };
    for (unsigned operation = 0; operation < kOperations; ++operation)
        allow(IORING_RESTRICTION_SQE_OP, operation);
    for (unsigned call = 0; call < IORING_REGISTER_LAST; ++call)
        allow(IORING_RESTRICTION_REGISTER_OP, call);
    allow(IORING_RESTRICTION_SQE_FLAGS_ALLOWED, 0xff);
    return all;
}

}  // namespace

extern "C" int io_uring_queue_init_params(unsigned entries, io_uring* ring,
                                          io_uring_params* params) {
    params->flags |= IORING_SETUP_R_DISABLED;
    const int made =
        real<int(unsigned, io_uring*, io_uring_params*)>(__func__)(entries, ring, params);
    if (made < 0) return made;
    auto allowed = restrictions();
    const int restricted =
        register_with(*ring, IORING_REGISTER_RESTRICTIONS, allowed.data(), allowed.size());
    if (restricted < 0) return restricted;
    return register_with(*ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

extern "C" io_uring_probe* io_uring_get_probe_ring(io_uring* ring) {
    io_uring_probe* probe = real<io_uring_probe*(io_uring*)>(__func__)(ring);
    if (probe != nullptr)
        probe->last_op = std::min(probe->last_op, static_cast<__u8>(kOperations - 1));
    return probe;
}
