// Memory: how much may wait, in all and of each user.
#include "core/memory.h"

#include <gtest/gtest.h>

namespace ipn::core {
namespace {

constexpr std::size_t kLimit = 1000;
constexpr auto kPacket = Memory::Purpose::packet;
constexpr auto kWaiting = Memory::Purpose::waiting;
constexpr auto kReceiving = Memory::Purpose::receiving;

class MemoryTest : public testing::Test {
  protected:
    Memory memory{kLimit};
};

TEST_F(MemoryTest, CountsWhatIsChargedAndRefunded) {
    const AccountRef alice = memory.account(1);
    ASSERT_TRUE(memory.charge(*alice, 300, kPacket));
    EXPECT_EQ(memory.used(), 300U);
    memory.refund(*alice, 100, kPacket);
    EXPECT_EQ(memory.used(), 200U);
    memory.refund(*alice, 200, kPacket);
    EXPECT_EQ(memory.used(), 0U);
}

TEST_F(MemoryTest, OneUserGetsHalf) {
    const AccountRef alice = memory.account(1);
    ASSERT_TRUE(memory.charge(*alice, 500, kPacket));
    EXPECT_FALSE(memory.charge(*alice, 1, kPacket));
    const AccountRef bob = memory.account(2);
    EXPECT_TRUE(memory.charge(*bob, 500, kPacket));
    memory.refund(*alice, 500, kPacket);
    memory.refund(*bob, 500, kPacket);
}

TEST_F(MemoryTest, AllTogetherGetNoMoreThanTheLimit) {
    const AccountRef alice = memory.account(1), bob = memory.account(2), carol = memory.account(3);
    ASSERT_TRUE(memory.charge(*alice, 400, kPacket));
    ASSERT_TRUE(memory.charge(*bob, 400, kPacket));
    EXPECT_FALSE(memory.charge(*carol, 201, kPacket));
    EXPECT_TRUE(memory.charge(*carol, 200, kPacket));
    memory.refund(*alice, 400, kPacket);
    memory.refund(*bob, 400, kPacket);
    memory.refund(*carol, 200, kPacket);
}

TEST_F(MemoryTest, ARefusedChargeCountsNothing) {
    const AccountRef alice = memory.account(1);
    ASSERT_FALSE(memory.charge(*alice, 501, kPacket));
    EXPECT_EQ(memory.used(), 0U);
    EXPECT_TRUE(memory.charge(*alice, 500, kPacket));
    memory.refund(*alice, 500, kPacket);
}

TEST_F(MemoryTest, KnowsWhatCanNeverFit) {
    EXPECT_TRUE(memory.could_ever_fit(500));
    EXPECT_FALSE(memory.could_ever_fit(501));
}

TEST_F(MemoryTest, AWriteThatWaitsFindsRoomAlthoughPacketsHaveItAll) {
    const AccountRef alice = memory.account(1);
    ASSERT_TRUE(memory.charge(*alice, 500, kPacket));
    EXPECT_TRUE(memory.charge(*alice, 125, kWaiting)) << "an eighth";
    EXPECT_FALSE(memory.charge(*alice, 1, kWaiting)) << "even that has an end";
    memory.refund(*alice, 500, kPacket);
    memory.refund(*alice, 125, kWaiting);
}

TEST_F(MemoryTest, AllWritesThatWaitGetAQuarter) {
    const AccountRef alice = memory.account(1), bob = memory.account(2), carol = memory.account(3);
    ASSERT_TRUE(memory.charge(*alice, 125, kWaiting));
    ASSERT_TRUE(memory.charge(*bob, 125, kWaiting));
    EXPECT_FALSE(memory.charge(*carol, 1, kWaiting));
    EXPECT_EQ(memory.used(kWaiting), 250U);
    memory.refund(*alice, 125, kWaiting);
    memory.refund(*bob, 125, kWaiting);
}

TEST_F(MemoryTest, WritesThatWaitTakeNoRoomFromPackets) {
    // Otherwise they could wait for ever: for memory that only they themselves hold.
    const AccountRef alice = memory.account(1);
    ASSERT_TRUE(memory.charge(*alice, 125, kWaiting));
    EXPECT_TRUE(memory.charge(*alice, 500, kPacket));
    EXPECT_EQ(memory.used(), 500U);
    memory.refund(*alice, 500, kPacket);
    memory.refund(*alice, 125, kWaiting);
}

TEST_F(MemoryTest, WhatInterfacesReceiveIntoIsAQuarterAndApart) {
    const AccountRef alice = memory.account(1), bob = memory.account(2);
    ASSERT_TRUE(memory.charge(*alice, 500, kPacket));
    EXPECT_TRUE(memory.charge(*alice, 250, kReceiving));
    EXPECT_FALSE(memory.charge(*alice, 1, kReceiving));
    EXPECT_FALSE(memory.charge(*bob, 1, kReceiving));
    EXPECT_TRUE(memory.charge(*bob, 500, kPacket));
    memory.refund(*alice, 250, kReceiving);
    memory.refund(*alice, 500, kPacket);
    memory.refund(*bob, 500, kPacket);
}

TEST_F(MemoryTest, AnAccountLivesWhileSomebodyHoldsIt) {
    {
        const AccountRef alice = memory.account(1);
        const AccountRef again = memory.account(1);
        EXPECT_EQ(&*alice, &*again);
        EXPECT_EQ(memory.accounts(), 1U);
    }
    EXPECT_EQ(memory.accounts(), 0U);
}

TEST_F(MemoryTest, AnAccountLivesWhileSomethingIsChargedToIt) {
    Account* account = nullptr;
    {
        const AccountRef alice = memory.account(1);
        account = &*alice;
        ASSERT_TRUE(memory.charge(*account, 10, kPacket));
    }
    EXPECT_EQ(memory.accounts(), 1U);
    memory.refund(*account, 10, kPacket);
    EXPECT_EQ(memory.accounts(), 0U);
}

TEST_F(MemoryTest, AReferenceCanBeMovedAndReplaced) {
    AccountRef alice = memory.account(1);
    AccountRef moved = std::move(alice);
    EXPECT_TRUE(moved);
    moved = memory.account(2);
    EXPECT_EQ(memory.accounts(), 1U);
    moved = {};
    EXPECT_EQ(memory.accounts(), 0U);
}

TEST_F(MemoryTest, WhoAwaitsRoomIsToldAtTheNextRefundOnce) {
    int told = 0;
    memory.on_room([&] { ++told; });
    const AccountRef alice = memory.account(1);
    ASSERT_TRUE(memory.charge(*alice, 30, kPacket));
    memory.refund(*alice, 10, kPacket);
    EXPECT_EQ(told, 0) << "nobody awaited it";
    memory.await_room();
    memory.refund(*alice, 10, kPacket);
    memory.refund(*alice, 10, kPacket);
    EXPECT_EQ(told, 1);
}

TEST(MemoryDeathTest, RefundingMoreThanWasChargedIsAMistake) {
    Memory memory(kLimit);
    const AccountRef alice = memory.account(1);
    ASSERT_TRUE(memory.charge(*alice, 10, kPacket));
    EXPECT_DEATH(memory.refund(*alice, 11, kPacket), "check failed");
    memory.refund(*alice, 10, kPacket);
}

}  // namespace
}  // namespace ipn::core
