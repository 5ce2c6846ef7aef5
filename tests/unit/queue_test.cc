// PacketQueue: packets that wait for one node, and where some are missing.
#include "core/queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace ipn::core {
namespace {

class QueueTest : public testing::Test {
  protected:
    // Packets are told apart by `from`.
    void push(std::uint32_t number) {
        const PacketRef packet = pool.allocate(1, *payer);
        packet->from = number;
        ASSERT_TRUE(queue.push(*packet));
    }

    Memory memory{1024 * 1024};
    PacketPool pool{memory};
    AccountRef payer = memory.account(1);
    PacketQueue queue;
};

TEST_F(QueueTest, GivesPacketsBackOldestFirst) {
    for (const std::uint32_t number : {1U, 2U, 3U}) push(number);
    EXPECT_EQ(queue.size(), 3U);
    EXPECT_EQ(queue.front().from, 1U);
    EXPECT_EQ(queue.pop()->from, 1U);
    EXPECT_EQ(queue.pop()->from, 2U);
    EXPECT_EQ(queue.pop()->from, 3U);
    EXPECT_TRUE(queue.empty());
}

TEST_F(QueueTest, ReleasesAPacketThatWasTakenOut) {
    push(1);
    EXPECT_GT(memory.used(), 0U);
    queue.pop();
    EXPECT_EQ(memory.used(), 0U);
}

TEST_F(QueueTest, ReleasesEverythingWhenCleared) {
    for (std::uint32_t number = 0; number < 20; ++number) push(number);
    queue.mark_gap();
    queue.clear();
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.gap_at_front());
    EXPECT_EQ(memory.used(), 0U);
    push(1);
    EXPECT_FALSE(queue.gap_at_front());
}

TEST_F(QueueTest, KeepsItsOrderWhileItGrowsAndTurns) {
    std::deque<std::uint32_t> plain;
    std::mt19937 random(3);
    std::uint32_t next = 0;
    for (int step = 0; step < 10'000; ++step) {
        const bool filling = step / 500 % 2 == 0;
        if (plain.empty() || random() % 4 < (filling ? 3U : 1U)) {
            push(next);
            plain.push_back(next++);
        } else {
            ASSERT_EQ(queue.pop()->from, plain.front());
            plain.pop_front();
        }
        ASSERT_EQ(queue.size(), plain.size());
    }
}

TEST_F(QueueTest, AGapAtTheEndStandsBeforeTheNextPacket) {
    push(1);
    queue.mark_gap();
    push(2);
    push(3);
    EXPECT_FALSE(queue.gap_at_front());
    queue.pop();
    EXPECT_TRUE(queue.gap_at_front());
    queue.pop();
    EXPECT_FALSE(queue.gap_at_front());
}

TEST_F(QueueTest, AGapIsAtTheFrontOfAnEmptyQueue) {
    push(1);
    queue.mark_gap();
    queue.mark_gap();
    queue.pop();
    EXPECT_TRUE(queue.gap_at_front());
    queue.forget_gap_at_front();
    EXPECT_FALSE(queue.gap_at_front());
    push(2);
    EXPECT_FALSE(queue.gap_at_front());
}

TEST_F(QueueTest, AGapIsForgottenWithoutTakingThePacket) {
    queue.mark_gap();
    push(1);
    ASSERT_TRUE(queue.gap_at_front());
    queue.forget_gap_at_front();
    EXPECT_FALSE(queue.gap_at_front());
    EXPECT_EQ(queue.size(), 1U);
}

TEST_F(QueueTest, GapsStayWhereTheyAreWhenTheQueueGrows) {
    push(0);
    queue.mark_gap();
    for (std::uint32_t number = 1; number < 20; ++number) push(number);
    for (std::uint32_t number = 0; number < 20; ++number) {
        EXPECT_EQ(queue.gap_at_front(), number == 1) << number;
        queue.pop();
    }
}

}  // namespace
}  // namespace ipn::core
