// What the kernel and we agree on at first.
#include "proto_test.h"

namespace ipn::test {
namespace {

class InitTest : public ProtoTest {
  protected:
    const fuse_init_out agreed = mount.init.as<fuse_init_out>();
};

TEST_F(InitTest, AgreesOnAProtocolAndSaysSo) {
    EXPECT_EQ(mount.init.error, 0);
    EXPECT_EQ(agreed.major, 7U);
    ASSERT_TRUE(mount.protocol);
    EXPECT_EQ(mount.protocol->major, 7U);
    EXPECT_EQ(mount.protocol->minor, 45U);
}

TEST_F(InitTest, DirectReadsOfPortsAreNoBackgroundRequests) {
    EXPECT_EQ(agreed.flags & FUSE_ASYNC_DIO, 0U) << "they could not be killed";
}

TEST_F(InitTest, TheKernelAppliesTheUmask) {
    EXPECT_EQ(agreed.flags & FUSE_DONT_MASK, 0U);
}

TEST_F(InitTest, TruncationAtOpenIsPartOfTheOpen) {
    EXPECT_NE(agreed.flags & FUSE_ATOMIC_O_TRUNC, 0U);
}

TEST_F(InitTest, ListingADirectoryLooksNothingUp) {
    EXPECT_EQ(agreed.flags & (FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO), 0U);
}

TEST_F(InitTest, WritesAreNotCachedAndNothingIsSpliced) {
    EXPECT_EQ(agreed.flags & (FUSE_WRITEBACK_CACHE | FUSE_SPLICE_READ | FUSE_SPLICE_WRITE), 0U);
}

TEST_F(InitTest, AMebibyteIsWrittenAtOnce) {
    EXPECT_EQ(agreed.max_write, 1024U * 1024U);
}

TEST_F(InitTest, ManyFilesMayBeReleasedAtOnce) {
    EXPECT_GE(agreed.max_background, 4096U);
    EXPECT_GE(agreed.congestion_threshold, 4096U);
}

TEST_F(InitTest, ASecondInitIsRefused) {
    EXPECT_EQ(call(ask::init()), error(EIO));
}

}  // namespace
}  // namespace ipn::test
