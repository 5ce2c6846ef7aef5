// Opening and closing, and handles that are not open.
#include "proto_test.h"

namespace ipn::test {
namespace {

class OpenTest : public ProtoTest {};

constexpr std::uint64_t kInvented = 0x1234'0000'0007;

TEST_F(OpenTest, APortIsDirectAStreamAndWrittenInParallel) {
    const auto opened = call(ask::open(mount.node("lab/port"), O_RDWR)).as<fuse_open_out>();
    EXPECT_EQ(opened.open_flags,
              static_cast<std::uint32_t>(FOPEN_DIRECT_IO | FOPEN_STREAM | FOPEN_NOFLUSH |
                                         FOPEN_PARALLEL_DIRECT_WRITES));
}

TEST_F(OpenTest, SoIsAPortThatIsCreated) {
    const Answer created = call(ask::create(ports_node(), "5", O_RDWR));
    EXPECT_EQ(created.data.size(), sizeof(fuse_entry_out) + sizeof(fuse_open_out));
    const auto opened = created.as<fuse_open_out>(sizeof(fuse_entry_out));
    EXPECT_EQ(opened.open_flags,
              static_cast<std::uint32_t>(FOPEN_DIRECT_IO | FOPEN_STREAM | FOPEN_NOFLUSH |
                                         FOPEN_PARALLEL_DIRECT_WRITES));
    EXPECT_EQ(mount.get(created.as<fuse_entry_out>().nodeid, "number"), "5");
}

TEST_F(OpenTest, TheAccessModeIsTheRole) {
    EXPECT_EQ(mount.get(open(O_RDONLY).node, "role"), "reader");
    EXPECT_EQ(mount.get(open(O_WRONLY).node, "role"), "writer");
    EXPECT_EQ(mount.get(open(O_RDWR).node, "role"), "both");
}

TEST_F(OpenTest, FlagsOfWritingToAFileAreTaken) {
    EXPECT_EQ(mount.get(open(O_WRONLY | O_TRUNC | O_APPEND).node, "role"), "writer");
}

TEST_F(OpenTest, WhoeverOpenedIsKnown) {
    kernel.caller = {.uid = 7, .gid = 8, .pid = 99};
    const File port = reader();
    EXPECT_EQ(mount.get(port.node, "uid"), "7");
    EXPECT_EQ(mount.get(port.node, "pid"), "99");
    const fuse_attr shown = mount.stat(mount.node("lab/ports/0"));
    EXPECT_EQ(shown.uid, 7U);
    EXPECT_EQ(shown.gid, 8U);
}

TEST_F(OpenTest, ClosingLeaves) {
    File port = reader();
    EXPECT_EQ(lab().nodes(), 1U);
    EXPECT_EQ(port.close(), nothing());
    EXPECT_EQ(lab().nodes(), 0U);
    EXPECT_FALSE(mount.exists("lab/ports/0"));
}

TEST_F(OpenTest, APortInUseIsNotOpenedAgain) {
    reader();
    EXPECT_EQ(call(ask::open(mount.node("lab/ports/0"), O_RDONLY)), error(EADDRINUSE));
}

TEST_F(OpenTest, NoFreePort) {
    set("numnodes", "1");
    reader();
    EXPECT_EQ(call(ask::open(mount.node("lab/port"), O_RDONLY)), error(EADDRNOTAVAIL));
}

TEST_F(OpenTest, ANumberedPortWhoseUserLeftMeanwhileIsAbsent) {
    File user = reader();
    const std::uint64_t node = mount.node("lab/ports/0");
    user.close();
    EXPECT_EQ(call(ask::open(node, O_RDONLY)), error(ENOENT));
}

TEST_F(OpenTest, DirectoriesAreNotOpenedAsFiles) {
    EXPECT_EQ(call(ask::open(lab_node(), O_RDONLY)), error(ENOENT));
}

TEST_F(OpenTest, AHandleThatWasNeverGivenIsNotOpen) {
    EXPECT_EQ(call(ask::read(kInvented, 10)), error(EBADF));
    EXPECT_EQ(call(ask::write(kInvented, "x")), error(EBADF));
    EXPECT_EQ(call(ask::poll(kInvented, 1, POLLIN, true)), error(EBADF));
    EXPECT_EQ(call(ask::readdir(ask::kRoot, kInvented, 0, 4096)), error(EBADF));
}

TEST_F(OpenTest, ReleasingAHandleThatWasNeverGivenHitsNothing) {
    File port = reader();
    for (const std::uint64_t junk :
         {kInvented, port.handle + 1, port.handle ^ (std::uint64_t{1} << 32), std::uint64_t{0},
          UINT64_MAX}) {
        EXPECT_EQ(call(ask::release(junk)), nothing());
        EXPECT_EQ(call(ask::releasedir(junk)), nothing());
    }
    writer().write("hello");
    EXPECT_EQ(port.read(), packet("hello"));
}

TEST_F(OpenTest, ALateReleaseDoesNotHitTheFileThatTookThePlace) {
    File old = reader();
    old.close();
    File next = reader();
    EXPECT_NE(old.handle, next.handle);
    old.close();
    EXPECT_EQ(old.read(), error(EBADF));
    writer().write("hello");
    EXPECT_EQ(next.read(), packet("hello"));
}

TEST_F(OpenTest, TheVersionIsReadPieceByPiece) {
    mount.filesystem.set_version("name: lab\n");
    const Answer opened = call(ask::open(mount.node(".ipnfs/version"), O_RDONLY));
    const std::uint64_t handle = opened.as<fuse_open_out>().fh;
    EXPECT_EQ(call(ask::read(handle, 4)), packet("name"));
    EXPECT_EQ(call(ask::read(handle, 100, 0, 4)), packet(": lab\n"));
    EXPECT_EQ(call(ask::read(handle, 100, 0, 10)), nothing());
    EXPECT_EQ(call(ask::read(handle, 100, 0, UINT64_MAX)), nothing());
    EXPECT_EQ(call(ask::poll(handle, 1, POLLIN, true)), polled(POLLIN | POLLRDNORM));
}

TEST_F(OpenTest, TheVersionIsNotWritten) {
    EXPECT_EQ(call(ask::open(mount.node(".ipnfs/version"), O_RDWR)), error(EPERM));
    const Answer opened = call(ask::open(mount.node(".ipnfs/version"), O_RDONLY));
    EXPECT_EQ(call(ask::write(opened.as<fuse_open_out>().fh, "x")), error(EBADF));
}

}  // namespace
}  // namespace ipn::test
