// capture.pcap: what a capture says of the packets of its network, and that nobody waits for it.
#include "fs/capture.h"

#include <gmock/gmock.h>

#include <cstring>
#include <string>

#include "bytes.h"
#include "capture_file.h"
#include "ethernet_frames.h"
#include "proto_test.h"

namespace ipn::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CaptureTest : public ProtoTest {
  protected:
    explicit CaptureTest(const core::Registry::Limits& limits = {}) : ProtoTest(limits) {}

    File capture() { return mount.open("lab/capture.pcap", O_RDONLY); }
    // Everything that waits, and no more.
    std::string bytes_of(File& file, std::uint32_t size = 1 << 20) {
        std::string bytes;
        for (;;) {
            const Answer answer = file.read(size);
            if (answer.data.empty()) {
                EXPECT_TRUE(answer == error(EAGAIN) || answer == nothing()) << answer.error;
                return bytes;
            }
            bytes += answer.data;
        }
    }
    CaptureFile content(File& file) { return CaptureFile(bytes_of(file)); }
    Answer try_open(int flags = O_RDONLY) {
        return call(ask::open(mount.node("lab/capture.pcap"), flags));
    }
    std::string words() { return mount.get(mount.node("lab/capture.pcap"), "error"); }
};

TEST_F(CaptureTest, BeginsWithWhatTheNetworkIs) {
    File file = capture();
    const CaptureFile seen = content(file);
    EXPECT_THAT(seen.application, HasSubstr("ipnfs "));
    EXPECT_EQ(seen.name, "lab");
    EXPECT_EQ(seen.linktype, 147);
    EXPECT_EQ(seen.snaplen, 262144U);
    EXPECT_THAT(seen.packets, IsEmpty());
    EXPECT_THAT(seen.statistics, IsEmpty());
}

TEST_F(CaptureTest, HasEveryPacketFromTheOpenOn) {
    File from = writer(), to = reader();
    from.write("early");
    File file = capture();
    mount.world.clock.advance(core::Duration(12'345));
    from.write("hello");
    mount.world.clock.advance(core::Duration(1));
    to.close();
    from.write("anybody?");
    const CaptureFile seen = content(file);
    ASSERT_EQ(seen.packets.size(), 2U);
    EXPECT_EQ(seen.packets[0].data, "hello");
    EXPECT_EQ(seen.packets[0].length, 5U);
    EXPECT_EQ(seen.packets[1].data, "anybody?");
    EXPECT_EQ(seen.packets[1].time_ns, seen.packets[0].time_ns + 1) << "to the nanosecond";
    EXPECT_THAT(seen.comments(), ElementsAre("from 0 to 1", "from 0 to nobody"));
}

TEST_F(CaptureTest, CommentsSayWhatBecameOfAPacket) {
    set("msgpoolsize", "1");
    set("mtu", "5");
    File file = capture();
    File from = writer(), fast = reader();
    reader();
    reader();
    from.write("one");
    fast.read();
    from.write("two");
    from.write("longer");
    EXPECT_THAT(content(file).comments(),
                ElementsAre("from 0 to 1 2 3", "from 0 to 1; dropped at 2 3: queue full",
                            "from 0 to nobody; dropped: longer than the MTU"));
}

TEST_F(CaptureTest, ACommentNamesNoMorePortsThanFit) {
    core::Packet packet = core::Packet::borrow(bytes("x"));
    core::Passage passage{core::PacketRef(packet), {}, 0, false, {}, {}, {}};
    for (std::uint32_t port = 1; port <= 65'000; ++port) passage.to.push_back(port);
    for (std::uint32_t port = 1; port <= 65'000; ++port)
        passage.drops.push_back(
            {port, port % 2 == 0 ? core::Fate::queue_full : core::Fate::no_memory});
    const std::string comment = fs::describe(passage);
    EXPECT_LE(comment.size(), 65'535U);
    EXPECT_THAT(comment, HasSubstr(" 1999 2000 and 63000 more; dropped at 2 4 "));
    EXPECT_THAT(comment, HasSubstr(" 4000 and 30500 more: queue full; dropped at 1 3 "));
    passage = {};
}

TEST_F(CaptureTest, EveryWayToBeLostHasItsWords) {
    core::Packet packet = core::Packet::borrow(bytes("x"));
    core::Passage passage{core::PacketRef(packet), {}, core::Node::kNobody, true, {}, {}, {}};
    passage.to = {7};
    passage.drops = {{1, core::Fate::too_long},
                     {2, core::Fate::no_memory},
                     {3, core::Fate::queue_full},
                     {4, core::Fate::too_long}};
    EXPECT_EQ(fs::describe(passage),
              "injected from policy to 7; dropped at 3: queue full; dropped at 2: out of memory; "
              "dropped at 1 4: too long for framed");
    passage = {};
}

TEST_F(CaptureTest, AReadWaitsForTheNextPacket) {
    File file = capture(), from = writer();
    bytes_of(file);
    const Call read = file.start_read();
    EXPECT_EQ(outcome(read), kWaiting);
    from.write("hello");
    EXPECT_NE(outcome(read), kWaiting);
    EXPECT_EQ(file.read(), error(EAGAIN));
}

TEST_F(CaptureTest, PollSaysWhenThereIsSomething) {
    File file = capture(), from = writer();
    bytes_of(file);
    EXPECT_EQ(file.poll(POLLIN), polled(0));
    from.write("hello");
    mount.serve();
    EXPECT_THAT(kernel.take_wakeups(), ElementsAre(file.poll_handle()));
    EXPECT_EQ(file.poll(POLLIN), polled(POLLIN | POLLRDNORM));
}

TEST_F(CaptureTest, IsReadInPiecesOfAnySize) {
    File file = capture(), from = writer();
    for (int i = 0; i < 10; ++i) from.write("packet " + std::to_string(i));
    std::string bytes;
    for (Answer piece = file.read(7); piece.error == 0; piece = file.read(7)) bytes += piece.data;
    const CaptureFile seen(bytes);
    ASSERT_EQ(seen.packets.size(), 10U);
    EXPECT_EQ(seen.packets[9].data, "packet 9");
}

TEST_F(CaptureTest, OneReadGetsManyPacketsButNoneInPart) {
    File file = capture(), from = writer();
    bytes_of(file);
    for (int i = 0; i < 10; ++i) from.write("packet");
    const Answer whole = file.read();
    from.write("packet");
    const std::size_t one = file.read().data.size();
    EXPECT_EQ(whole.data.size(), 10 * one);
    for (int i = 0; i < 10; ++i) from.write("packet");
    EXPECT_EQ(file.read(static_cast<std::uint32_t>(3 * one + 1)).data.size(), 3 * one);
}

// ---- options

TEST_F(CaptureTest, OptionsHoldFromTheNextOpenOn) {
    File before = capture(), from = writer();
    set("linktype", "ethernet");
    set("capture.snaplen", "3");
    set("capture.filter", "ether[0] = 0x68");
    File after = capture();
    from.write("hello");
    from.write("no");
    const CaptureFile all = content(before), some = content(after);
    EXPECT_EQ(all.linktype, 147);
    EXPECT_EQ(all.packets.size(), 2U);
    EXPECT_EQ(some.linktype, 1);
    EXPECT_EQ(some.snaplen, 3U);
    EXPECT_EQ(some.filter.substr(1), "ether[0] = 0x68");
    ASSERT_EQ(some.packets.size(), 1U);
    EXPECT_EQ(some.packets[0].data, std::string("hello").substr(0, 3));
    EXPECT_EQ(some.packets[0].length, 5U);
}

TEST_F(CaptureTest, ABadFilterIsRefusedWithLibpcapsWords) {
    const std::uint64_t node = lab_node();
    set("capture.filter", "icmp");
    EXPECT_EQ(mount.set(node, "capture.filter", "tcp port or"), EINVAL);
    EXPECT_EQ(mount.get(node, "error"),
              "capture.filter: 'tcp port or': can't parse filter expression: syntax error");
    EXPECT_EQ(mount.get(node, "capture.filter"), "icmp");
    EXPECT_EQ(mount.set(node, "capture.filter", std::string(1024, ' ')), EINVAL);
}

TEST_F(CaptureTest, NoNameIsLookedUp) {
    for (const char* filter :
         {"host www.example.org", "port http", "ip proto \\tcp", "host a:b", "host 1.2.3.4.5",
          "net cafe", "port 1-2-3", "TCP", "ether host 1:2:3:4:5:6:7", "gateway 10.0.0.1"}) {
        EXPECT_EQ(mount.set(lab_node(), "capture.filter", filter), EINVAL) << filter;
        EXPECT_THAT(mount.get(lab_node(), "error"), HasSubstr("no name is looked up")) << filter;
    }
}

TEST_F(CaptureTest, FiltersThatPeopleUse) {
    for (const char* filter :
         {"", "icmp", "arp or rarp", "tcp port 80 and not host 10.0.0.1",
          "host fe80::1 or net 10.0.0.0/8 or net 10.1", "portrange 20-30",
          "ether host 02:00:00:00:00:01", "vlan 7 && udp", "ether proto 0x88cc",
          "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "len > 100", "tcp[13:1] & 2 != 0",
          "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
          "icmp6[icmp6type] = icmp6-echo", "ip6 proto 58", "broadcast", "ether[0x0c:2] = 0x800"})
        EXPECT_EQ(mount.set(lab_node(), "capture.filter", filter), 0)
            << filter << ": " << mount.get(lab_node(), "error");
}

TEST_F(CaptureTest, AFilterThatDoesNotSuitTheLinkTypeIsAnErrorOfTheOpen) {
    set("capture.filter", "icmp");
    EXPECT_EQ(try_open(), error(EINVAL));
    EXPECT_THAT(words(), HasSubstr("link-layer"));
    set("linktype", "ethernet");
    EXPECT_EQ(try_open().error, 0);
}

TEST_F(CaptureTest, TheRootHasDefaultsOfTheseToo) {
    EXPECT_EQ(mount.set(ask::kRoot, "capture.filter", "no such thing"), EINVAL);
    EXPECT_EQ(mount.set(ask::kRoot, "capture.snaplen", "64"), 0);
    ASSERT_EQ(call(ask::mkdir(ask::kRoot, "other")).error, 0);
    EXPECT_EQ(mount.get(mount.node("other"), "capture.snaplen"), "64");
}

// ---- readers that are slow, and the end

TEST_F(CaptureTest, ASlowReaderLosesPacketsAndIsTold) {
    set("mtu", "65535");
    const std::string large(60'000, 'x');
    File slow = capture(), fast = capture(), from = writer(), to = reader();
    const int many = 2 * fs::Capture::kBytesMax / 60'000;
    std::string all = bytes_of(fast);
    for (int i = 0; i < many; ++i) {
        EXPECT_EQ(from.write(large), written(large.size()));
        EXPECT_EQ(to.read().data.size(), large.size());
        all += bytes_of(fast);
    }
    EXPECT_EQ(CaptureFile(all).packets.size(), static_cast<std::size_t>(many)) << "the other one";
    const std::string before = bytes_of(slow);
    from.write("again");
    const CaptureFile seen(before + bytes_of(slow));
    const std::size_t captured = seen.packets.size() - 1;
    EXPECT_GT(captured, 60U);
    EXPECT_LT(captured, static_cast<std::size_t>(many));
    ASSERT_EQ(seen.statistics.size(), 1U);
    EXPECT_EQ(seen.statistics[0].packets_before, captured) << "where they are missing";
    EXPECT_EQ(seen.statistics[0].lost, many - captured);
    EXPECT_EQ(seen.packets.back().data, "again");
}

TEST_F(CaptureTest, EndsWithItsNetworkAndASum) {
    set("capture.filter", "len > 3");
    File file = capture(), from = writer();
    from.write("hello");
    from.write("no");
    const std::string before = bytes_of(file);
    const Call waiting = file.start_read();
    EXPECT_EQ(mount.set(lab_node(), "state", "down"), 0);
    const auto last = outcome(waiting);
    ASSERT_NE(last, kWaiting);
    EXPECT_EQ(outcome(file.start_read()), nothing()) << "end of file";
    EXPECT_EQ(file.poll(POLLIN), polled(POLLIN | POLLRDNORM | POLLHUP));
    const CaptureFile seen(before + last->data);
    ASSERT_EQ(seen.statistics.size(), 1U);
    EXPECT_EQ(seen.statistics[0].packets_before, 1U);
    EXPECT_EQ(seen.statistics[0].seen, 2U);
    EXPECT_EQ(seen.statistics[0].accepted, 1U);
    EXPECT_EQ(seen.statistics[0].lost, 0U);
}

TEST_F(CaptureTest, ASlowReaderIsToldOfItsLossesAfterTheEndToo) {
    set("mtu", "65535");
    const std::string large(60'000, 'x');
    File slow = capture(), from = writer();
    const int many = 2 * fs::Capture::kBytesMax / 60'000;
    for (int i = 0; i < many; ++i) from.write(large);
    EXPECT_EQ(mount.set(lab_node(), "state", "down"), 0);
    const CaptureFile seen = content(slow);
    ASSERT_EQ(seen.statistics.size(), 1U);
    EXPECT_EQ(seen.statistics[0].packets_before, seen.packets.size()) << "at the end";
    EXPECT_EQ(seen.statistics[0].lost, many - seen.packets.size());
}

TEST_F(CaptureTest, HoldsNothingUpAndCountsNowhere) {
    File file = capture();
    EXPECT_EQ(mount.get(lab_node(), "nodes"), "0");
    EXPECT_EQ(mount.get(lab_node(), "readers"), "0");
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, "lab")), nothing());
    EXPECT_EQ(content(file).statistics.size(), 1U);
    EXPECT_EQ(outcome(file.start_read()), nothing());
}

TEST_F(CaptureTest, ACaptureThatIsClosedIsOver) {
    File file = capture(), from = writer();
    file.close();
    EXPECT_EQ(from.write("hello"), written(5));
}

// ---- the file

TEST_F(CaptureTest, IsTheOwnersToRead) {
    const fuse_attr attributes = mount.stat(mount.node("lab/capture.pcap"));
    EXPECT_EQ(attributes.mode, 0100400U);
    EXPECT_EQ(attributes.size, 0U);
    EXPECT_EQ(try_open(O_WRONLY), error(EPERM));
    EXPECT_EQ(try_open(O_RDWR), error(EPERM));
    File file = capture();
    EXPECT_EQ(file.write("hello"), error(EBADF));
}

class SmallCaptureTest : public CaptureTest {
  protected:
    // 1 KiB for what waits to be read or written by a user.
    SmallCaptureTest() : CaptureTest({.memory = 8 * 1024, .gather = {}}) {}
};

TEST_F(SmallCaptureTest, IsChargedToWhoOpensIt) {
    Answer answer = try_open();
    for (int i = 0; i < 20 && answer.error == 0; ++i) answer = try_open();
    EXPECT_EQ(answer, error(ENOMEM));
    EXPECT_THAT(words(), HasSubstr("too much is waiting"));
    kernel.caller.uid = 1001;
    EXPECT_EQ(try_open().error, 0) << "another user";
}

// ---- offloads

class Interface final : public core::Endpoint {
  public:
    core::Node node{*this};

  private:
    void deliver() override {}
    void writable() override {}
    void state_changed() override {}
};

TEST_F(CaptureTest, APacketWithOffloadsIsCapturedWholeWithItsChecksum) {
    const core::AssumeLoop here;
    set("mtu", "65535");
    Interface interface;
    ASSERT_TRUE(lab().join(
        interface.node, {.role = core::Role::both, .credentials = {}, .accepts_offloads = true}));
    File file = capture();
    reader();
    const std::vector<Frame> frames{
        {.payload = pattern(2000)}, {.payload = pattern(10'000)}, {.payload = pattern(65'000)}};
    for (const unsigned segment_size : {0U, 1400U}) {
        for (const Frame& each : frames) {
            const std::string partial = each.build_partial();
            const auto payer = mount.world.registry.memory().account(0);
            const core::PacketRef packet =
                mount.world.registry.packets().allocate(static_cast<std::uint32_t>(partial.size()),
                                                        *payer, core::Memory::Purpose::receiving);
            std::memcpy(packet->data(), partial.data(), partial.size());
            const auto offload = core::Offload::from_wire(each.wire(segment_size),
                                                          {packet->data(), packet->length()});
            ASSERT_TRUE(offload);
            packet->offload = *offload;
            lab().send(interface.node, packet);
        }
    }
    const CaptureFile seen = content(file);
    ASSERT_EQ(seen.packets.size(), 6U);
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(seen.packets[i].data, frames[i % 3].completed());
    EXPECT_THAT(
        seen.comments(),
        ElementsAre("from 0 to 1", "from 0 to 1", "from 0 to 1", "from 0 to 1; 2 frames in one",
                    "from 0 to 1; 8 frames in one", "from 0 to 1; 47 frames in one"));
    lab().leave(interface.node);
}

}  // namespace
}  // namespace ipn::test
