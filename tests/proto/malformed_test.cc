// Requests that are not what they claim: answered with an error or not at all, and nothing breaks.
#include <random>

#include "ipn/ipn.h"
#include "proto_test.h"

namespace ipn::test {
namespace {

class MalformedTest : public ProtoTest {
  protected:
    // One right request of every kind that is answered, of a mount with an open port.
    std::vector<Message> every_kind();
    static bool is_forget(const Message& message) {
        return message.opcode == FUSE_FORGET || message.opcode == FUSE_BATCH_FORGET;
    }
    void expect_alive();

    Answer send_raw(const std::string& request) {
        const Call pending = kernel.start_raw(request);
        return outcome(pending).value_or(error(0));
    }
};

std::vector<Message> MalformedTest::every_kind() {
    const File port = open(O_RDWR);
    const std::uint64_t handle = call(ask::opendir(ask::kRoot)).as<fuse_open_out>().fh;
    return {
        ask::lookup(ask::kRoot, "lab"),
        ask::forget(port.node, 1),
        ask::batch_forget({{port.node, 1}, {port.node, 1}}),
        ask::getattr(lab_node()),
        ask::chmod(lab_node(), 0700),
        ask::mkdir(ask::kRoot, "lan0"),
        ask::rmdir(ask::kRoot, "lan0"),
        ask::rename(ask::kRoot, "lab", ask::kRoot, "field"),
        ask::mknod(ports_node(), "7"),
        ask::unlink(ports_node(), "7"),
        ask::symlink(lab_node(), "x", "y"),
        ask::link(port.node, lab_node(), "x"),
        ask::opendir(ask::kRoot),
        ask::readdir(ask::kRoot, handle, 0, 4096),
        ask::releasedir(handle),
        ask::create(ports_node(), "8", O_RDWR),
        ask::open(port.node, O_RDWR),
        ask::read(port.handle, 100, O_NONBLOCK),
        ask::write(port.handle, "hello", O_NONBLOCK),
        ask::poll(port.handle, 5, POLLIN, true),
        ask::ioctl(port.node, port.handle, IPN_IOC_GETATTR, std::string(sizeof(ipn_attr), 'x'),
                   328),
        ask::getxattr(lab_node(), "user.ipn.mtu"),
        ask::setxattr(lab_node(), "user.ipn.short_read", "truncate"),
        ask::removexattr(lab_node(), "user.ipn.short_read"),
        ask::listxattr(lab_node()),
        ask::release(port.handle),
    };
}

void MalformedTest::expect_alive() {
    EXPECT_EQ(call(ask::getattr(ask::kRoot)).error, 0);
    EXPECT_FALSE(mount.ended);
}

TEST_F(MalformedTest, LessThanAHeaderIsNothing) {
    for (std::size_t length = 1; length < sizeof(fuse_in_header); ++length)
        kernel.start_raw(std::string(length, '\x01'));
    mount.serve();
    expect_alive();
}

TEST_F(MalformedTest, ArgumentsThatEndTooEarlyAreInvalid) {
    for (const Message& right : every_kind()) {
        for (std::size_t length = 0; length < right.arguments.size(); ++length) {
            SCOPED_TRACE("opcode " + std::to_string(right.opcode) + ", length " +
                         std::to_string(length));
            Message cut = right;
            cut.arguments.resize(length);
            const Call pending = start(cut);
            EXPECT_EQ(outcome(pending),
                      is_forget(right) ? std::nullopt : std::optional(error(EINVAL)));
        }
    }
    expect_alive();
    EXPECT_EQ(mount.filesystem.open_files(), 1U) << "and nothing was done";
    EXPECT_EQ(mount.get(lab_node(), "short_read"), "keep");
}

TEST_F(MalformedTest, NamesWithoutAnEndAreInvalid) {
    for (Message request : every_kind()) {
        if (request.arguments.empty() || request.arguments.back() != '\0') continue;
        const bool ends_with_name =
            request.opcode == FUSE_LOOKUP || request.opcode == FUSE_MKDIR ||
            request.opcode == FUSE_RMDIR || request.opcode == FUSE_RENAME2 ||
            request.opcode == FUSE_MKNOD || request.opcode == FUSE_UNLINK ||
            request.opcode == FUSE_SYMLINK || request.opcode == FUSE_LINK ||
            request.opcode == FUSE_CREATE || request.opcode == FUSE_GETXATTR ||
            request.opcode == FUSE_REMOVEXATTR;
        if (!ends_with_name) continue;
        request.arguments.back() = 'x';
        EXPECT_EQ(call(request), error(EINVAL)) << request.opcode;
    }
    expect_alive();
}

TEST_F(MalformedTest, SizesThatLieAreInvalid) {
    const File port = open(O_RDWR);
    const auto with = [](Message message, std::size_t offset, std::uint32_t size) {
        std::memcpy(message.arguments.data() + offset, &size, sizeof size);
        return message;
    };
    for (const std::uint32_t lie : {6U, 4096U, 0x7fffffffU, 0x80000000U, UINT32_MAX}) {
        EXPECT_EQ(call(with(ask::write(port.handle, "hello"), offsetof(fuse_write_in, size), lie)),
                  error(EINVAL));
        EXPECT_EQ(call(with(ask::setxattr(lab_node(), "user.ipn.mtu", "12345"),
                            offsetof(fuse_setxattr_in, size), lie)),
                  error(EINVAL));
        EXPECT_EQ(call(with(ask::ioctl(port.node, port.handle, IPN_IOC_SETATTR, "hello", 0),
                            offsetof(fuse_ioctl_in, in_size), lie)),
                  error(EINVAL));
        start(with(ask::batch_forget({{port.node, 1}, {77, 1}}),
                   offsetof(fuse_batch_forget_in, count), lie));
    }
    mount.serve();
    EXPECT_EQ(call(ask::getattr(port.node)).error, 0) << "a batch that lies forgets nothing";
    EXPECT_EQ(mount.get(lab_node(), "mtu"), "1514");
}

TEST_F(MalformedTest, ALengthInTheHeaderThatLiesIsNotBelieved) {
    fuse_in_header header{};
    header.opcode = FUSE_LOOKUP;
    header.nodeid = ask::kRoot;
    // Over io_uring nothing else says how long the arguments are.
    const int told = over_ring() ? EINVAL : 0;
    for (const std::uint32_t lie : {0U, 1U, 43U, UINT32_MAX}) {
        header.len = lie;
        EXPECT_EQ(send_raw(raw(header) + c_string("lab")).error, told);
    }
}

TEST_F(MalformedTest, HugeSizesAreNotAllocated) {
    const File port = open(O_RDWR);
    writer().write("hello");
    EXPECT_EQ(call(ask::read(port.handle, UINT32_MAX, O_NONBLOCK)), packet("hello"));
    EXPECT_EQ(call(ask::getxattr(lab_node(), "user.ipn.mtu", UINT32_MAX)), packet("1514"));
    EXPECT_EQ(call(ask::listxattr(port.node, UINT32_MAX)).error, 0);
}

TEST_F(MalformedTest, WhatIsMoreThanARequestNeedsIsIgnored) {
    Message request = ask::mkdir(ask::kRoot, "lan0");
    request.arguments += "and more";
    EXPECT_EQ(call(request).error, 0);
    EXPECT_TRUE(mount.exists("lan0"));
}

TEST_F(MalformedTest, KindsThatNobodyKnowsAreNotImplemented) {
    for (const std::uint32_t opcode : {0U, 7U, 19U, 52U, 77U, 4095U, 4096U, 4097U, UINT32_MAX}) {
        EXPECT_EQ(call({opcode, ask::kRoot, std::string(64, '\0')}), error(ENOSYS)) << opcode;
        EXPECT_EQ(call({opcode, ask::kRoot, {}}), error(ENOSYS)) << opcode;
    }
}

TEST_F(MalformedTest, KindsThatMeanNothingHereAreNotImplemented) {
    for (const std::uint32_t opcode :
         {FUSE_FSYNC, FUSE_FLUSH, FUSE_FSYNCDIR, FUSE_GETLK, FUSE_SETLK, FUSE_SETLKW, FUSE_ACCESS,
          FUSE_BMAP, FUSE_FALLOCATE, FUSE_READDIRPLUS, FUSE_LSEEK, FUSE_COPY_FILE_RANGE})
        EXPECT_EQ(call({opcode, ask::kRoot, std::string(64, '\0')}), error(ENOSYS)) << opcode;
}

TEST_F(MalformedTest, AnAnswerToANotificationThatWasNeverSentIsIgnored) {
    start({FUSE_NOTIFY_REPLY, ask::kRoot, std::string(64, '\0')});
    mount.serve();
    expect_alive();
}

TEST_F(MalformedTest, RequestsForNodesThatNeverWere) {
    for (const std::uint64_t node :
         {std::uint64_t{0}, std::uint64_t{99}, UINT64_MAX, std::uint64_t{1} << 60,
          std::uint64_t{2} << 60, std::uint64_t{3} << 60, std::uint64_t{9} << 60}) {
        for (Message request : every_kind()) {
            request.node = node;
            const bool of_a_handle =
                request.opcode == FUSE_READ || request.opcode == FUSE_WRITE ||
                request.opcode == FUSE_POLL || request.opcode == FUSE_READDIR ||
                request.opcode == FUSE_RELEASE || request.opcode == FUSE_RELEASEDIR;
            const Call pending = start(request);
            const Answer answer = outcome(pending).value_or(Answer{});
            if (!of_a_handle && !is_forget(request)) {
                EXPECT_NE(answer.error, 0) << request.opcode;
            }
        }
    }
    expect_alive();
}

// ---- by chance

// Thousands of requests with right headers and anything behind them. What is checked is the
// fixture's: one answer for each that wants one, none else, and nothing left in the end.
class HammerTest : public MalformedTest, public testing::WithParamInterface<unsigned> {
  protected:
    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(random_() % bound);
    }
    std::string noise(std::size_t length) {
        std::string bytes(length, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random_());
        return bytes;
    }
    Message damaged(Message message);

    std::mt19937 random_{GetParam()};
};

Message HammerTest::damaged(Message message) {
    std::string& bytes = message.arguments;
    switch (below(8)) {
        case 0:
            return {below(60), below(4), noise(below(200))};
        case 1:
            message.node = below(5);
            break;
        case 2:
            bytes.resize(below(static_cast<std::uint32_t>(bytes.size()) + 1));
            break;
        case 3:
            bytes += noise(below(50));
            break;
        default:
            for (std::uint32_t i = below(4); i > 0 && !bytes.empty(); --i)
                bytes[below(static_cast<std::uint32_t>(bytes.size()))] =
                    static_cast<char>(random_());
    }
    return message;
}

TEST_P(HammerTest, AnythingBehindARightHeaderIsSurvived) {
    constexpr int kRounds = 150;
    for (int round = 0; round < kRounds; ++round) {
        if (!mount.exists("lab")) call(ask::mkdir(ask::kRoot, "lab"));
        if (lab().nodes() > 20) set("state", "down");
        if (!mount.exists("lab") || lab().state() != core::Network::State::up) {
            kernel.let_everything_go();
            continue;
        }
        for (const Message& right : every_kind()) {
            start(damaged(right));
            if (below(3) == 0) mount.serve();
        }
        if (below(10) == 0) kernel.let_everything_go();
    }
    expect_alive();
}

INSTANTIATE_TEST_SUITE_P(Seeds, HammerTest, testing::Range(1U, 6U));

}  // namespace
}  // namespace ipn::test
