// What is counted, as files: stats of a network, .ipnfs/metrics of the mount.
#include <gmock/gmock.h>

#include "proto_test.h"

namespace ipn::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class StatisticsFilesTest : public ProtoTest {
  protected:
    explicit StatisticsFilesTest(const core::Registry::Limits& limits = {}) : ProtoTest(limits) {}

    std::string read(std::string_view path) {
        File file = mount.open(path, O_RDONLY);
        std::string text;
        for (;;) {
            const Answer part = call(ask::read(file.handle, 100, 0, text.size()));
            EXPECT_EQ(part.error, 0);
            if (part.data.empty()) break;
            text += part.data;
        }
        file.close();
        return text;
    }
    Answer open_code(std::string_view path, int flags) {
        return call(ask::open(mount.node(path), flags));
    }
};

TEST_F(StatisticsFilesTest, StatsAreOneNumberALine) {
    reader();
    File from = writer();
    from.write("12345");
    const std::string stats = read("lab/stats");
    EXPECT_THAT(stats, HasSubstr("packets_in 1\nbytes_in 5\npackets_out 0\n"));
    EXPECT_THAT(stats, HasSubstr("\nport.0.received 0\n"));
    EXPECT_THAT(stats, HasSubstr("\nport.1.sent 1\n"));
    EXPECT_TRUE(stats.ends_with("port.1.queued 0\n"));
}

TEST_F(StatisticsFilesTest, MetricsAreOpenMetrics) {
    reader();
    File from = writer();
    from.write("12345");
    const std::string metrics = read(".ipnfs/metrics");
    EXPECT_THAT(metrics,
                HasSubstr("# TYPE ipnfs_network_packets_in counter\n"
                          "# HELP ipnfs_network_packets_in Packets that nodes sent.\n"
                          "ipnfs_network_packets_in_total{network=\"lab\",netid=\"1\"} 1\n"));
    EXPECT_THAT(metrics,
                HasSubstr("# TYPE ipnfs_network_pool_bytes gauge\n"
                          "# UNIT ipnfs_network_pool_bytes bytes\n"
                          "# HELP ipnfs_network_pool_bytes Bytes of the packets that wait.\n"
                          "ipnfs_network_pool_bytes{network=\"lab\",netid=\"1\"} 5\n"));
    EXPECT_THAT(metrics,
                HasSubstr("# TYPE ipnfs_port_queued gauge\n"
                          "# HELP ipnfs_port_queued Packets that wait for the node.\n"
                          "ipnfs_port_queued{network=\"lab\",netid=\"1\",port=\"0\"} 1\n"
                          "ipnfs_port_queued{network=\"lab\",netid=\"1\",port=\"1\"} 0\n"));
    EXPECT_TRUE(metrics.ends_with("\n# EOF\n"));
}

TEST_F(StatisticsFilesTest, AFamilyStandsInOnePiece) {
    call(ask::mkdir(ask::kRoot, "other"));
    EXPECT_THAT(read(".ipnfs/metrics"),
                HasSubstr("ipnfs_network_dropped_total{network=\"lab\",netid=\"1\"} 0\n"
                          "ipnfs_network_dropped_total{network=\"other\",netid=\"2\"} 0\n# TYPE"));
}

TEST_F(StatisticsFilesTest, TheyAreAsTheyWereWhenOpened) {
    File stats = mount.open("lab/stats", O_RDONLY);
    File from = writer();
    from.write("1");
    EXPECT_THAT(stats.read().data, HasSubstr("packets_in 0\n"));
}

TEST_F(StatisticsFilesTest, TheyAreOnlyRead) {
    for (const char* path : {"lab/stats", ".ipnfs/metrics"}) {
        EXPECT_EQ(open_code(path, O_WRONLY), error(EPERM));
        EXPECT_EQ(open_code(path, O_RDWR), error(EPERM));
    }
    EXPECT_EQ(call(ask::unlink(lab_node(), "stats")), error(EPERM));
}

TEST_F(StatisticsFilesTest, StatsAreReadByWhoMayReadTheNetwork) {
    call(ask::mkdir(ask::kRoot, "private", 0700));
    EXPECT_EQ(mount.look_up("private/stats").attr.mode, static_cast<unsigned>(S_IFREG | 0400));
    EXPECT_EQ(mount.look_up("lab/stats").attr.mode & 0222U, 0U);
}

TEST_F(StatisticsFilesTest, TheyGoWhenTheNetworkShutsDown) {
    reader();
    const std::uint64_t stats = mount.node("lab/stats");
    set("state", "down");
    EXPECT_FALSE(mount.exists("lab/stats"));
    EXPECT_EQ(call(ask::open(stats, O_RDONLY)), error(ENOENT));
    EXPECT_THAT(read(".ipnfs/metrics"), Not(HasSubstr("lab")));
}

class StatisticsMemoryTest : public StatisticsFilesTest {
  protected:
    StatisticsMemoryTest() : StatisticsFilesTest({.memory = 64 * 1024, .gather = {}}) {}
};

TEST_F(StatisticsMemoryTest, WhatIsOpenIsChargedToTheOpener) {
    std::vector<File> files;
    Answer refused;
    while (files.size() < 1000) {
        refused = open_code(".ipnfs/metrics", O_RDONLY);
        if (refused.error != 0) break;
        files.emplace_back(kernel, mount.node(".ipnfs/metrics"), refused.as<fuse_open_out>().fh);
    }
    EXPECT_EQ(refused, error(ENOMEM));
    ASSERT_FALSE(files.empty());
    files.back().close();
    EXPECT_EQ(open_code(".ipnfs/metrics", O_RDONLY).error, 0);
}

}  // namespace
}  // namespace ipn::test
