#include "capture_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace ipn::test {
namespace {

template <typename T>
T number(std::string_view bytes, std::size_t at = 0) {
    T value{};
    EXPECT_LE(at + sizeof value, bytes.size()) << "the file ends within a number";
    if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::uint64_t time_ns(std::string_view bytes, std::size_t at) {
    return std::uint64_t{number<std::uint32_t>(bytes, at)} << 32 |
           number<std::uint32_t>(bytes, at + 4);
}

std::size_t padded(std::size_t length) {
    return (length + 3) / 4 * 4;
}

std::string_view without_first(std::string_view bytes, std::size_t count) {
    EXPECT_LE(count, bytes.size()) << "the file ends within a block";
    return bytes.substr(std::min(count, bytes.size()));
}

}  // namespace

void CaptureFile::read(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto type = number<std::uint32_t>(bytes);
        const auto length = number<std::uint32_t>(bytes, 4);
        const bool sound = length >= 12 && length % 4 == 0 && length <= bytes.size();
        ASSERT_TRUE(sound) << "a block of " << length << " bytes, " << bytes.size() << " are left";
        EXPECT_EQ(number<std::uint32_t>(bytes, length - 4), length) << "the length again";
        read_block(type, bytes.substr(8, length - 12));
        bytes.remove_prefix(length);
    }
}

void CaptureFile::read_block(std::uint32_t type, std::string_view body) {
    if (type == 0x0A0D0D0A) {
        EXPECT_TRUE(application.empty()) << "one section";
        EXPECT_EQ(number<std::uint32_t>(body), 0x1A2B3C4DU);
        EXPECT_EQ(number<std::uint16_t>(body, 4), 1) << "version";
        EXPECT_EQ(number<std::uint16_t>(body, 6), 0) << "minor version";
        EXPECT_EQ(number<std::uint64_t>(body, 8), UINT64_MAX) << "a section of any length";
        application = options(without_first(body, 16))[4];
        return;
    }
    ASSERT_FALSE(application.empty()) << "a section begins with its header";
    if (type == 1) {
        EXPECT_FALSE(described_) << "one interface";
        described_ = true;
        linktype = number<std::uint16_t>(body);
        snaplen = number<std::uint32_t>(body, 4);
        Options all = options(without_first(body, 8));
        name = all[2];
        filter = all[11];
        EXPECT_EQ(all[9], "\x09") << "times in nanoseconds";
        return;
    }
    ASSERT_TRUE(described_) << "a block of type " << type << " before the interface's";
    EXPECT_EQ(number<std::uint32_t>(body), 0U) << "which interface";
    if (type == 6) {
        const auto captured = number<std::uint32_t>(body, 12);
        Options all = options(without_first(body, 20 + padded(captured)));
        packets.push_back({time_ns(body, 4), std::string(body.substr(20, captured)),
                           number<std::uint32_t>(body, 16), all[1]});
        EXPECT_LE(captured, snaplen);
    } else if (type == 5) {
        const Options all = options(without_first(body, 12));
        const auto count = [&](std::uint16_t code) {
            return all.contains(code) ? number<std::uint64_t>(all.at(code)) : UINT64_MAX;
        };
        statistics.push_back({packets.size(), count(4), count(6), count(5)});
        EXPECT_LE(time_ns(all.at(2), 0), time_ns(all.at(3), 0)) << "begins before it ends";
        EXPECT_EQ(time_ns(all.at(3), 0), time_ns(body, 4));
    } else {
        ADD_FAILURE() << "a block of type " << type;
    }
}

CaptureFile::Options CaptureFile::options(std::string_view bytes) {
    Options all;
    for (;;) {
        const auto code = number<std::uint16_t>(bytes);
        const auto length = number<std::uint16_t>(bytes, 2);
        bytes = without_first(bytes, 4);
        if (code == 0) {
            EXPECT_EQ(length, 0);
            EXPECT_EQ(bytes.size(), 0U) << "behind the end of options";
            return all;
        }
        all[code] = bytes.substr(0, length);
        if (bytes.size() < padded(length)) {
            ADD_FAILURE() << "options without an end";
            return all;
        }
        bytes.remove_prefix(padded(length));
    }
}

std::vector<std::string> CaptureFile::comments() const {
    std::vector<std::string> all;
    for (const Packet& packet : packets) all.push_back(packet.comment);
    return all;
}

}  // namespace ipn::test
