// BPDUs as bytes.
#include "bpdu.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ipn::vdeswitch {
namespace {

using Bytes = std::vector<unsigned char>;

Bytes bytes_of(const Bpdu& bpdu) {
    const Bpdu::Frame frame = bpdu.write(0x020000000001);
    return {frame.bytes.begin(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(frame.length)};
}

Bpdu example(Bpdu::Type type) {
    return {.type = type,
            .topology_change = true,
            .proposal = type == Bpdu::Type::rapid,
            .learning = type == Bpdu::Type::rapid,
            .role = Bpdu::Role::designated,
            .vector = {bridge_id(0x1000, 0x020000000002), 20000, bridge_id(0x8000, 0x020000000001),
                       0x8003},
            .times = {1, 20, 2, 15}};
}

// Compared with what tcpdump calls such a frame.
TEST(BpduTest, ARapidOneToTheByte) {
    const Bytes expected{0x01, 0x80, 0xc2, 0,    0,    0,     // to all bridges
                         0x02, 0,    0,    0,    0,    0x01,  // from
                         0,    39,   0x42, 0x42, 0x03,        // length, LLC
                         0,    0,    2,    2,    0x1f,        // protocol, version, type, flags
                         0x10, 0,    0x02, 0,    0,    0,    0,  0x02,  // root
                         0,    0,    0x4e, 0x20,                        // cost
                         0x80, 0,    0x02, 0,    0,    0,    0,  0x01,  // bridge
                         0x80, 0x03,                                    // port
                         1,    0,    20,   0,    2,    0,    15, 0,     // times
                         0};
    EXPECT_EQ(bytes_of(example(Bpdu::Type::rapid)), expected);
}

TEST(BpduTest, IsReadAsItWasWritten) {
    for (const auto type : {Bpdu::Type::rapid, Bpdu::Type::configuration}) {
        const Bpdu bpdu = example(type);
        const auto again = Bpdu::read(bytes_of(bpdu));
        ASSERT_TRUE(again);
        EXPECT_EQ(again->type, type);
        EXPECT_EQ(again->vector, bpdu.vector);
        EXPECT_EQ(again->times, bpdu.times);
        EXPECT_EQ(again->role, Bpdu::Role::designated);
        EXPECT_EQ(again->topology_change, true);
        EXPECT_EQ(again->proposal, bpdu.proposal);
        EXPECT_EQ(bytes_of(*again), bytes_of(bpdu));
    }
    const Bpdu notification{.type = Bpdu::Type::notification};
    EXPECT_EQ(Bpdu::read(bytes_of(notification))->type, Bpdu::Type::notification);
}

TEST(BpduTest, TimesAreRounded) {
    Bytes bytes = bytes_of(example(Bpdu::Type::rapid));
    bytes[44] = 1;
    bytes[45] = 0x7f;
    EXPECT_EQ(Bpdu::read(bytes)->times.message_age, 1);
    bytes[45] = 0x80;
    EXPECT_EQ(Bpdu::read(bytes)->times.message_age, 2);
}

TEST(BpduTest, EveryFlag) {
    for (unsigned flags = 0; flags < 0x80; ++flags) {
        Bytes bytes = bytes_of(example(Bpdu::Type::rapid));
        bytes[21] = static_cast<unsigned char>(flags);
        EXPECT_EQ(bytes_of(*Bpdu::read(bytes)), bytes) << flags;
    }
}

TEST(BpduTest, PaddingOfShortFramesIsNothing) {
    Bytes bytes = bytes_of(example(Bpdu::Type::configuration));
    bytes.resize(60, 0xee);
    EXPECT_TRUE(Bpdu::read(bytes));
}

TEST(BpduTest, OneThatIsCutOffIsNone) {
    for (const auto type :
         {Bpdu::Type::rapid, Bpdu::Type::configuration, Bpdu::Type::notification}) {
        const Bytes whole = bytes_of(example(type));
        for (std::size_t length = 14; length < whole.size(); ++length) {
            Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
            EXPECT_FALSE(Bpdu::read(bytes)) << "the length says more";
            bytes[13] = static_cast<unsigned char>(length - 14);
            EXPECT_FALSE(Bpdu::read(bytes)) << "the length is right";
        }
    }
}

TEST(BpduTest, WhatDoesNotConformIsNone) {
    const Bytes good = bytes_of(example(Bpdu::Type::rapid));
    const auto with = [&](std::size_t at, unsigned char byte) {
        Bytes bytes = good;
        bytes[at] = byte;
        return Bpdu::read(bytes).has_value();
    };
    EXPECT_FALSE(with(12, 0x08)) << "a type, not a length";
    EXPECT_FALSE(with(14, 0xaa)) << "another LLC";
    EXPECT_FALSE(with(16, 0x00));
    EXPECT_FALSE(with(17, 1)) << "another protocol";
    EXPECT_FALSE(with(19, 1)) << "a version that has no RST BPDU";
    EXPECT_TRUE(with(19, 3)) << "a later one";
    EXPECT_FALSE(with(20, 1)) << "an unknown type";
    EXPECT_FALSE(with(44, 20)) << "as old as it may ever be";
}

TEST(BpduTest, UnusualTimesAreTakenForTheNextUsualOnes) {
    const auto with = [](std::uint16_t max_age, std::uint16_t hello, std::uint16_t delay) {
        Bpdu bpdu = example(Bpdu::Type::configuration);
        bpdu.times = {1, max_age, hello, delay};
        return Bpdu::read(bytes_of(bpdu)).value().times;
    };
    EXPECT_EQ(with(6, 1, 2), (Times{1, 6, 1, 2})) << "the shortest of the Linux kernel";
    EXPECT_EQ(with(5, 0, 1), (Times{1, 6, 1, 2}));
    EXPECT_EQ(with(40, 10, 30), (Times{1, 40, 10, 30}));
    EXPECT_EQ(with(41, 11, 31), (Times{1, 40, 10, 30}));
}

TEST(BpduTest, LessIsBetter) {
    const PriorityVector vector{5, 5, 5, 5};
    EXPECT_LT((PriorityVector{4, 9, 9, 9}), vector);
    EXPECT_LT((PriorityVector{5, 4, 9, 9}), vector);
    EXPECT_LT((PriorityVector{5, 5, 4, 9}), vector);
    EXPECT_LT((PriorityVector{5, 5, 5, 4}), vector);
}

TEST(BpduTest, AnIdAsPeopleWriteIt) {
    EXPECT_EQ(to_string_id(bridge_id(0x8000, 0x020000000001)), "8000.02:00:00:00:00:01");
}

}  // namespace
}  // namespace ipn::vdeswitch
