// Packet, PacketPool, Backlog: memory for packets, counted references, and what a network holds.
#include "core/packet.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "bytes.h"

namespace ipn::core {
namespace {

constexpr std::size_t kLimit = 64 * 1024 * 1024;

class PacketTest : public testing::Test {
  protected:
    PacketRef make(std::uint32_t length) {
        const AccountRef payer = memory.account(1);
        return pool.allocate(length, *payer);
    }
    void TearDown() override {
        EXPECT_EQ(memory.used(), 0U);
        EXPECT_EQ(memory.accounts(), 0U);
    }

    Memory memory{kLimit};
    PacketPool pool{memory};
};

TEST_F(PacketTest, HoldsItsBytes) {
    const PacketRef packet = make(5);
    ASSERT_TRUE(packet);
    std::memcpy(packet->data(), "hello", 5);
    EXPECT_EQ(packet->length(), 5U);
    EXPECT_EQ(test::text(packet->data(), 5), "hello");
    EXPECT_FALSE(packet->transient());
}

TEST_F(PacketTest, IsChargedToItsPayerUntilTheLastReferenceGoes) {
    PacketRef first = make(100);
    PacketRef second = first;
    EXPECT_GE(memory.used(), 100U);
    first = {};
    EXPECT_GE(memory.used(), 100U);
    second = {};
    EXPECT_EQ(memory.used(), 0U);
}

TEST_F(PacketTest, AReferenceCanBeMovedAndGivenToCode) {
    PacketRef packet = make(1);
    PacketRef moved = std::move(packet);
    EXPECT_FALSE(packet);
    Packet* given = moved.release();
    EXPECT_FALSE(moved);
    EXPECT_GT(memory.used(), 0U);
    PacketRef::adopt(given);
    EXPECT_EQ(memory.used(), 0U);
}

TEST_F(PacketTest, AssigningAReferenceToItselfKeepsIt) {
    PacketRef packet = make(1);
    const PacketRef& same = packet;
    packet = same;
    EXPECT_TRUE(packet);
    EXPECT_GT(memory.used(), 0U);
}

TEST_F(PacketTest, EveryLengthHasItsBytesAndItsHeadroom) {
    std::vector<PacketRef> packets;
    for (const std::uint32_t length :
         {1U, 64U, 65U, 127U, 128U, 129U, 191U, 192U, 1514U, 4096U, 65535U, 65536U, 128U * 1024}) {
        packets.push_back(make(length));
        Packet& packet = *packets.back();
        ASSERT_EQ(packet.length(), length);
        std::memset(packet.headroom(), 0xee, Packet::kHeadroom);
        std::memset(packet.data(), 0x55, length);
        EXPECT_EQ(packet.headroom() + Packet::kHeadroom, packet.data());
    }
    for (const PacketRef& packet : packets)
        for (std::uint32_t i = 0; i < packet->length(); ++i)
            ASSERT_EQ(packet->data()[i], std::byte{0x55});
}

TEST_F(PacketTest, WastesAtMostAThird) {
    constexpr std::size_t kHeader = 160;
    for (std::uint32_t length = 1; length < 20'000; length += 7) {
        const PacketRef packet = make(length);
        EXPECT_GE(memory.used(), length);
        EXPECT_LE(memory.used(), (length + kHeader) * 3 / 2) << length;
    }
}

TEST_F(PacketTest, TheSameMemoryIsUsedAgain) {
    const std::byte* before = make(1000)->data();
    EXPECT_EQ(make(1000)->data(), before);
}

TEST_F(PacketTest, WhatIsKeptForReuseCanBeGivenBack) {
    const PacketRef held = make(1000);
    make(1000);
    pool.trim();
    EXPECT_TRUE(make(1000));
    EXPECT_GE(memory.used(), 1000U) << "what is in use is not touched";
}

TEST_F(PacketTest, ThereIsNoneIfThePayerHoldsTooMuch) {
    std::vector<PacketRef> packets;
    for (;;) {
        PacketRef packet = make(64 * 1024);
        if (!packet) break;
        packets.push_back(std::move(packet));
    }
    EXPECT_LE(memory.used(), kLimit / 2);
    packets.pop_back();
    EXPECT_TRUE(make(64 * 1024));
}

TEST_F(PacketTest, KnowsWhichLengthCanNeverFit) {
    Memory little(2048);
    const PacketPool small(little);
    EXPECT_TRUE(small.could_ever_fit(500));
    EXPECT_FALSE(small.could_ever_fit(2000));
}

TEST_F(PacketTest, CanBeShortenedWhileItIsFilled) {
    const PacketRef packet = make(100);
    packet->set_length(40);
    EXPECT_EQ(packet->length(), 40U);
}

TEST_F(PacketTest, CanBeMadeLongerAgainUpToItsCapacity) {
    const PacketRef packet = make(100);
    EXPECT_GE(packet->capacity(), 100U);
    packet->set_length(1);
    packet->set_length(packet->capacity());
    std::memset(packet->data(), 0x55, packet->capacity());
    EXPECT_DEATH(packet->set_length(packet->capacity() + 1), "check failed");
}

TEST_F(PacketTest, ATransientPacketBorrowsItsBytes) {
    const std::string_view words = "borrowed";
    Packet packet = Packet::borrow(test::bytes(words));
    EXPECT_TRUE(packet.transient());
    EXPECT_EQ(packet.length(), words.size());
    EXPECT_EQ(static_cast<const void*>(packet.data()), words.data());
    EXPECT_EQ(memory.used(), 0U);
}

TEST_F(PacketTest, PacketsDoNotDisturbEachOther) {
    struct Kept {
        PacketRef packet;
        std::byte fill;
    };
    std::vector<Kept> kept;
    std::minstd_rand random(7);
    for (int step = 0; step < 20'000; ++step) {
        if (kept.size() < 50 || random() % 2 == 0) {
            Kept made{make(1 + static_cast<std::uint32_t>(random() % 3000)),
                      static_cast<std::byte>(random())};
            std::memset(made.packet->data(), static_cast<int>(made.fill), made.packet->length());
            kept.push_back(std::move(made));
        } else {
            std::swap(kept[random() % kept.size()], kept.back());
            const Kept& last = kept.back();
            for (std::uint32_t i = 0; i < last.packet->length(); ++i)
                ASSERT_EQ(last.packet->data()[i], last.fill);
            kept.pop_back();
        }
    }
}

// What an interface receives into: paid for by one account (2), on its way at another's cost (1).
class ReceivingTest : public PacketTest {
  protected:
    static constexpr auto kReceiving = Memory::Purpose::receiving;
    static constexpr std::uint32_t kLong = 60'000;
    static constexpr std::uint32_t kShort = 1514;

    PacketRef received(std::uint32_t length, std::byte fill = std::byte{0x55}) {
        PacketRef packet = pool.allocate(65'600, *interface, kReceiving);
        packet->set_length(length);
        std::memset(packet->data(), static_cast<int>(fill), length);
        return packet;
    }
    void TearDown() override {
        EXPECT_EQ(memory.used(kReceiving), 0U);
        interface = {};
        payer = {};
        PacketTest::TearDown();
    }

    AccountRef interface = memory.account(2);
    AccountRef payer = memory.account(1);
};

TEST_F(ReceivingTest, IsCountedApartFromPackets) {
    const PacketRef packet = received(kShort);
    EXPECT_TRUE(packet->receiving());
    EXPECT_EQ(memory.used(), 0U);
    EXPECT_GE(memory.used(kReceiving), 65'600U);
}

TEST_F(ReceivingTest, ALongOneIsTakenOverItself) {
    PacketRef packet = received(kLong);
    const std::size_t cost = memory.used(kReceiving);
    const PacketRef taken = pool.take_over(packet, *payer);
    EXPECT_EQ(taken.get(), packet.get());
    EXPECT_FALSE(packet->receiving());
    EXPECT_EQ(memory.used(kReceiving), 0U);
    EXPECT_EQ(memory.used(), cost);
}

TEST_F(ReceivingTest, AShortOneIsCopiedIntoMemoryOfItsSize) {
    const PacketRef packet = received(kShort);
    packet->from = 7;
    packet->offload.partial_checksum = true;
    const PacketRef copy = pool.take_over(packet, *payer);
    ASSERT_NE(copy.get(), packet.get());
    EXPECT_TRUE(packet->receiving()) << "it can receive again";
    EXPECT_FALSE(copy->receiving());
    EXPECT_LE(memory.used(), 2048U);
    EXPECT_EQ(copy->length(), kShort);
    EXPECT_EQ(std::memcmp(copy->data(), packet->data(), kShort), 0);
    EXPECT_EQ(copy->from, 7U);
    EXPECT_EQ(copy->offload, packet->offload);
}

TEST_F(ReceivingTest, ALongOneIsCopiedIfOnlyThereIsRoomForItsBytes) {
    std::vector<PacketRef> others;
    while (PacketRef other = pool.allocate(65'600, *payer)) others.push_back(std::move(other));
    const PacketRef packet = received(20'000);
    const PacketRef copy = pool.take_over(packet, *payer);
    EXPECT_TRUE(copy);
    EXPECT_NE(copy.get(), packet.get());
    EXPECT_TRUE(packet->receiving());
}

TEST_F(ReceivingTest, NothingChangesIfThePayerHoldsTooMuch) {
    std::vector<PacketRef> others;
    for (const std::uint32_t length : {65'600U, 1000U, 1U})
        while (PacketRef other = pool.allocate(length, *payer)) others.push_back(std::move(other));
    const std::size_t before = memory.used();
    for (const std::uint32_t length : {kLong, kShort}) {
        const PacketRef packet = received(length);
        EXPECT_FALSE(pool.take_over(packet, *payer));
        EXPECT_TRUE(packet->receiving());
    }
    EXPECT_EQ(memory.used(), before);
}

TEST_F(ReceivingTest, ThePayerOutlivesTheInterface) {
    PacketRef packet = received(kLong);
    const PacketRef taken = pool.take_over(packet, *payer);
    interface = {};
    EXPECT_EQ(memory.accounts(), 1U);
    payer = {};
    EXPECT_EQ(memory.accounts(), 1U) << "the packet still holds it";
}

class BacklogTest : public PacketTest, private Backlog::Owner {
  protected:
    void packet_left(bool was_oldest) override { log += was_oldest ? 'O' : 'x'; }

    PacketRef entered() {
        PacketRef packet = make(10);
        backlog->enter(*packet);
        return packet;
    }

    std::string log;
    Backlog::Ptr backlog = Backlog::make(*this);
};

TEST_F(BacklogTest, CountsAPacketOnceHoweverManyHoldIt) {
    const PacketRef packet = entered();
    const PacketRef again = packet;
    EXPECT_EQ(backlog->packets(), 1U);
}

TEST_F(BacklogTest, TellsItsOwnerWhenAPacketLeftAndWhetherItWasTheOldest) {
    PacketRef first = entered(), second = entered(), third = entered();
    EXPECT_EQ(backlog->oldest(), first.get());
    second = {};
    EXPECT_EQ(log, "x");
    first = {};
    EXPECT_EQ(log, "xO");
    EXPECT_EQ(backlog->oldest(), third.get());
    third = {};
    EXPECT_EQ(log, "xOO");
    EXPECT_EQ(backlog->packets(), 0U);
    EXPECT_EQ(backlog->oldest(), nullptr);
}

TEST_F(BacklogTest, OutlivesItsOwnerWhilePacketsAreHeld) {
    PacketRef first = entered(), second = entered();
    backlog.reset();
    first = {};
    second = {};
    EXPECT_EQ(log, "") << "the owner is gone and hears nothing";
}

TEST(PacketDeathTest, APacketHasAtLeastOneByte) {
    Memory memory(kLimit);
    PacketPool pool(memory);
    const AccountRef payer = memory.account(1);
    EXPECT_DEATH(pool.allocate(0, *payer), "check failed");
}

}  // namespace
}  // namespace ipn::core
