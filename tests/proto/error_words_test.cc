// user.ipn.error: why the last call failed, for whoever made it.
#include "proto_test.h"

namespace ipn::test {
namespace {

class ErrorWordsTest : public ProtoTest {
  protected:
    std::string words(std::uint64_t node) { return mount.get(node, "error"); }
};

TEST_F(ErrorWordsTest, ThereAreNoneAtFirst) {
    EXPECT_EQ(words(lab_node()), "<ENODATA>");
}

TEST_F(ErrorWordsTest, SayWhyAnOptionWasRefused) {
    mount.set(lab_node(), "mtu", "many");
    EXPECT_NE(words(lab_node()).find("'many'"), std::string::npos) << words(lab_node());
}

TEST_F(ErrorWordsTest, BelongToTheUserWhoGotTheError) {
    mount.set(lab_node(), "mtu", "many");
    kernel.caller.uid = 1001;
    EXPECT_EQ(words(lab_node()), "<ENODATA>");
    mount.set(lab_node(), "lossless", "perhaps");
    EXPECT_NE(words(lab_node()).find("'perhaps'"), std::string::npos);
    kernel.caller.uid = 1000;
    EXPECT_NE(words(lab_node()).find("'many'"), std::string::npos);
}

TEST_F(ErrorWordsTest, BelongToTheName) {
    mount.set(lab_node(), "mtu", "many");
    EXPECT_EQ(words(ask::kRoot), "<ENODATA>");
    EXPECT_EQ(words(ports_node()), "<ENODATA>");
}

TEST_F(ErrorWordsTest, OfWhatCouldNotBeMadeAreOnTheParent) {
    call(ask::mkdir(ask::kRoot, ".x"));
    EXPECT_NE(words(ask::kRoot).find("does not begin with a dot"), std::string::npos);
    call(ask::mknod(ports_node(), "x"));
    EXPECT_NE(words(ports_node()).find("number"), std::string::npos);
}

TEST_F(ErrorWordsTest, OfAWriteAreOnThePort) {
    set("mtu", "4");
    File from = writer();
    from.write("hello");
    EXPECT_NE(words(from.node).find("mtu is 4"), std::string::npos) << words(from.node);
    EXPECT_EQ(words(mount.node("lab/port")), words(from.node));
}

TEST_F(ErrorWordsTest, TheLastOnesCount) {
    mount.set(lab_node(), "mtu", "many");
    mount.set(lab_node(), "mtu", "few");
    EXPECT_NE(words(lab_node()).find("'few'"), std::string::npos);
}

TEST_F(ErrorWordsTest, AreNotListed) {
    mount.set(lab_node(), "mtu", "many");
    EXPECT_EQ(call(ask::listxattr(lab_node())).data.find(".error"), std::string::npos);
}

}  // namespace
}  // namespace ipn::test
