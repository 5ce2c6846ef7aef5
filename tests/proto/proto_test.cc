#include "proto_test.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace ipn::test {
namespace {

// Set to a directory, every test leaves there what its kernel asked: seeds for the fuzz target.
constexpr const char* kRecordVariable = "IPNFS_RECORD_REQUESTS";
constexpr std::size_t kRecordMax = 16 * 1024;

void record(const std::string& requests) {
    const char* directory = std::getenv(kRecordVariable);
    if (directory == nullptr || requests.size() > kRecordMax) return;
    const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(test.test_suite_name()) + "." + test.name();
    std::replace(name.begin(), name.end(), '/', '-');
    std::ofstream(std::string(directory) + "/" + name) << requests;
}

}  // namespace

bool ProtoTest::over_ring() {
    const char* transport = std::getenv("IPNFS_TRANSPORT");
    return transport != nullptr && std::string_view(transport) == "io_uring";
}

void ProtoTest::TearDown() {
    record(kernel.recorded());
    const bool over = mount.session == nullptr || mount.ended;
    if (!over) kernel.let_everything_go();
    if (!over) mount.close_interfaces();
    EXPECT_EQ(kernel.violations(), std::vector<std::string>());
    if (over) return;
    EXPECT_EQ(kernel.unanswered(), 0U);
    EXPECT_EQ(kernel.ring.taken() + kernel.ring.waiting(), 0U);
    EXPECT_EQ(mount.filesystem.open_files(), 0U);
    EXPECT_EQ(mount.filesystem.fresh_inodes(), 0U);
    for (const auto purpose : {core::Memory::Purpose::packet, core::Memory::Purpose::waiting})
        EXPECT_EQ(mount.world.registry.memory().used(purpose), 0U);
    EXPECT_EQ(mount.world.registry.memory().accounts(), 0U);
}

}  // namespace ipn::test
