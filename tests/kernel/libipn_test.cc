// libipn on a real mount, whose directory is in the environment variable IPN_MOUNT. Every test has
// a network of its own. test_libipn.py runs them, one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ipn/ipn.h"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Close {
    void operator()(ipn_node* node) const { ipn_close(node); }
};
using Node = std::unique_ptr<ipn_node, Close>;
using Packets = std::vector<std::string>;

// The errno value of a call that must fail.
template <typename Call>
int error_of(Call call) {
    errno = 0;
    return call() < 0 ? errno : 0;
}

std::vector<ipn_packet> views(const Packets& packets) {
    std::vector<ipn_packet> all;
    for (const std::string& packet : packets) all.push_back({packet.data(), packet.size()});
    return all;
}

std::string text(const ipn_packet& packet) {
    return {static_cast<const char*>(packet.data), packet.length};
}

class LibipnTest : public testing::Test {
  protected:
    LibipnTest() {
        const char* mount = std::getenv("IPN_MOUNT");
        if (mount == nullptr) throw std::runtime_error("IPN_MOUNT names no mount");
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        network = std::string(mount) + "/" + test->name();
        if (mkdir(network.c_str(), 0755) != 0) throw std::runtime_error("mkdir " + network);
    }

    void set(const char* option, const std::string& value) {
        ASSERT_EQ(ipn_network_set(network.c_str(), option, value.c_str()), 0) << option;
    }
    void make_lossless(const std::string& packets) {
        set("lossless", "1");
        set("msgpoolsize", packets);
    }
    Node open(int flags) {
        Node node(ipn_open(network.c_str(), flags));
        EXPECT_NE(node, nullptr) << std::strerror(errno);
        return node;
    }
    Node reader(int flags = IPN_NONBLOCK) { return open(IPN_READER | flags); }
    Node writer(int flags = IPN_NONBLOCK) { return open(IPN_WRITER | flags); }

    static int send(const Node& node, std::string_view packet) {
        return ipn_send(node.get(), packet.data(), packet.size());
    }
    static ssize_t send_many(const Node& node, const Packets& packets) {
        const auto all = views(packets);
        return ipn_send_many(node.get(), all.data(), all.size());
    }
    static std::string receive(const Node& node) {
        std::string buffer(65536, '\0');
        const ssize_t length = ipn_receive(node.get(), buffer.data(), buffer.size());
        if (length < 0) return std::string("<") + strerrorname_np(errno) + ">";
        return buffer.substr(0, static_cast<std::size_t>(length));
    }
    static Packets receive_many(const Node& node, std::size_t max, std::size_t size = 1 << 18) {
        std::string buffer(size, '\0');
        std::vector<ipn_packet> packets(max);
        const ssize_t count =
            ipn_receive_many(node.get(), buffer.data(), size, packets.data(), max);
        Packets all;
        for (ssize_t i = 0; i < count; ++i) all.push_back(text(packets[i]));
        return all;
    }
    static Packets receive_all(const Node& node) {
        Packets all;
        for (Packets some = receive_many(node, 1000); !some.empty();
             some = receive_many(node, 1000))
            all.insert(all.end(), some.begin(), some.end());
        return all;
    }
    static std::string get(const Node& node, const char* name) {
        std::array<char, 300> value{};
        if (ipn_get(node.get(), name, value.data(), value.size()) < 0) return "<error>";
        return value.data();
    }
    static std::string words(const Node& node, int error) {
        std::array<char, 300> sentence{};
        return ipn_node_error(node.get(), error, sentence.data(), sentence.size());
    }
    static Packets numbered(int first, int last) {
        Packets packets;
        for (int i = first; i <= last; ++i) packets.push_back(std::to_string(i));
        return packets;
    }

    std::string network;
};

// ---- joining

TEST_F(LibipnTest, JoinsByRole) {
    const Node one = open(IPN_READER), two = open(IPN_WRITER), three = open(IPN_BOTH);
    EXPECT_EQ(get(one, "role"), "reader");
    EXPECT_EQ(get(two, "role"), "writer");
    EXPECT_EQ(get(three, "role"), "both");
    EXPECT_EQ(get(three, "number"), "2");
    EXPECT_EQ(get(three, "nodes"), "3") << "of the network";
}

TEST_F(LibipnTest, LeavesWhenItIsClosed) {
    const Node stays = reader();
    writer().reset();
    for (int tries = 0; get(stays, "writers") != "0"; ++tries) {
        ASSERT_LT(tries, 10'000);
        usleep(1000);
    }
    ipn_close(nullptr);
}

TEST_F(LibipnTest, WhatCannotBeOpened) {
    const auto open_error = [](const std::string& directory, int flags) {
        errno = 0;
        return ipn_open(directory.c_str(), flags) == nullptr ? errno : 0;
    };
    EXPECT_EQ(open_error(network, 0), EINVAL);
    EXPECT_EQ(open_error(network, IPN_NONBLOCK), EINVAL);
    EXPECT_EQ(open_error(network + "/absent", IPN_BOTH), ENOENT);
    EXPECT_EQ(open_error(network + "/port", IPN_BOTH), ENOTDIR);
    EXPECT_EQ(open_error("/", IPN_BOTH), ENOENT);

    std::string directory = "/tmp/libipn-test-XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    std::ofstream(directory + "/framed") << "not what it seems";
    EXPECT_EQ(open_error(directory, IPN_BOTH), ENOTTY);
    unlink((directory + "/framed").c_str());
    rmdir(directory.c_str());
}

TEST_F(LibipnTest, TheReasonWhyItCouldNotBeOpened) {
    set("numnodes", "1");
    const Node only = reader();
    ASSERT_EQ(ipn_open(network.c_str(), IPN_BOTH), nullptr);
    ASSERT_EQ(errno, EADDRNOTAVAIL);
    std::array<char, 300> sentence{};
    EXPECT_STREQ(ipn_open_error(network.c_str(), errno, sentence.data(), sentence.size()),
                 "no port is free: all 1 are in use or reserved");
    EXPECT_STREQ(ipn_open_error(network.c_str(), ENOENT, sentence.data(), sentence.size()),
                 "No such file or directory")
        << "not from the file system, however many words it has";
    ipn_open_error(network.c_str(), EADDRNOTAVAIL, sentence.data(), 8);
    EXPECT_STREQ(sentence.data(), "no port");
}

TEST_F(LibipnTest, KnowsTheMtu) {
    EXPECT_EQ(ipn_mtu(reader().get()), 1514U);
}

// ---- packets

TEST_F(LibipnTest, OnePacket) {
    const Node to = reader(), from = writer();
    EXPECT_EQ(send(from, "hello"), 0);
    EXPECT_EQ(receive(to), "hello");
    EXPECT_EQ(receive(to), "<EAGAIN>");
}

TEST_F(LibipnTest, ManyPacketsInOneCall) {
    set("msgpoolsize", "1000");
    const Node to = reader(), from = writer();
    const Packets packets = numbered(1, 1000);
    EXPECT_EQ(send_many(from, packets), 1000);
    EXPECT_EQ(receive_many(to, 1000), packets);
    EXPECT_EQ(get(from, "sent"), "1000");
    EXPECT_EQ(get(to, "received"), "1000");
}

TEST_F(LibipnTest, NoPacketsAreNoCall) {
    EXPECT_EQ(send_many(writer(), {}), 0);
}

TEST_F(LibipnTest, PacketsLieInTheCallersBuffer) {
    const Node to = reader(), from = writer();
    send_many(from, {"one", "two"});
    std::string buffer(4096, '\0');
    std::array<ipn_packet, 8> packets{};
    ASSERT_EQ(ipn_receive_many(to.get(), buffer.data(), buffer.size(), packets.data(), 8), 2);
    EXPECT_EQ(packets[0].data, buffer.data() + 2);
    EXPECT_EQ(packets[1].data, buffer.data() + 2 + 3 + 2);
    EXPECT_EQ(text(packets[1]), "two");
}

TEST_F(LibipnTest, WhatIsReadBeyondMaxIsKeptInOrder) {
    const Node to = reader(), from = writer();
    send_many(from, numbered(1, 10));
    EXPECT_EQ(receive_many(to, 3), numbered(1, 3));
    EXPECT_EQ(ipn_pending(to.get()), 7U);
    send_many(from, numbered(11, 12));
    EXPECT_EQ(receive_many(to, 2, 2000), numbered(4, 5)) << "into another buffer";
    EXPECT_EQ(receive(to), "6");
    EXPECT_EQ(receive_many(to, 100), numbered(7, 10));
    EXPECT_EQ(ipn_pending(to.get()), 0U);
    EXPECT_EQ(receive_many(to, 100), numbered(11, 12));
}

TEST_F(LibipnTest, OneByOneReadsAhead) {
    const Node to = reader(), from = writer();
    send_many(from, numbered(1, 3));
    EXPECT_EQ(receive(to), "1");
    EXPECT_EQ(ipn_pending(to.get()), 2U);
    EXPECT_EQ(receive(to), "2");
    EXPECT_EQ(receive(to), "3");
    EXPECT_EQ(receive(to), "<EAGAIN>");
}

TEST_F(LibipnTest, PacketsOfAllSizes) {
    set("mtu", "65535");
    const Node to = reader(), from = writer();
    Packets packets;
    for (const std::size_t size : {1U, 255U, 256U, 4094U, 4095U, 30'000U, 65'535U, 1U, 65'535U})
        for (const char letter : {'a', 'b', 'c'}) packets.push_back(std::string(size, letter));
    EXPECT_EQ(send_many(from, packets), static_cast<ssize_t>(packets.size()));
    EXPECT_EQ(receive_all(to), packets);
}

TEST_F(LibipnTest, APacketIsFromOneByteToTheMtu) {
    set("mtu", "10");
    const Node to = reader(), from = writer();
    EXPECT_EQ(error_of([&] { return send(from, ""); }), EMSGSIZE);
    EXPECT_EQ(error_of([&] { return send(from, "12345678901"); }), EMSGSIZE);
    EXPECT_EQ(words(from, EMSGSIZE), "a packet has from 1 to 10 bytes, and a buffer room for it");
    EXPECT_EQ(send_many(from, {"one", "two", "12345678901", "three"}), 2);
    EXPECT_EQ(error_of([&] { return send_many(from, {"", "three"}); }), EMSGSIZE);
    EXPECT_EQ(send(from, "1234567890"), 0) << "the stream goes on";
    EXPECT_THAT(receive_all(to), ElementsAre("one", "two", "1234567890"));
}

TEST_F(LibipnTest, AReceivedPacketThatDoesNotFitStays) {
    const Node to = reader(), from = writer();
    send_many(from, {"hello", "you"});
    std::array<char, 5> buffer{};
    EXPECT_EQ(error_of([&] { return ipn_receive(to.get(), buffer.data(), 4); }), EMSGSIZE);
    EXPECT_EQ(ipn_receive(to.get(), buffer.data(), 5), 5);
    EXPECT_EQ(receive(to), "you");
}

TEST_F(LibipnTest, ABufferHoldsTheLongestPacket) {
    const Node to = reader();
    std::string buffer(1516, '\0');
    std::array<ipn_packet, 1> packets{};
    const auto receive = [&](std::size_t size, std::size_t max) {
        return error_of(
            [&] { return ipn_receive_many(to.get(), buffer.data(), size, packets.data(), max); });
    };
    EXPECT_EQ(receive(1515, 1), EMSGSIZE);
    EXPECT_EQ(receive(1516, 0), EMSGSIZE);
    EXPECT_EQ(receive(1516, 1), EAGAIN);
}

TEST_F(LibipnTest, ANodeDoesNotHearItself) {
    const Node one = open(IPN_BOTH | IPN_NONBLOCK), two = open(IPN_BOTH | IPN_NONBLOCK);
    send(one, "from one");
    send(two, "from two");
    EXPECT_EQ(receive(one), "from two");
    EXPECT_EQ(receive(two), "from one");
    EXPECT_EQ(receive(one), "<EAGAIN>");
}

// ---- waiting

TEST_F(LibipnTest, AFullPoolTakesWhatFits) {
    make_lossless("3");
    const Node to = reader(), from = writer();
    EXPECT_EQ(send_many(from, numbered(1, 5)), 3);
    EXPECT_EQ(error_of([&] { return send_many(from, numbered(4, 5)); }), EAGAIN);
    EXPECT_EQ(error_of([&] { return send(from, "4"); }), EAGAIN);
    EXPECT_EQ(receive_all(to), numbered(1, 3));
    EXPECT_EQ(send_many(from, numbered(4, 5)), 2);
    EXPECT_EQ(receive_all(to), numbered(4, 5));
}

TEST_F(LibipnTest, BlockingItWaitsForRoomAndForPackets) {
    make_lossless("2");
    const Node to = reader(0), from = writer(0);
    const Packets packets = numbered(1, 2000);
    std::thread sending([&] { EXPECT_EQ(send_many(from, packets), 2000); });
    Packets received;
    while (received.size() < packets.size())
        for (const std::string& packet : receive_many(to, 100)) received.push_back(packet);
    sending.join();
    EXPECT_EQ(received, packets);
}

TEST_F(LibipnTest, WhetherItBlocksCanBeChanged) {
    make_lossless("1");
    const Node to = reader(0), from = writer(0);
    EXPECT_EQ(ipn_set_nonblock(to.get(), 1), 0);
    EXPECT_EQ(receive(to), "<EAGAIN>");
    EXPECT_EQ(ipn_set_nonblock(to.get(), 0), 0);
    std::thread sending([&] { send(from, "at last"); });
    EXPECT_EQ(receive(to), "at last");
    sending.join();
}

std::atomic<bool> signalled = false;

TEST_F(LibipnTest, ASignalSaysHowManyWereSent) {
    make_lossless("3");
    const Node to = reader(), from = writer(0), other = writer();
    struct sigaction action {};
    action.sa_handler = [](int) { signalled = true; };
    sigaction(SIGUSR1, &action, nullptr);
    ssize_t sent = 0;
    std::atomic<bool> over = false;
    std::thread sending([&] {
        sent = send_many(from, numbered(1, 5));
        over = true;
    });
    while (ipn_wait(other.get(), POLLOUT, 0) != 0) usleep(1000);  // until three are there
    while (!over) {
        pthread_kill(sending.native_handle(), SIGUSR1);
        usleep(1000);
    }
    sending.join();
    EXPECT_TRUE(signalled);
    EXPECT_EQ(sent < 0 ? 0 : sent, std::atol(get(from, "sent").c_str()));
}

TEST_F(LibipnTest, WaitSaysWhatIsSo) {
    make_lossless("1");
    const Node to = reader(), from = writer();
    EXPECT_EQ(ipn_wait(to.get(), POLLIN, 0), 0);
    EXPECT_EQ(ipn_wait(from.get(), POLLOUT, -1), POLLOUT);
    send(from, "one");
    EXPECT_EQ(ipn_wait(from.get(), POLLOUT, 0), 0);
    EXPECT_EQ(ipn_wait(to.get(), POLLIN, -1), POLLIN);
    EXPECT_EQ(receive(to), "one");
    EXPECT_EQ(ipn_wait(from.get(), POLLOUT, -1), POLLOUT);
    ASSERT_EQ(ipn_network_set(network.c_str(), "state", "down"), 0);
    EXPECT_EQ(ipn_wait(to.get(), POLLIN, -1), POLLIN | POLLHUP);
}

TEST_F(LibipnTest, WaitKnowsOfPacketsThatAreKept) {
    const Node to = open(IPN_BOTH | IPN_NONBLOCK), from = writer();
    send_many(from, {"one", "two"});
    EXPECT_EQ(receive(to), "one");
    EXPECT_EQ(ipn_wait(to.get(), POLLIN, -1), POLLIN) << "at once, though nothing is to be read";
    EXPECT_EQ(ipn_wait(to.get(), POLLIN | POLLOUT, -1), POLLIN | POLLOUT);
    EXPECT_EQ(ipn_wait(to.get(), POLLOUT, -1), POLLOUT);
    EXPECT_EQ(receive(to), "two");
    EXPECT_EQ(ipn_wait(to.get(), POLLIN, 0), 0);
}

TEST_F(LibipnTest, TheDescriptorCanBePolled) {
    const Node to = reader(), from = writer();
    pollfd waiting{.fd = ipn_fd(to.get()), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&waiting, 1, 0), 0);
    send(from, "hello");
    EXPECT_EQ(poll(&waiting, 1, -1), 1);
}

// On both nodes at once. (Who answers each packet before it reads the next would wait for ever once
// the pool is full of what it does not read.)
TEST_F(LibipnTest, OneThreadSendsWhileAnotherReceives) {
    make_lossless("8");
    const Node one = open(IPN_BOTH), two = open(IPN_BOTH);
    const Packets there = numbered(1, 1000), back = numbered(2001, 3000);
    std::thread sending_there([&] { EXPECT_EQ(send_many(one, there), 1000); });
    std::thread sending_back([&] { EXPECT_EQ(send_many(two, back), 1000); });
    std::thread receiving_there([&] {
        for (const std::string& packet : there) EXPECT_EQ(receive(two), packet);
    });
    for (const std::string& packet : back) EXPECT_EQ(receive(one), packet);
    sending_there.join();
    sending_back.join();
    receiving_there.join();
}

// ---- ends and errors

TEST_F(LibipnTest, TheEndOfFileIsNoPacket) {
    set("eof", "last-writer");
    const Node to = reader(0);
    send_many(writer(), {"last", "words"});
    EXPECT_EQ(receive_many(to, 1), Packets{"last"});
    EXPECT_EQ(receive_many(to, 1), Packets{"words"});
    std::array<char, 1516> buffer{};
    ipn_packet packet{};
    EXPECT_EQ(ipn_receive_many(to.get(), buffer.data(), buffer.size(), &packet, 1), 0);
    EXPECT_EQ(ipn_receive(to.get(), buffer.data(), buffer.size()), 0);
}

TEST_F(LibipnTest, AnEndedNetwork) {
    const Node node = open(IPN_BOTH | IPN_NONBLOCK);
    set("state", "down");
    EXPECT_EQ(error_of([&] { return send(node, "hello"); }), EPIPE);
    EXPECT_EQ(words(node, EPIPE), "the network was ended");
    EXPECT_EQ(receive(node), "");
}

TEST_F(LibipnTest, ANodeThatWasDisconnected) {
    const Node node = open(IPN_BOTH | IPN_NONBLOCK);
    ASSERT_EQ(unlink((network + "/ports/0").c_str()), 0);
    EXPECT_EQ(error_of([&] { return send(node, "hello"); }), ECONNRESET);
    EXPECT_EQ(receive(node), "<ECONNRESET>");
    EXPECT_EQ(words(node, ECONNRESET), "this node was disconnected");
}

TEST_F(LibipnTest, LostPacketsAreToldIfToldSo) {
    set("msgpoolsize", "1");
    set("overrun_error", "1");
    const Node to = reader(), from = writer();
    EXPECT_EQ(send_many(from, {"one", "two"}), 2);
    EXPECT_EQ(receive(to), "one");
    EXPECT_EQ(receive(to), "<ENOBUFS>");
    EXPECT_THAT(words(to, ENOBUFS), HasSubstr("lost"));
}

TEST_F(LibipnTest, TheWrongRole) {
    EXPECT_EQ(error_of([&] { return send(reader(), "hello"); }), EBADF);
    EXPECT_EQ(receive(writer()), "<EBADF>");
    EXPECT_EQ(words(writer(), EBADF), "Bad file descriptor");
}

// ---- attributes

TEST_F(LibipnTest, AttributesOfTheNode) {
    const Node node = open(IPN_BOTH);
    EXPECT_EQ(ipn_set(node.get(), "descr", "a meter"), 0);
    EXPECT_EQ(get(node, "descr"), "a meter");
    EXPECT_EQ(error_of([&] { return ipn_set(node.get(), "role", "king"); }), EINVAL);
    EXPECT_EQ(words(node, EINVAL), "a role is reader, writer, both or none");
    EXPECT_EQ(error_of([&] { return ipn_set(node.get(), "nonsense", "1"); }), EOPNOTSUPP);
    EXPECT_EQ(error_of([&] { return ipn_set(node.get(), "mtu", "9"); }), EOPNOTSUPP);
    const std::string long_text(300, 'x');
    EXPECT_EQ(error_of([&] { return ipn_set(node.get(), "descr", long_text.c_str()); }), EINVAL);
    EXPECT_EQ(error_of([&] { return ipn_set(node.get(), long_text.c_str(), "1"); }), ENODATA);
}

TEST_F(LibipnTest, ValuesAreStringsThatFit) {
    const Node node = open(IPN_BOTH);
    std::array<char, 8> value{};
    EXPECT_EQ(ipn_get(node.get(), "role", value.data(), 5), 4);
    EXPECT_STREQ(value.data(), "both");
    EXPECT_EQ(error_of([&] { return ipn_get(node.get(), "role", value.data(), 4); }), ERANGE);
    EXPECT_EQ(error_of([&] { return ipn_get(node.get(), "x", value.data(), 8); }), ENODATA);
    EXPECT_EQ(ipn_network_get(network.c_str(), "mtu", value.data(), 5), 4);
    EXPECT_STREQ(value.data(), "1514");
    for (const std::size_t small : {0U, 1U, 2U, 4U}) {
        EXPECT_EQ(
            error_of([&] { return ipn_network_get(network.c_str(), "mtu", value.data(), small); }),
            ERANGE);
    }
}

TEST_F(LibipnTest, OptionsOfTheNetwork) {
    EXPECT_EQ(ipn_network_set(network.c_str(), "mtu", "9018"), 0);
    EXPECT_EQ(ipn_mtu(reader().get()), 9018U);
    EXPECT_EQ(error_of([&] { return ipn_network_set(network.c_str(), "mtu", "9k"); }), EINVAL);
    std::array<char, 300> sentence{};
    errno = 1234;
    EXPECT_STREQ(ipn_network_error(network.c_str(), EINVAL, sentence.data(), sentence.size()),
                 "mtu: '9k' is not a number from 1 to 65535");
    EXPECT_EQ(errno, 1234);
    std::array<char, 8> value{};
    const std::string absent = network + "/absent", name(300, 'x');
    EXPECT_EQ(error_of([&] { return ipn_network_get(absent.c_str(), "mtu", value.data(), 8); }),
              ENOENT);
    EXPECT_EQ(error_of([&] { return ipn_network_set(network.c_str(), name.c_str(), "1"); }),
              ENODATA);
}

TEST_F(LibipnTest, AnOutOfBandMessageIsNotWaitedFor) {
    const Node node = reader(0);
    std::array<char, 16> message{};
    EXPECT_EQ(error_of([&] { return ipn_receive_oob(node.get(), message.data(), 16); }), EAGAIN);
    EXPECT_EQ(ipn_set(node.get(), "want_oob", "1"), 0);
    EXPECT_EQ(error_of([&] { return ipn_receive_oob(node.get(), message.data(), 16); }), EAGAIN);
}

TEST_F(LibipnTest, SaysItsVersion) {
    EXPECT_STREQ(ipn_version(), IPNFS_VERSION);
}

}  // namespace
