// The tree on the wire: what is made, renamed, removed and listed.
#include <sys/stat.h>

#include <set>

#include "proto_test.h"

namespace ipn::test {
namespace {

class TreeTest : public ProtoTest {
  protected:
    struct Listed {
        std::string name;
        std::uint32_t type;
        std::uint64_t next;
    };
    static std::vector<Listed> entries(const Answer& listing);

    // The names in a directory, read `size` bytes at a time.
    std::vector<std::string> list(std::uint64_t node, std::uint32_t size = 4096);
};

std::vector<TreeTest::Listed> TreeTest::entries(const Answer& listing) {
    std::vector<Listed> all;
    for (std::size_t at = 0; at < listing.data.size();) {
        const auto entry = listing.as<fuse_dirent>(at);
        const std::size_t name = at + offsetof(fuse_dirent, name);
        all.push_back({listing.data.substr(name, entry.namelen), entry.type, entry.off});
        at += FUSE_DIRENT_ALIGN(offsetof(fuse_dirent, name) + entry.namelen);
    }
    return all;
}

std::vector<std::string> TreeTest::list(std::uint64_t node, std::uint32_t size) {
    const std::uint64_t handle = call(ask::opendir(node)).as<fuse_open_out>().fh;
    std::vector<std::string> names;
    for (std::uint64_t offset = 0;;) {
        const auto part = entries(call(ask::readdir(node, handle, offset, size)));
        if (part.empty()) break;
        for (const Listed& entry : part) names.push_back(entry.name);
        offset = part.back().next;
    }
    EXPECT_EQ(call(ask::releasedir(handle)), nothing());
    return names;
}

TEST_F(TreeTest, ANetworkIsMadeForTheCaller) {
    kernel.caller = {.uid = 7, .gid = 8, .pid = 1};
    const Answer made = call(ask::mkdir(ask::kRoot, "lan0", 0750));
    const fuse_attr shown = made.as<fuse_entry_out>().attr;
    EXPECT_EQ(made.error, 0);
    EXPECT_EQ(shown.mode, static_cast<std::uint32_t>(S_IFDIR | 0750));
    EXPECT_EQ(shown.uid, 7U);
    EXPECT_EQ(shown.gid, 8U);
    EXPECT_EQ(mount.stat(mount.node("lan0/port")).mode, static_cast<std::uint32_t>(S_IFREG | 0640));
}

TEST_F(TreeTest, WhatIsMadeIsTheDirectoryThatIsFound) {
    const auto made = call(ask::mkdir(ask::kRoot, "lan0")).as<fuse_entry_out>();
    EXPECT_EQ(mount.node("lan0"), made.nodeid);
}

TEST_F(TreeTest, BadNamesOfNetworks) {
    for (const char* name : {"", ".hidden", "a/b", "a b", "\xff"})
        EXPECT_EQ(call(ask::mkdir(ask::kRoot, name)), error(EINVAL)) << name;
    EXPECT_EQ(call(ask::mkdir(ask::kRoot, std::string(64, 'x'))), error(ENAMETOOLONG));
    EXPECT_EQ(call(ask::mkdir(ask::kRoot, std::string(100'000, 'x'))), error(ENAMETOOLONG));
    EXPECT_EQ(call(ask::mkdir(ask::kRoot, "lab")), error(EEXIST));
}

TEST_F(TreeTest, NothingElseIsMade) {
    for (const std::uint64_t node : {lab_node(), ports_node(), mount.node(".ipnfs")}) {
        EXPECT_EQ(call(ask::mkdir(node, "x")), error(EPERM));
        EXPECT_EQ(call(ask::symlink(node, "x", "target")), error(EPERM));
        EXPECT_EQ(call(ask::link(mount.node("lab/port"), node, "x")), error(EPERM));
    }
    EXPECT_EQ(call(ask::mknod(lab_node(), "x")), error(EPERM));
    EXPECT_EQ(call(ask::create(ask::kRoot, "x", O_RDWR)), error(EPERM));
    for (const std::uint32_t type : {S_IFIFO, S_IFCHR, S_IFSOCK, S_IFDIR})
        EXPECT_EQ(call(ask::mknod(ports_node(), "3", type | 0644)), error(EPERM));
}

TEST_F(TreeTest, ANetworkIsRenamedAndStaysWhatItIs) {
    const std::uint64_t node = lab_node();
    File to = reader();
    EXPECT_EQ(call(ask::rename(ask::kRoot, "lab", ask::kRoot, "field")), nothing());
    EXPECT_FALSE(mount.exists("lab"));
    EXPECT_EQ(mount.node("field"), node);
    mount.open("field/port", O_WRONLY).write("hello");
    EXPECT_EQ(to.read(), packet("hello"));
}

TEST_F(TreeTest, RenamingOntoANetworkOrOutOfPlaceIsRefused) {
    call(ask::mkdir(ask::kRoot, "lan0"));
    for (const unsigned flags : {0U, 1U, 2U, 4U, 0xffffffffU})
        EXPECT_EQ(call(ask::rename(ask::kRoot, "lan0", ask::kRoot, "lab", flags)), error(EEXIST));
    EXPECT_EQ(call(ask::rename(ask::kRoot, "lan0", ask::kRoot, "free", 2)), error(EINVAL));
    EXPECT_EQ(call(ask::rename(ask::kRoot, "lan0", lab_node(), "lan0")), error(EPERM));
    EXPECT_EQ(call(ask::rename(ask::kRoot, "lan0", 12345, "lan0")), error(EPERM));
    EXPECT_EQ(call(ask::rename(lab_node(), "port", ask::kRoot, "lan1")), error(EPERM));
    EXPECT_EQ(call(ask::rename(ask::kRoot, "absent", ask::kRoot, "lan1")), error(ENOENT));
    EXPECT_EQ(call(ask::rename(ask::kRoot, "lan0", ask::kRoot, ".x")), error(EINVAL));
}

TEST_F(TreeTest, AnEmptyNetworkIsRemoved) {
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, "lab")), nothing());
    EXPECT_EQ(call(ask::lookup(ask::kRoot, "lab")), error(ENOENT));
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, "lab")), error(ENOENT));
}

TEST_F(TreeTest, ANetworkWithNodesIsNotRemoved) {
    reader();
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, "lab")), error(EBUSY));
}

TEST_F(TreeTest, FixedFilesAreNotRemoved) {
    EXPECT_EQ(call(ask::unlink(lab_node(), "port")), error(EPERM));
    EXPECT_EQ(call(ask::unlink(mount.node(".ipnfs"), "version")), error(EPERM));
    EXPECT_EQ(call(ask::rmdir(lab_node(), "ports")), error(EPERM));
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, ".ipnfs")), error(EPERM));
    EXPECT_EQ(call(ask::unlink(lab_node(), "absent")), error(ENOENT));
}

TEST_F(TreeTest, APortIsReservedAndGivenBack) {
    const auto made = call(ask::mknod(ports_node(), "5", S_IFREG | 0600)).as<fuse_entry_out>();
    EXPECT_EQ(made.attr.mode, static_cast<std::uint32_t>(S_IFREG | 0600));
    EXPECT_EQ(made.attr.uid, 1000U);
    EXPECT_EQ(mount.get(made.nodeid, "kind"), "reserved");
    EXPECT_EQ(call(ask::mknod(ports_node(), "5")), error(EADDRINUSE));
    EXPECT_EQ(call(ask::unlink(ports_node(), "5")), nothing());
    EXPECT_FALSE(mount.exists("lab/ports/5"));
}

TEST_F(TreeTest, BadNamesOfPorts) {
    for (const char* name : {"", "05", "-1", "+1", "1 ", "x", "0x1", "99999999999999999999"}) {
        EXPECT_EQ(call(ask::mknod(ports_node(), name)), error(EINVAL)) << name;
        EXPECT_EQ(call(ask::lookup(ports_node(), name)), error(ENOENT)) << name;
    }
    EXPECT_EQ(call(ask::mknod(ports_node(), "32")), error(EADDRNOTAVAIL)) << "numnodes is 32";
}

TEST_F(TreeTest, ModeAndOwnerAreChanged) {
    const std::uint64_t node = lab_node();
    EXPECT_EQ(call(ask::chmod(node, 01770)).error, 0);
    EXPECT_EQ(call(ask::chown(node, 5, 6)).as<fuse_attr_out>().attr.uid, 5U);
    const fuse_attr shown = mount.stat(node);
    EXPECT_EQ(shown.mode, static_cast<std::uint32_t>(S_IFDIR | 01770));
    EXPECT_EQ(shown.gid, 6U);
}

TEST_F(TreeTest, FilesHaveNoRightToBeExecuted) {
    EXPECT_EQ(call(ask::chmod(mount.node("lab/port"), 0755)), error(EPERM));
    EXPECT_EQ(call(ask::chmod(mount.node("lab/port"), 04644)), error(EPERM));
    EXPECT_EQ(call(ask::chmod(mount.node("lab/port"), 0600)).error, 0);
    EXPECT_EQ(mount.stat(mount.node("lab/port")).mode, static_cast<std::uint32_t>(S_IFREG | 0600));
}

TEST_F(TreeTest, TruncationMeansNothing) {
    const File port = reader();
    EXPECT_EQ(call(ask::truncate(port.node, 1'000'000)).error, 0);
    EXPECT_EQ(mount.stat(port.node).size, 0U);
}

TEST_F(TreeTest, ListingsNameWhatIsThere) {
    using Names = std::vector<std::string>;
    reader();
    call(ask::mknod(ports_node(), "7"));
    EXPECT_EQ(list(ask::kRoot), (Names{".", "..", ".ipnfs", "lab"}));
    EXPECT_EQ(list(mount.node(".ipnfs")),
              (Names{".", "..", "policies", "version", "metrics", "events"}));
    EXPECT_EQ(list(lab_node()), (Names{".", "..", "port", "framed", "capture.pcap", "ports", "tap",
                                       "grab", "oob", "policy", "stats"}));
    EXPECT_EQ(list(ports_node()), (Names{".", "..", "0", "7"}));
}

TEST_F(TreeTest, AListingIsReadInPieces) {
    for (int i = 0; i < 50; ++i) call(ask::mkdir(ask::kRoot, "network" + std::to_string(i)));
    EXPECT_EQ(list(ask::kRoot, 80).size(), 54U);
}

TEST_F(TreeTest, AListingIsOfTheMomentOfItsOpening) {
    const std::uint64_t handle = call(ask::opendir(ask::kRoot)).as<fuse_open_out>().fh;
    call(ask::rmdir(ask::kRoot, "lab"));
    EXPECT_EQ(entries(call(ask::readdir(ask::kRoot, handle, 0, 4096))).size(), 4U);
}

TEST_F(TreeTest, WhatOneWaitsForIsListedAsADeviceSoThatNobodyOpensIt) {
    std::set<std::string> devices;
    for (const std::uint64_t directory : {lab_node(), mount.node(".ipnfs")}) {
        const std::uint64_t handle = call(ask::opendir(directory)).as<fuse_open_out>().fh;
        for (const Listed& entry : entries(call(ask::readdir(directory, handle, 0, 4096))))
            if (entry.type == static_cast<std::uint32_t>(S_IFCHR >> 12)) devices.insert(entry.name);
    }
    EXPECT_EQ(devices, (std::set<std::string>{"port", "framed", "capture.pcap", "oob", "events"}));
    for (const char* path :
         {"lab/port", "lab/framed", "lab/oob", "lab/capture.pcap", ".ipnfs/events"})
        EXPECT_EQ(mount.look_up(path).attr.mode & S_IFMT, static_cast<std::uint32_t>(S_IFREG));
}

TEST_F(TreeTest, ListingFromAnywhereWithAnySize) {
    const std::uint64_t handle = call(ask::opendir(ask::kRoot)).as<fuse_open_out>().fh;
    EXPECT_EQ(call(ask::readdir(ask::kRoot, handle, 0, 0)), nothing());
    EXPECT_EQ(call(ask::readdir(ask::kRoot, handle, 0, 1)), nothing());
    EXPECT_EQ(call(ask::readdir(ask::kRoot, handle, UINT64_MAX, 4096)), nothing());
    EXPECT_EQ(entries(call(ask::readdir(ask::kRoot, handle, 0, UINT32_MAX))).size(), 4U);
}

TEST_F(TreeTest, FilesAreNotListed) {
    EXPECT_EQ(call(ask::opendir(mount.node("lab/port"))), error(ENOTDIR));
    EXPECT_EQ(call(ask::opendir(mount.node(".ipnfs/version"))), error(ENOTDIR));
    EXPECT_EQ(call(ask::opendir(777)), error(ENOENT));
}

TEST_F(TreeTest, StatfsCountsNetworksAndMemory) {
    const auto facts = call(ask::statfs()).as<fuse_statfs_out>().st;
    EXPECT_EQ(facts.files, 1024U);
    EXPECT_EQ(facts.ffree, 1023U);
    EXPECT_EQ(facts.namelen, 63U);
    EXPECT_EQ(facts.bfree, facts.blocks);
}

}  // namespace
}  // namespace ipn::test
