// `oob`: what a network says out of band.
#include "policy_test.h"

namespace ipn::test {
namespace {

class OobFileTest : public PolicyProtoTest {
  protected:
    static std::string numnodes(int readers, int writers) {
        return "{\"level\":0,\"tag\":\"numnodes\",\"readers\":" + std::to_string(readers) +
               ",\"writers\":" + std::to_string(writers) + "}\n";
    }
    File open_oob() { return mount.open("lab/oob", O_RDONLY); }
    // The policy sends a message to port 0.
    void send_oob(File& from, std::string_view words) {
        policy.handle = [&](ipn_port*, ipn_msg*, int) {
            policy.host.send_oob(port_at(0), words.data(), words.size());
            return 0;
        };
        EXPECT_EQ(from.write("xx"), written(2));
        policy.handle = nullptr;
    }
};

TEST_F(OobFileTest, BeginsWithHowItIsNow) {
    reader();
    open(O_RDWR);
    EXPECT_EQ(open_oob().read(), packet(numnodes(2, 1)));
}

TEST_F(OobFileTest, TellsOfEveryChange) {
    File oob = open_oob();
    File both = open(O_RDWR);
    mount.set(both.node, "role", "reader");
    both.close();
    EXPECT_EQ(oob.read(),
              packet(numnodes(0, 0) + numnodes(1, 1) + numnodes(1, 0) + numnodes(0, 0)));
}

TEST_F(OobFileTest, IsNoNode) {
    File oob = open_oob();
    EXPECT_EQ(get("nodes"), "0");
    EXPECT_EQ(get("readers"), "0");
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, "lab")), nothing());
    EXPECT_EQ(oob.read(), packet(numnodes(0, 0)));
    EXPECT_EQ(oob.read(), nothing());
}

TEST_F(OobFileTest, ShowsTextAsText) {
    File oob = open_oob();
    reader();
    File from = writer();
    oob.read();
    send_oob(from, "say \"fire\" \\ caf\xc3\xa9");
    EXPECT_EQ(oob.read(), packet("{\"level\":1,\"tag\":\"full\",\"port\":0,"
                                 "\"text\":\"say \\\"fire\\\" \\\\ caf\xc3\xa9\"}\n"));
}

TEST_F(OobFileTest, ShowsAnythingElseInHex) {
    File oob = open_oob();
    reader();
    File from = writer();
    oob.read();
    send_oob(from, std::string_view("\x00\x0a\xff", 3));
    EXPECT_EQ(oob.read(), packet("{\"level\":1,\"tag\":\"full\",\"port\":0,\"hex\":\"000aff\"}\n"));
    send_oob(from, "a\nb");
    EXPECT_EQ(oob.read(), packet("{\"level\":1,\"tag\":\"full\",\"port\":0,\"hex\":\"610a62\"}\n"));
}

TEST_F(OobFileTest, TellsOfTheLastNodesBeforeTheEnd) {
    File oob = open_oob();
    reader();
    writer();
    oob.read();
    set("state", "down");
    EXPECT_EQ(oob.read(), packet(numnodes(0, 1) + numnodes(0, 0)));
    EXPECT_EQ(oob.read(), nothing());
}

TEST_F(OobFileTest, OfANetworkThatWasEndedEndsAtOnce) {
    reader();
    const std::uint64_t file = mount.node("lab/oob");
    set("state", "down");
    const Answer opened = call(ask::open(file, O_RDONLY));
    ASSERT_EQ(opened.error, 0);
    File oob(kernel, file, opened.as<fuse_open_out>().fh);
    EXPECT_EQ(oob.read(), packet(numnodes(0, 0)));
    EXPECT_EQ(oob.read(), nothing());
}

TEST_F(OobFileTest, IsAsReadableAsTheNetwork) {
    call(ask::mkdir(ask::kRoot, "secret", 0750));
    EXPECT_EQ(mount.stat(mount.node("secret/oob")).mode,
              static_cast<std::uint32_t>(S_IFREG | 0440));
    EXPECT_EQ(call(ask::chmod(mount.node("secret/oob"), 0600)).error, 0);
    EXPECT_EQ(mount.stat(mount.node("secret/oob")).mode,
              static_cast<std::uint32_t>(S_IFREG | 0600));
    EXPECT_EQ(mount.stat(mount.node("secret/port")).mode,
              static_cast<std::uint32_t>(S_IFREG | 0640));
}

}  // namespace
}  // namespace ipn::test
