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
