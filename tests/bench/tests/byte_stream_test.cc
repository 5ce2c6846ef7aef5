// Packets as bytes of a stream: whole again, however the stream is cut.
#include "transports/byte_stream.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "harness/errors.h"
#include "harness/fd.h"

namespace bench {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ByteStream : public ::testing::Test {
  protected:
    ByteStream() {
        int ends[2];
        check(::pipe(ends), "pipe");
        out_ = Fd(ends[0]);
        in_ = Fd(ends[1]);
    }

    Fd out_;
    Fd in_;
};

TEST_F(ByteStream, AWriteHasThatManyPackets) {
    ByteWriter writer(2);
    std::vector<std::string> writes;
    for (const std::string packet : {"ab", "cd", "ef"}) {
        writer.send(bytes_of(packet), [&](auto bytes) { writes.push_back(text_of(bytes)); });
    }
    EXPECT_EQ(writes, std::vector<std::string>{"abcd"});
}

TEST_F(ByteStream, PacketsAreTakenOutOfOneRead) {
    ByteReader reader(16);
    write_all(in_.get(), bytes_of("abcdef"));
    EXPECT_EQ(text_of(reader.take(out_.get(), 2)), "ab");
    EXPECT_EQ(text_of(reader.peek(out_.get(), 2)), "cd");
    EXPECT_EQ(text_of(reader.take(out_.get(), 4)), "cdef");
}

TEST_F(ByteStream, APacketMayTakeSeveralReadsAndTheEndOfTheBuffer) {
    ByteReader reader(4);
    write_all(in_.get(), bytes_of("abcdefg"));
    EXPECT_EQ(text_of(reader.take(out_.get(), 3)), "abc");
    EXPECT_EQ(text_of(reader.take(out_.get(), 4)), "defg");
}

TEST_F(ByteStream, TheEndIsAnError) {
    ByteReader reader(4);
    { const Fd closed = std::move(in_); }
    EXPECT_THROW(reader.take(out_.get(), 1), std::runtime_error);
}

}  // namespace
}  // namespace bench
