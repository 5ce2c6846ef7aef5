// ProtoTest: the fixture of all stories about the protocol.
//
// A mount with the network "lab", over /dev/fuse or, with $IPNFS_TRANSPORT=io_uring, over io_uring:
// every story is true of both. At the end of every test the kernel lets everything go, and then
// nothing may be left: no request unanswered, no file open, no inode, no memory charged to anybody;
// and nothing that the daemon ever sent may have been against the protocol.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "fake_mount.h"

namespace ipn::test {

class ProtoTest : public testing::Test {
  protected:
    explicit ProtoTest(const core::Registry::Limits& limits = {})
        : ProtoTest(limits, {.wanted = over_ring()}) {}
    ProtoTest(const core::Registry::Limits& limits, const RingSupport& ring)
        : mount(limits, {01777, 0, 0}, ring) {}

    static bool over_ring();

    void TearDown() override;

    // Short forms.
    Answer call(const Message& message) { return kernel.call(message); }
    Call start(const Message& message) { return kernel.start(message); }
    std::optional<Answer> outcome(Call pending) { return kernel.outcome(pending); }
    File open(int flags) { return mount.open("lab/port", flags); }
    File reader() { return open(O_RDONLY); }
    File writer() { return open(O_WRONLY); }
    core::Network& lab() { return *mount.world.registry.find("lab"); }
    // The node ids of lab/ and lab/ports.
    std::uint64_t lab_node() { return mount.node("lab"); }
    std::uint64_t ports_node() { return mount.node("lab/ports"); }
    // Options of lab.
    void set(std::string_view option, std::string_view value) {
        ASSERT_EQ(mount.set(lab_node(), option, value), 0) << option;
    }
    // A lossless lab in which `packets` fit.
    void make_lossless(std::string_view packets) {
        set("lossless", "1");
        set("msgpoolsize", packets);
    }

    FakeMount mount;
    FakeKernel& kernel = mount.kernel;
};

}  // namespace ipn::test
