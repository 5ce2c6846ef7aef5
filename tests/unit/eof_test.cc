// Option eof: whether a reader sees end of file when the last writer has gone.
#include <gtest/gtest.h>

#include "world.h"

namespace ipn::test {
namespace {

class EofTest : public CoreTest {
  protected:
    EofTest() { set("eof", "last-writer"); }
};

TEST_F(EofTest, ByDefaultThereIsNone) {
    set("eof", "never");
    TestEndpoint& to = reader();
    writer().leave();
    EXPECT_EQ(to.read(), kNothing);
    EXPECT_FALSE(to.poll().readable);
}

TEST_F(EofTest, AReaderIsAtTheEndWhenTheLastWriterHasLeft) {
    TestEndpoint &to = reader(), &first = writer(), &second = writer();
    first.leave();
    EXPECT_EQ(to.read(), kNothing);
    second.leave();
    EXPECT_EQ(to.read(), kEndOfFile);
    EXPECT_TRUE(to.poll().readable);
    EXPECT_TRUE(to.poll().hung_up);
}

TEST_F(EofTest, WhatIsWaitingComesFirst) {
    TestEndpoint &to = reader(), &from = writer();
    from.write("last words");
    from.leave();
    EXPECT_FALSE(to.poll().hung_up);
    EXPECT_EQ(to.read(), "last words");
    EXPECT_EQ(to.read(), kEndOfFile);
}

TEST_F(EofTest, AReaderThatNeverSawAWriterWaits) {
    writer().leave();
    TestEndpoint& to = reader();
    EXPECT_EQ(to.read(), kNothing);
}

TEST_F(EofTest, AWriterThatWasThereBeforeCounts) {
    TestEndpoint &from = writer(), &to = reader();
    from.leave();
    EXPECT_EQ(to.read(), kEndOfFile);
}

TEST_F(EofTest, ALaterWriterMakesItReadableAgain) {
    TestEndpoint& to = reader();
    writer().leave();
    TestEndpoint& later = writer();
    EXPECT_EQ(to.read(), kNothing);
    EXPECT_FALSE(to.poll().hung_up);
    later.write("me too");
    EXPECT_EQ(to.read(), "me too");
}

TEST_F(EofTest, OneselfIsNotTheWriterOneWaitsFor) {
    TestEndpoint& self = both();
    EXPECT_EQ(self.read(), kNothing) << "nobody else was ever there";
    TestEndpoint& other = both();
    EXPECT_EQ(self.read(), kNothing);
    other.leave();
    EXPECT_EQ(self.read(), kEndOfFile);
}

TEST_F(EofTest, AReaderThatWaitsIsWokenAtTheEnd) {
    TestEndpoint &to = reader(), &from = writer();
    world.run_work();
    to.delivered = 0;
    from.leave();
    world.run_work();
    EXPECT_EQ(to.delivered, 1);
}

TEST_F(EofTest, AReaderThatWritesTooIsWokenWhenItIsTheLastWriter) {
    TestEndpoint &self = both(), &other = both();
    world.run_work();
    self.delivered = 0;
    other.leave();
    world.run_work();
    EXPECT_EQ(self.delivered, 1);
}

TEST_F(EofTest, AWriterThatGivesUpWritingIsGone) {
    TestEndpoint &to = reader(), &from = both();
    ASSERT_TRUE(from.narrow(Role::reader));
    EXPECT_EQ(to.read(), kEndOfFile);
}

TEST_F(EofTest, SettingTheOptionWakesWhoIsAtTheEnd) {
    set("eof", "never");
    TestEndpoint& to = reader();
    writer().leave();
    world.run_work();
    to.delivered = 0;
    set("eof", "last-writer");
    world.run_work();
    EXPECT_EQ(to.delivered, 1);
    EXPECT_EQ(to.read(), kEndOfFile);
}

}  // namespace
}  // namespace ipn::test
