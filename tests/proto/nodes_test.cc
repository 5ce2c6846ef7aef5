// Node ids: fresh ones for ports, stable ones for everything else, and how they end.
#include "proto_test.h"

namespace ipn::test {
namespace {

class NodesTest : public ProtoTest {
  protected:
    std::size_t fresh() const { return mount.filesystem.fresh_inodes(); }
};

TEST_F(NodesTest, EveryLookupOfAPortGivesAFreshNodeOfTheSameFile) {
    const fuse_entry_out one = mount.look_up("lab/port");
    const fuse_entry_out two = mount.look_up("lab/port");
    EXPECT_NE(one.nodeid, two.nodeid);
    EXPECT_EQ(one.attr.ino, two.attr.ino);
    EXPECT_EQ(fresh(), 2U);
}

TEST_F(NodesTest, SoDoesEveryLookupOfANumberedPort) {
    reader();
    const fuse_entry_out one = mount.look_up("lab/ports/0");
    const fuse_entry_out two = mount.look_up("lab/ports/0");
    EXPECT_NE(one.nodeid, two.nodeid);
    EXPECT_EQ(one.attr.ino, two.attr.ino);
}

TEST_F(NodesTest, DirectoriesAndFixedFilesHaveStableNodes) {
    for (const char* path : {".ipnfs", ".ipnfs/version", "lab", "lab/ports"}) {
        const fuse_entry_out one = mount.look_up(path);
        EXPECT_EQ(one.nodeid, mount.node(path)) << path;
        EXPECT_EQ(one.attr.ino, mount.look_up(path).attr.ino) << path;
    }
    EXPECT_EQ(fresh(), 0U);
}

TEST_F(NodesTest, NothingThatIsShownMayBeCached) {
    for (const char* path : {".ipnfs", "lab", "lab/ports", "lab/port"}) {
        const fuse_entry_out entry = mount.look_up(path);
        EXPECT_EQ(entry.entry_valid + entry.entry_valid_nsec, 0U) << path;
        EXPECT_EQ(entry.attr_valid + entry.attr_valid_nsec, 0U) << path;
    }
}

TEST_F(NodesTest, FilesOfDifferentNamesAreDifferentFiles) {
    reader();
    reader();
    std::set<std::uint64_t> numbers;
    for (const char* path : {".ipnfs", ".ipnfs/version", "lab", "lab/port", "lab/framed",
                             "lab/ports", "lab/ports/0", "lab/ports/1"})
        numbers.insert(mount.look_up(path).attr.ino);
    EXPECT_EQ(numbers.size(), 8U);
}

TEST_F(NodesTest, ForgettingANodeFreesIt) {
    const std::uint64_t node = mount.node("lab/port");
    start(ask::forget(node, 1));
    mount.serve();
    EXPECT_EQ(fresh(), 0U);
    EXPECT_EQ(call(ask::getattr(node)), error(ENOENT));
}

TEST_F(NodesTest, ABatchForgetsManyAtOnce) {
    const std::uint64_t one = mount.node("lab/port");
    const std::uint64_t two = mount.node("lab/port");
    const std::uint64_t kept = mount.node("lab/port");
    start(ask::batch_forget({{one, 1}, {two, 1}}));
    mount.serve();
    EXPECT_EQ(fresh(), 1U);
    EXPECT_EQ(call(ask::getattr(kept)).error, 0);
}

TEST_F(NodesTest, AThousandLookupsAndForgetsLeaveNothing) {
    for (int i = 0; i < 1000; ++i) start(ask::forget(mount.node("lab/port"), 1));
    mount.serve();
    EXPECT_EQ(fresh(), 0U);
}

TEST_F(NodesTest, ForgettingANodeDoesNotCloseItsFile) {
    File port = open(O_RDWR);
    start(ask::forget(port.node, 1));
    mount.serve();
    EXPECT_EQ(writer().write("hello"), written(5));
    EXPECT_EQ(port.read(), packet("hello"));
}

TEST_F(NodesTest, ForgettingWhatWasNeverLookedUpHitsNothing) {
    const std::uint64_t node = mount.node("lab/port");
    for (const std::uint64_t junk :
         {std::uint64_t{0}, std::uint64_t{77}, node + 1, node ^ (std::uint64_t{1} << 40),
          UINT64_MAX, lab_node(), std::uint64_t{ask::kRoot}})
        start(ask::forget(junk, 3));
    mount.serve();
    EXPECT_EQ(call(ask::getattr(node)).error, 0);
    EXPECT_EQ(call(ask::getattr(lab_node())).error, 0);
    EXPECT_EQ(fresh(), 1U);
}

TEST_F(NodesTest, ForgettingMoreOftenThanLookedUpEndsTheNodeAndNothingElse) {
    const std::uint64_t node = mount.node("lab/port");
    start(ask::forget(node, UINT64_MAX));
    mount.serve();
    EXPECT_EQ(fresh(), 0U);
}

TEST_F(NodesTest, ALateForgetDoesNotHitTheNodeThatTookThePlace) {
    const std::uint64_t old = mount.node("lab/port");
    start(ask::forget(old, 1));
    const std::uint64_t next = mount.node("lab/port");
    start(ask::forget(old, 1));
    EXPECT_EQ(call(ask::getattr(next)).error, 0);
    EXPECT_NE(old, next);
}

TEST_F(NodesTest, NodesOfANetworkThatIsGoneAreGone) {
    const std::uint64_t directory = lab_node();
    const std::uint64_t ports = ports_node();
    const std::uint64_t port = mount.node("lab/port");
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, "lab")), nothing());
    for (const std::uint64_t node : {directory, ports, port}) {
        EXPECT_EQ(call(ask::getattr(node)), error(ENOENT));
        EXPECT_EQ(call(ask::open(node, O_RDWR)), error(ENOENT));
        EXPECT_EQ(call(ask::lookup(node, "port")), error(ENOENT));
        EXPECT_EQ(mount.set(node, "mtu", "9"), ENOENT);
    }
}

TEST_F(NodesTest, ANewNetworkOfTheSameNameIsAnother) {
    const fuse_entry_out old = mount.look_up("lab");
    call(ask::rmdir(ask::kRoot, "lab"));
    call(ask::mkdir(ask::kRoot, "lab"));
    const fuse_entry_out next = mount.look_up("lab");
    EXPECT_NE(old.nodeid, next.nodeid);
    EXPECT_NE(old.attr.ino, next.attr.ino);
}

TEST_F(NodesTest, TheNodeOfAnOpenPortIsTheNodeOnTheNetwork) {
    const File one = reader();
    const File two = reader();
    EXPECT_EQ(mount.get(one.node, "number"), "0");
    EXPECT_EQ(mount.get(two.node, "number"), "1");
}

}  // namespace
}  // namespace ipn::test
