// Commands to drivers. That of /dev/null takes any, and does nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "netdev/ring/ring.h"

namespace ipn::ring {
namespace {

class Result final : public Operation {
  public:
    void completed(int result) override { value = result; }
    std::optional<int> value;
};

class CommandTest : public testing::Test {
  protected:
    CommandTest() : null(open("/dev/null", O_RDWR | O_CLOEXEC)) {}
    ~CommandTest() override { close(null); }

    void turn() { ring.turn(std::chrono::nanoseconds(0)); }

    const int null;
    Ring ring{8};
    Result result;
    const std::array<std::byte, Ring::kArgumentMax> argument{};
};

TEST_F(CommandTest, IsQueuedUntilTheNextTurn) {
    ring.command(null, 1, {}, argument, result);
    EXPECT_EQ(ring.queued(), 1U);
    EXPECT_EQ(result.value, std::nullopt);
    turn();
    EXPECT_EQ(ring.queued(), 0U);
    EXPECT_EQ(result.value, 0);
}

TEST_F(CommandTest, IsNotCountedAsAnOperation) {
    ring.command(null, 1, {}, argument, result);
    EXPECT_EQ(ring.in_kernel(), 0U);
    turn();
    EXPECT_EQ(ring.in_kernel(), 0U);
}

TEST_F(CommandTest, FailsWhereNoDriverTakesCommands) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    ring.command(ends[0], 1, {}, argument, result);
    turn();
    EXPECT_EQ(result.value, -EOPNOTSUPP);
    for (const int end : ends) close(end);
}

TEST_F(CommandTest, GoesWithTheRing) {
    ring.command(null, 1, {}, argument, result);
    ring.close();
    EXPECT_EQ(result.value, std::nullopt);
}

}  // namespace
}  // namespace ipn::ring
