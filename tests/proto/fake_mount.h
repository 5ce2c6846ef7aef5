// FakeMount: a mount without a kernel, and what programs do on it.
//
// The whole of src/fs over a small core (World: broadcast policy, fake clock, one network "lab"),
// joined to a FakeKernel; INIT has been said. Everything happens in the calls made here: the daemon
// is served until it has nothing more to do. The order of destruction is a daemon's: the session
// first. Not done: expectations; this is also the body of the fuzz target.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fake_interfaces.h"
#include "fake_kernel.h"
#include "fake_modules.h"
#include "fs/filesystem.h"
#include "fs/session.h"
#include "test_commit.h"
#include "world.h"

namespace ipn::test {

using Call = FakeKernel::Call;

// What a write or poll answers, on the wire.
Answer written(std::size_t bytes);
Answer polled(int events);

// A program's open file. It stays open until close() or the end of the test.
class File {
  public:
    File(FakeKernel& kernel, std::uint64_t its_node, std::uint64_t its_handle)
        : node(its_node), handle(its_handle), kernel_(kernel) {}

    // Blocking calls, under way.
    Call start_read(std::uint32_t size = 65536) { return kernel_.start(ask::read(handle, size)); }
    Call start_write(std::string_view data) { return kernel_.start(ask::write(handle, data)); }

    // With O_NONBLOCK.
    Answer read(std::uint32_t size = 65536);
    Answer write(std::string_view data);

    // poll(2): what it says now. `notify`: the caller is going to sleep.
    Answer poll(int events, bool notify = true) {
        return kernel_.call(ask::poll(handle, poll_handle(), events, notify));
    }
    // What the kernel calls this file when it polls.
    std::uint64_t poll_handle() const { return handle + 1'000'000; }

    Answer close() { return kernel_.call(ask::release(handle)); }

    const std::uint64_t node;
    const std::uint64_t handle;

  private:
    FakeKernel& kernel_;
};

// FUSE over io_uring, as far as it goes.
struct RingSupport {
    bool wanted = false;  // by the daemon
    bool offered = true;  // by the kernel
    std::size_t entries_max = SIZE_MAX;
};

class FakeMount {
  public:
    explicit FakeMount(const core::Registry::Limits& limits = {},
                       const core::Ownership& root = {01777, 0, 0}, const RingSupport& ring = {});
    ~FakeMount();
    FakeMount(const FakeMount&) = delete;
    FakeMount& operator=(const FakeMount&) = delete;

    // Lets the daemon do all it can.
    void serve();
    void end_session();
    // As a daemon that ends.
    void close_interfaces();

    // Looks a path up, from the root of the mount. It must exist.
    fuse_entry_out look_up(std::string_view path);
    std::uint64_t node(std::string_view path) { return look_up(path).nodeid; }
    bool exists(std::string_view path);
    fuse_attr stat(std::uint64_t node);

    // Looks the path up and opens it, as open(2) does. It must succeed.
    File open(std::string_view path, int flags);

    int set(std::uint64_t node, std::string_view attribute, std::string_view value);
    // The value, or the name of the error in <>.
    std::string get(std::uint64_t node, std::string_view attribute);

    FakeLoader loader;  // policies may keep its modules loaded to the end
    World world;
    TestCommit commit;
    FakeBackground background;
    FakeHost host;
    fs::Filesystem filesystem;
    FakeKernel kernel;
    std::unique_ptr<fs::Session> session;
    bool ended = false;  // what the session said
    std::optional<fs::Session::Protocol> protocol;
    Answer init;

  private:
    Answer walk(std::string_view path);
};

}  // namespace ipn::test
