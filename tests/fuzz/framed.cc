// Fuzz target: any bytes, cut anywhere, written to `framed` of a full or not so full network and
// read from it in pieces of any size.
//
// The input: two bytes of MTU, one of msgpoolsize, then steps of two bytes each: what to do, and
// how long; a write's data follow. What must hold: what the writes said they took, read as packets,
// each behind its length, is what the reader gets, byte for byte; nothing is sent of a packet that
// is not whole; a length above the MTU ends the stream, and only that; and when all is let go,
// nothing is left.

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "fake_mount.h"
#include "frames.h"

namespace {

using ipn::test::Answer;
using ipn::test::Call;
using ipn::test::FakeMount;
using ipn::test::File;

class Input {
  public:
    explicit Input(std::string_view bytes) : rest_(bytes) {}
    bool empty() const { return rest_.empty(); }
    unsigned byte() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    std::string_view bytes(std::size_t count) {
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(taken.size());
        return taken;
    }

  private:
    std::string_view rest_;
};

// The stream as plainly as possible: what a reader gets of the whole packets in `written`.
// `ended`: a length above the MTU comes next.
std::string as_read(std::string_view written, std::size_t mtu, bool& ended) {
    std::string read;
    ended = false;
    while (written.size() >= 2) {
        const std::size_t length = static_cast<unsigned char>(written[0]) * std::size_t{256} +
                                   static_cast<unsigned char>(written[1]);
        ended = length > mtu;
        if (ended || written.size() < 2 + length) break;
        if (length > 0) read += ipn::test::frames({written.substr(2, length)});
        written.remove_prefix(2 + length);
    }
    return read;
}

class Story {
  public:
    Story(unsigned mtu, unsigned pool) : mtu_(mtu) {
        const std::uint64_t lab = mount_.node("lab");
        mount_.set(lab, "mtu", std::to_string(mtu));
        mount_.set(lab, "msgpoolsize", std::to_string(pool));
        mount_.set(lab, "lossless", "1");
        reader_.emplace(mount_.open("lab/framed", O_RDONLY));
        writer_.emplace(mount_.open("lab/framed", O_WRONLY));
    }

    void write(std::string_view data) {
        if (data.empty()) return;
        if (waiting_) {  // nothing may come between what waits and what it belongs to
            IPN_CHECK(writer_->write(data) == ipn::test::error(EAGAIN) || !look());
            return;
        }
        judge(writer_->write(data), data);
    }
    void start_write(std::string_view data) {
        if (data.empty() || waiting_) return;
        waiting_ = writer_->start_write(data);
        waiting_data_ = data;
        look();
    }
    void interrupt() {
        if (waiting_) mount_.kernel.start(ipn::test::ask::interrupt(*waiting_));
        look();
    }
    bool read(std::uint32_t size) {
        const Answer got = reader_->read(size);
        IPN_CHECK(got.error == 0 || got.error == EAGAIN);
        IPN_CHECK(got.data.size() <= size);
        read_ += got.data;
        look();
        return got.error == 0;
    }

    void end() {
        while (read(4096)) continue;
        interrupt();
        bool ended = false;
        IPN_CHECK(read_ == as_read(written_, mtu_, ended));
        IPN_CHECK(!ended);
        mount_.kernel.let_everything_go();
        IPN_CHECK(mount_.kernel.violations().empty());
        IPN_CHECK(mount_.kernel.unanswered() == 0);
        for (const auto purpose :
             {ipn::core::Memory::Purpose::packet, ipn::core::Memory::Purpose::waiting})
            IPN_CHECK(mount_.world.registry.memory().used(purpose) == 0);
    }

  private:
    // Whether the write that waits still does.
    bool look() {
        if (!waiting_) return false;
        const std::optional<Answer> answer = mount_.kernel.outcome(*waiting_);
        if (answer) {
            waiting_.reset();
            judge(*answer, waiting_data_);
        }
        return !answer;
    }

    void judge(const Answer& answer, std::string_view data) {
        bool too_long = false;
        as_read(written_ + std::string(data), mtu_, too_long);
        if (answer.error == 0) {
            IPN_CHECK(!stream_ended_);
            const std::size_t count = answer.as<fuse_write_out>().size;
            IPN_CHECK(count >= 1 && count <= data.size());
            IPN_CHECK(!too_long || count < data.size());
            written_ += data.substr(0, count);
            may_have_ended_ = may_have_ended_ || too_long;  // or it was the pool that was full
            return;
        }
        IPN_CHECK(answer.error == EAGAIN || answer.error == EINTR || answer.error == EINVAL);
        if (answer.error != EINVAL) return;
        IPN_CHECK(too_long || may_have_ended_ || stream_ended_);
        stream_ended_ = true;
    }

    const std::size_t mtu_;
    FakeMount mount_;
    std::optional<File> reader_;
    std::optional<File> writer_;
    std::optional<Call> waiting_;
    std::string waiting_data_;
    std::string written_;
    std::string read_;
    bool stream_ended_ = false;  // for certain
    bool may_have_ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kInputMax = 16 * 1024;
    Input input({reinterpret_cast<const char*>(data), std::min(size, kInputMax)});
    const unsigned mtu = input.byte() * 256 + input.byte();
    const unsigned pool = input.byte();
    Story story(std::max(mtu, 1U), std::max(pool, 1U));
    while (!input.empty()) {
        const unsigned what = input.byte() % 4;
        const unsigned length = input.byte();
        switch (what) {
            case 0:
                story.write(input.bytes(length));
                break;
            case 1:
                story.start_write(input.bytes(length));
                break;
            case 2:
                story.read(length + 1);
                break;
            default:
                story.interrupt();
        }
    }
    story.end();
    return 0;
}
