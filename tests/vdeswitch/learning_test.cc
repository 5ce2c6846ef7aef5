// What a switch without VLANs does with frames.
#include "switch_world.h"

namespace ipn::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class LearningTest : public SwitchTest {
  protected:
    LearningTest() { join(4); }
};

constexpr std::uint32_t kAnne = 0xa, kBob = 0xb;

TEST_F(LearningTest, AnUnknownAddressIsFlooded) {
    EXPECT_THAT(sent_to(0, frame(mac(kBob), mac(kAnne))), ElementsAre(1, 2, 3));
    EXPECT_EQ(stat("flooded"), 1U);
}

TEST_F(LearningTest, AKnownOneIsReachedAlone) {
    hear(2, kBob);
    EXPECT_THAT(sent_to(0, frame(mac(kBob), mac(kAnne))), ElementsAre(2));
    EXPECT_THAT(sent_to(2, frame(mac(kAnne), mac(kBob))), ElementsAre(0));
    EXPECT_EQ(stat("forwarded"), 2U);
    EXPECT_EQ(stat("learned"), 2U);
    EXPECT_EQ(stat("stations"), 2U);
}

TEST_F(LearningTest, NeverBackToWhereItCameFrom) {
    hear(2, kBob);
    EXPECT_THAT(sent_to(2, frame(mac(kBob), mac(kAnne))), IsEmpty());
    EXPECT_EQ(stat("filtered"), 1U);
}

TEST_F(LearningTest, BroadcastAndMulticastGoToAll) {
    hear(2, kBob);
    EXPECT_THAT(sent_to(0, frame(kEverybody, mac(kAnne))), ElementsAre(1, 2, 3));
    const std::string group("\x01\0\x5e\0\0\x01", 6);
    EXPECT_THAT(sent_to(0, frame(group, mac(kAnne))), ElementsAre(1, 2, 3));
}

TEST_F(LearningTest, AGroupOrNobodyIsNoStation) {
    const std::string group("\x01\0\x5e\0\0\x01", 6);
    send(2, frame(kEverybody, group));
    send(2, frame(kEverybody, std::string(6, '\0')));
    EXPECT_EQ(stat("learned"), 0U);
    EXPECT_THAT(sent_to(0, frame(std::string(6, '\0'), mac(kAnne))), ElementsAre(1, 2, 3));
}

TEST_F(LearningTest, AStationThatIsSilentForLongIsForgotten) {
    hear(2, kBob);
    world.advance(seconds(300) - milliseconds(1));
    EXPECT_THAT(reached(0, kBob), ElementsAre(2));
    world.advance(milliseconds(1));
    EXPECT_THAT(reached(0, kBob), ElementsAre(1, 2, 3));
    EXPECT_EQ(stat("stations"), 0U);
    EXPECT_EQ(stat("aged"), 1U);
}

TEST_F(LearningTest, HowLongIsAnOption) {
    set_net("ageing_s", "10");
    hear(2, kBob);
    world.advance(seconds(9));
    EXPECT_THAT(reached(0, kBob), ElementsAre(2));
    world.advance(seconds(1));
    EXPECT_THAT(reached(0, kBob), ElementsAre(1, 2, 3));
}

TEST_F(LearningTest, AStationMovesAfterTheMinimumPersistence) {
    hear(2, kBob);
    world.advance(milliseconds(2999));
    hear(3, kBob);
    EXPECT_THAT(reached(0, kBob), ElementsAre(2));
    EXPECT_EQ(stat("moves_refused"), 1U);
    world.advance(milliseconds(1));
    hear(3, kBob);
    EXPECT_THAT(reached(0, kBob), ElementsAre(3));
    EXPECT_EQ(stat("moved"), 1U);
}

TEST_F(LearningTest, WithoutPersistenceAStationMovesAtOnce) {
    set_net("persistence_ms", "0");
    hear(2, kBob);
    hear(3, kBob);
    EXPECT_THAT(reached(0, kBob), ElementsAre(3));
}

TEST_F(LearningTest, ThePersistenceIsSinceItWasHeardLast) {
    hear(2, kBob);
    world.advance(milliseconds(2000));
    hear(2, kBob);
    world.advance(milliseconds(2000));
    hear(3, kBob);
    EXPECT_THAT(reached(0, kBob), ElementsAre(2));
}

TEST_F(LearningTest, WithANodeGoItsStations) {
    hear(2, kBob);
    leave(2);
    EXPECT_EQ(stat("stations"), 0U);
    EXPECT_THAT(reached(0, kBob), ElementsAre(1, 3));
}

TEST_F(LearningTest, AFullTableIsFair) {
    set_net("table_size", "10");
    hear(1, kBob);
    for (std::uint32_t station = 0; station < 1000; ++station) hear(2, 0x1000 + station);
    EXPECT_THAT(reached(0, kBob), ElementsAre(1));
    EXPECT_EQ(stat("stations"), 10U);
    EXPECT_EQ(stat("evicted"), 991U);
}

TEST_F(LearningTest, StationsOfAWriterAreNotLearned) {
    TestEndpoint& writing = writer();
    EXPECT_EQ(writing.write(frame(kEverybody, mac(kBob))), Send::done);
    EXPECT_EQ(stat("learned"), 0U) << "it may read at another port";
    EXPECT_THAT(reached(0, kBob), ElementsAre(1, 2, 3));
}

TEST_F(LearningTest, WhoeverOnlyReadsGetsEverythingThatIsFlooded) {
    TestEndpoint& sniffer = reader();
    send(0, frame(kEverybody, mac(kAnne)));
    EXPECT_EQ(sniffer.read(), frame(kEverybody, mac(kAnne)));
}

TEST_F(LearningTest, FramesBelowFourteenBytesAreRefused) {
    EXPECT_EQ(send(0, std::string(13, 'x')), Send::too_short);
    EXPECT_EQ(lab().counters().too_short, 1U);
    EXPECT_THAT(sent_to(0, frame(mac(kBob), mac(kAnne), "")), ElementsAre(1, 2, 3));
}

TEST_F(LearningTest, AFrameThatEndsWithinItsTagIsRefused) {
    const std::string whole = tagged(control(5), mac(kBob), mac(kAnne), "");
    for (std::size_t length = 14; length < whole.size(); ++length) {
        const auto sent = ports[0]->send(whole.substr(0, length));
        EXPECT_EQ(sent.outcome, Send::refused) << length;
        EXPECT_EQ(sent.error, EINVAL);
        EXPECT_EQ(sent.words, "the frame ends within its VLAN tag");
    }
    EXPECT_EQ(stat("malformed"), 4U);
    EXPECT_EQ(stat("learned"), 0U);
    EXPECT_THAT(sent_to(0, whole), ElementsAre(1, 2, 3));
}

// ---- hub mode

TEST_F(LearningTest, AHubSendsEverythingToEverybody) {
    hear(2, kBob);
    set_net("hub", "1");
    EXPECT_THAT(reached(0, kBob), ElementsAre(1, 2, 3));
    EXPECT_THAT(sent_to(0, frame(kEverybody, mac(kAnne))), ElementsAre(1, 2, 3));
    EXPECT_EQ(stat("learned"), 1U) << "Bob, before";
    const std::string cut_off = tagged(control(5), mac(kBob), mac(kAnne)).substr(0, 15);
    EXPECT_THAT(sent_to(0, cut_off), ElementsAre(1, 2, 3)) << "it looks at nothing";
}

TEST_F(LearningTest, AHubKnowsNoVlans) {
    set_port(1, "untagged", "7");
    set_net("hub", "1");
    EXPECT_THAT(sent_to(0, frame(kEverybody, mac(kAnne))), ElementsAre(1, 2, 3));
    EXPECT_THAT(sent_to(0, tagged(control(8), kEverybody, mac(kAnne))), ElementsAre(1, 2, 3));
    set_net("hub", "0");
    EXPECT_THAT(sent_to(0, frame(kEverybody, mac(kAnne))), ElementsAre(2, 3));
}

// ---- static addresses

TEST_F(LearningTest, AStaticAddressIsReachedBeforeItWasHeard) {
    EXPECT_EQ(set_port(2, "static", "02:00:00:00:00:0b"), 0);
    EXPECT_THAT(reached(0, kBob), ElementsAre(2));
    world.advance(seconds(10000));
    EXPECT_THAT(reached(0, kBob), ElementsAre(2)) << "it does not age";
}

TEST_F(LearningTest, AStaticAddressDoesNotMove) {
    set_port(2, "static", "02:00:00:00:00:0b");
    world.advance(seconds(10));
    hear(3, kBob);
    EXPECT_THAT(reached(0, kBob), ElementsAre(2));
    EXPECT_EQ(stat("learned"), 0U);
}

TEST_F(LearningTest, AStaticAddressWinsOverOneThatWasHeard) {
    hear(3, kBob);
    set_port(2, "static", "02:00:00:00:00:0b");
    EXPECT_THAT(reached(0, kBob), ElementsAre(2));
    EXPECT_EQ(set_port(2, "static", ""), 0);
    EXPECT_THAT(reached(0, kBob), ElementsAre(3));
}

TEST_F(LearningTest, AStaticAddressOfAPortThatNobodyUsesIsNotFlooded) {
    world.reserve(lab(), 9);
    set_port(9, "static", "02:00:00:00:00:0b");
    EXPECT_THAT(reached(0, kBob), IsEmpty());
    EXPECT_EQ(stat("filtered"), 1U);
    world.unreserve(lab(), 9);
    EXPECT_THAT(reached(0, kBob), ElementsAre(1, 2, 3));
}

TEST_F(LearningTest, AnAddressIsStaticAtOnePort) {
    EXPECT_EQ(set_port(2, "static", "02:00:00:00:00:0a 02:00:00:00:00:0b"), 0);
    EXPECT_EQ(set_port(3, "static", "02:00:00:00:00:0c 02:00:00:00:00:0b"), EINVAL);
    EXPECT_EQ(get_port(3, "static"), "");
    EXPECT_EQ(set_port(2, "static", "02:00:00:00:00:0a"), 0);
    EXPECT_EQ(set_port(3, "static", "02:00:00:00:00:0b"), 0);
    EXPECT_THAT(reached(0, kBob), ElementsAre(3));
    EXPECT_THAT(reached(0, kAnne), ElementsAre(2));
}

TEST_F(LearningTest, ALearnedAndAStaticOneDoNotReachTheSenderItself) {
    set_port(2, "static", "02:00:00:00:00:0b");
    EXPECT_THAT(reached(2, kBob), IsEmpty());
}

// ---- isolation

TEST_F(LearningTest, IsolatedPortsDoNotReachEachOther) {
    set_port(0, "isolated", "1");
    set_port(1, "isolated", "1");
    EXPECT_THAT(sent_to(0, frame(kEverybody, mac(kAnne))), ElementsAre(2, 3));
    EXPECT_THAT(sent_to(2, frame(kEverybody, mac(kBob))), ElementsAre(0, 1, 3));
    EXPECT_THAT(reached(1, kAnne), IsEmpty()) << "though it is known";
    EXPECT_THAT(reached(1, kBob), ElementsAre(2));
    EXPECT_THAT(reached(2, kAnne), ElementsAre(0));
    set_port(1, "isolated", "0");
    EXPECT_THAT(reached(1, kAnne), ElementsAre(0));
}

// ---- addresses for the bridge at the other end

TEST_F(LearningTest, WithoutASpanningTreeGroupsOfBridgesAreForwardedButPause) {
    const std::string group("\x01\x80\xc2\0\0", 5);
    EXPECT_THAT(sent_to(0, frame(group + '\0', mac(kAnne))), ElementsAre(1, 2, 3));
    EXPECT_THAT(sent_to(0, frame(group + '\x01', mac(kAnne))), IsEmpty());
    EXPECT_THAT(sent_to(0, frame(group + '\x0e', mac(kAnne))), ElementsAre(1, 2, 3));
}

// ---- life

TEST_F(LearningTest, SettingsOfAPortGoWithItsNode) {
    set_port(2, "static", "02:00:00:00:00:0b");
    set_port(2, "untagged", "7");
    leave(2);
    EXPECT_EQ(view("vlans").find("7 2"), std::string::npos);
    EXPECT_THAT(reached(0, kBob), ElementsAre(1, 3));
}

TEST_F(LearningTest, ThoseOfAReservedPortStay) {
    world.reserve(lab(), 9);
    set_port(9, "isolated", "1");
    TestEndpoint& late = world.join(lab(), Role::both, 9);
    late.leave();
    EXPECT_EQ(get_port(9, "isolated"), "1");
    world.unreserve(lab(), 9);
    world.reserve(lab(), 9);
    EXPECT_EQ(get_port(9, "isolated"), "0");
}

TEST_F(LearningTest, AnotherPolicyAndBackStartsAnew) {
    hear(2, kBob);
    set_net("ageing_s", "77");
    world.everybody_leaves();
    ports.clear();
    EXPECT_EQ(CoreTest::set("policy", "broadcast"), 0);
    EXPECT_EQ(CoreTest::set("policy", "vdeswitch"), 0);
    EXPECT_EQ(get_net("ageing_s"), "300");
    EXPECT_EQ(stat("learned"), 0U);
}

TEST_F(LearningTest, CapturesOfASwitchAreEthernets) {
    EXPECT_EQ(core::find_option("linktype")->show(lab().options()), "ethernet");
}

}  // namespace
}  // namespace ipn::test
