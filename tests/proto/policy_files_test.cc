// What a policy does to open ports: refusals, hanging up, out-of-band messages, ioctls of its own.
#include "policy_test.h"

namespace ipn::test {
namespace {

constexpr int kOut = POLLOUT | POLLWRNORM;
constexpr int kIn = POLLIN | POLLRDNORM;

class PolicyFilesTest : public PolicyProtoTest {
  protected:
    File both() { return open(O_RDWR); }
    Answer ioctl(const File& file, unsigned command, std::string_view in = "",
                 std::uint32_t out_size = 0) {
        return call(ask::ioctl(file.node, file.handle, command, in, out_size));
    }
    static std::string message_of(const Answer& answer) {
        const auto message = answer.as<ipn_oob>(sizeof(fuse_ioctl_out));
        return {message.data, message.size};
    }
    Answer receive_oob(const File& file) {
        return ioctl(file, IPN_IOC_RECVOOB, "", sizeof(ipn_oob));
    }
    // Within the handling of a packet that `from` sends.
    template <typename Function>
    void inside(File& from, Function function) {
        policy.handle = [&](ipn_port*, ipn_msg*, int) {
            function();
            return 0;
        };
        EXPECT_EQ(from.write("xx"), written(2));
        policy.handle = nullptr;
    }
};

// ---- refusals

TEST_F(PolicyFilesTest, APacketThatIsTooShortIsInvalid) {
    File from = writer();
    EXPECT_EQ(from.write("x"), error(EINVAL));
    EXPECT_EQ(words(from.node), "the policy can use packets of at least 2 bytes");
    EXPECT_EQ(from.write("xx"), written(2));
}

TEST_F(PolicyFilesTest, ThePolicysWordsReachTheWriter) {
    File from = writer();
    policy.handle = [&](ipn_port*, ipn_msg*, int) {
        policy.host.explain("not on a Sunday");
        return -ESRCH;
    };
    EXPECT_EQ(from.write("xx"), error(ESRCH));
    EXPECT_EQ(words(from.node), "not on a Sunday");
}

// ---- writers and the other end

TEST_F(PolicyFilesTest, WritersThatAreHeldWait) {
    File from = writer();
    inside(from, [&] { policy.host.hold_writers(net(), 1); });
    EXPECT_EQ(from.write("22"), error(EAGAIN));
    EXPECT_EQ(from.poll(POLLOUT), polled(0));
    const Call waiting = from.start_write("33");
    EXPECT_EQ(outcome(waiting), kWaiting);
    policy.host.hold_writers(net(), 0);
    EXPECT_EQ(outcome(waiting), written(2));
    EXPECT_EQ(kernel.take_wakeups(), std::vector{from.poll_handle()});
}

TEST_F(PolicyFilesTest, WhenTheOtherEndHangsUp) {
    File end = both(), other = both();
    other.write("pending");
    inside(other, [&] { policy.host.hang_up(port_at(0)); });
    EXPECT_EQ(end.poll(POLLIN | POLLOUT), polled(kIn | kOut | POLLHUP));
    EXPECT_EQ(end.read(), packet("pending"));
    EXPECT_EQ(end.read(), nothing());
    EXPECT_EQ(end.write("xx"), error(EPIPE));
    EXPECT_EQ(words(end.node), "the other end has gone");
}

TEST_F(PolicyFilesTest, HangingUpEndsWhatWaits) {
    set("msgpoolsize", "2");
    File end = both(), other = both();
    const Call read = end.start_read();
    end.write("11");
    end.write("22");
    const Call write = end.start_write("33");
    EXPECT_EQ(outcome(read), kWaiting);
    EXPECT_EQ(outcome(write), kWaiting);
    end.poll(POLLIN);
    policy.host.hang_up(port_at(0));
    EXPECT_EQ(outcome(read), nothing());
    EXPECT_EQ(outcome(write), error(EPIPE));
    EXPECT_EQ(kernel.take_wakeups(), std::vector{end.poll_handle()});
    EXPECT_EQ(other.read(), packet("11"));
}

TEST_F(PolicyFilesTest, TheOtherEndHasANumberAndAnOwner) {
    File end = both();
    EXPECT_EQ(mount.get(end.node, "peer_uid"), "<ENODATA>");
    policy.host.set_peer(port_at(0), {11, 22, 33});
    EXPECT_EQ(mount.get(end.node, "peer_uid"), "11");
    EXPECT_EQ(mount.get(end.node, "peer_gid"), "22");
    EXPECT_EQ(mount.get(mount.node("lab/ports/0"), "peer_pid"), "33");
    EXPECT_EQ(mount.set(end.node, "peer_pid", "1"), EPERM);
}

// ---- out of band

TEST_F(PolicyFilesTest, AMessageIsReceivedByWhoWantsIt) {
    File to = reader(), from = writer();
    EXPECT_EQ(mount.get(to.node, "want_oob"), "0");
    EXPECT_EQ(receive_oob(to), error(EAGAIN));
    inside(from, [&] { policy.host.send_oob(port_at(0), "unwanted", 8); });
    EXPECT_EQ(mount.set(to.node, "want_oob", "1"), 0);
    EXPECT_EQ(receive_oob(to), error(EAGAIN));
    inside(from, [&] { policy.host.send_oob(port_at(0), "fire!", 5); });
    EXPECT_EQ(message_of(receive_oob(to)), "fire!");
    EXPECT_EQ(receive_oob(to), error(EAGAIN));
}

TEST_F(PolicyFilesTest, AMessageWakesPollersAndIsUrgent) {
    File to = reader(), from = writer();
    mount.set(to.node, "want_oob", "1");
    EXPECT_EQ(to.poll(POLLPRI), polled(0));
    inside(from, [&] { policy.host.send_oob(port_at(0), "fire!", 5); });
    EXPECT_EQ(kernel.take_wakeups(), std::vector{to.poll_handle()});
    EXPECT_EQ(to.poll(POLLPRI), polled(POLLPRI));
    EXPECT_EQ(to.read(), error(EAGAIN));
    receive_oob(to);
    EXPECT_EQ(to.poll(POLLPRI), polled(0));
}

TEST_F(PolicyFilesTest, WantingMessagesIsAnAttributeLikeAnother) {
    File to = reader();
    EXPECT_EQ(mount.set(to.node, "want_oob", "yes"), EINVAL);
    EXPECT_EQ(mount.set(to.node, "want_oob", "1"), 0);
    EXPECT_EQ(mount.get(to.node, "want_oob"), "1");
    EXPECT_EQ(reset(to.node, "want_oob"), 0);
    EXPECT_EQ(mount.get(to.node, "want_oob"), "0");
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(mount.set(to.node, "want_oob", "1"), EIO);
    EXPECT_EQ(mount.get(to.node, "want_oob"), "0");
}

TEST_F(PolicyFilesTest, MessagesThatDidNotFitAreCounted) {
    File to = reader(), from = writer();
    mount.set(to.node, "want_oob", "1");
    EXPECT_EQ(mount.get(to.node, "oob_dropped"), "0");
    inside(from, [&] {
        for (int i = 0; i < 70; ++i) policy.host.send_oob(port_at(0), "x", 1);
    });
    EXPECT_EQ(mount.get(to.node, "oob_dropped"), "6");
}

TEST_F(PolicyFilesTest, AMessageNeedsRoom) {
    File to = reader();
    EXPECT_EQ(ioctl(to, IPN_IOC_RECVOOB, "", sizeof(ipn_oob) - 1), error(EINVAL));
}

// ---- the policy's own ioctls

TEST_F(PolicyFilesTest, AnUnknownRequestIsThePolicys) {
    const File port = reader();
    policy.ioctl = [&](ipn_port* about, std::uint32_t request, std::string_view in, char* out,
                       std::size_t out_size) {
        EXPECT_EQ(about, port_at(0));
        EXPECT_EQ(request, 0xc0047801U);
        EXPECT_EQ(in, "ping");
        EXPECT_EQ(out_size, 4U);
        std::memcpy(out, "pong", 4);
        return 7;
    };
    const Answer answer = ioctl(port, 0xc0047801U, "ping", 4);
    EXPECT_EQ(answer.error, 0);
    EXPECT_EQ(answer.as<fuse_ioctl_out>().result, 7);
    EXPECT_EQ(answer.data.substr(sizeof(fuse_ioctl_out)), "pong");
}

TEST_F(PolicyFilesTest, AnIoctlThatThePolicyRefuses) {
    const File port = reader();
    policy.ioctl = [&](ipn_port*, std::uint32_t, std::string_view, char*, std::size_t) {
        policy.host.explain("not you");
        return -EACCES;
    };
    EXPECT_EQ(ioctl(port, 0x7801), error(EACCES));
    EXPECT_EQ(words(port.node), "not you");
    policy.ioctl = [](ipn_port*, std::uint32_t, std::string_view, char*, std::size_t) {
        return -100'000;
    };
    EXPECT_EQ(ioctl(port, 0x7801), error(EPROTO));
    policy.ioctl = nullptr;
    EXPECT_EQ(ioctl(port, 0x7801), error(ENOTTY));
}

TEST_F(PolicyFilesTest, ANodeThatIsGoneHasNoIoctls) {
    const File port = reader();
    policy.ioctl = [](ipn_port*, std::uint32_t, std::string_view, char*, std::size_t) { return 0; };
    call(ask::unlink(ports_node(), "0"));
    EXPECT_EQ(ioctl(port, 0x7801), error(ENOTTY));
}

}  // namespace
}  // namespace ipn::test
