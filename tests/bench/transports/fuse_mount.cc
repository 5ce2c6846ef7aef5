#include "transports/fuse_mount.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <stdexcept>

namespace bench {

namespace {

constexpr Milliseconds mount_timeout{10'000};

bool is_fuse(const std::string& directory) {
    struct statfs state;
    return ::statfs(directory.c_str(), &state) == 0 && state.f_type == FUSE_SUPER_MAGIC;
}

}  // namespace

FuseMount::FuseMount(const std::string& parent, const Command& command,
                     const std::vector<std::string>& environment)
    : directory_(parent), server_(Process::exec(command(directory()), {}, environment)) {
    wait_until_mounted();
}

void FuseMount::wait_until_mounted() {
    const auto deadline = Clock::now() + mount_timeout;
    while (!is_fuse(directory())) {
        server_.expect_running();
        if (Clock::now() > deadline)
            throw std::runtime_error("not mounted in time: " + directory());
        sleep_for(Milliseconds{1});
    }
}

FuseMount::~FuseMount() {
    server_.kill();
    ::umount2(directory().c_str(), MNT_DETACH);
}

}  // namespace bench
