// Timers: what is to happen later, in order.
#include "core/timers.h"

#include <gtest/gtest.h>

#include <string>

namespace ipn::core {
namespace {

using std::chrono::seconds;

constexpr Instant at(int second) {
    return Instant(seconds(second));
}

class TimersTest : public testing::Test {
  protected:
    std::string log;
    Timers timers;
    Timer a{timers, [this] { log += 'a'; }};
    Timer b{timers, [this] { log += 'b'; }};
};

TEST_F(TimersTest, NothingIsDueAtFirst) {
    EXPECT_FALSE(timers.next());
    timers.run(at(100));
    EXPECT_EQ(log, "");
}

TEST_F(TimersTest, SaysWhenTheNextIsDue) {
    a.arm(at(5));
    b.arm(at(3));
    EXPECT_EQ(timers.next(), at(3));
}

TEST_F(TimersTest, ExpiresAtItsInstantAndNotBefore) {
    a.arm(at(5));
    timers.run(at(5) - Duration(1));
    EXPECT_EQ(log, "");
    timers.run(at(5));
    EXPECT_EQ(log, "a");
}

TEST_F(TimersTest, ExpiresOnce) {
    a.arm(at(5));
    timers.run(at(5));
    timers.run(at(6));
    EXPECT_EQ(log, "a");
    EXPECT_FALSE(a.armed());
}

TEST_F(TimersTest, ExpireInTheOrderOfTheirInstants) {
    a.arm(at(5));
    b.arm(at(3));
    timers.run(at(10));
    EXPECT_EQ(log, "ba");
}

TEST_F(TimersTest, ArmingAgainMovesTheDeadline) {
    a.arm(at(5));
    a.arm(at(8));
    timers.run(at(7));
    EXPECT_EQ(log, "");
    timers.run(at(8));
    EXPECT_EQ(log, "a");
}

TEST_F(TimersTest, ADisarmedTimerDoesNotExpire) {
    a.arm(at(5));
    a.disarm();
    timers.run(at(10));
    EXPECT_EQ(log, "");
}

TEST_F(TimersTest, ATimerThatIsDestroyedIsDisarmed) {
    {
        Timer c(timers, [this] { log += 'c'; });
        c.arm(at(5));
    }
    EXPECT_FALSE(timers.next());
}

TEST_F(TimersTest, ATimerMayArmItselfAnew) {
    int left = 3;
    Timer again(timers, [&] {
        log += 'x';
        if (--left > 0) again.arm(at(5));
    });
    again.arm(at(5));
    timers.run(at(5));
    EXPECT_EQ(log, "xxx");
}

TEST_F(TimersTest, ATimerMayDisarmAnotherThatIsDueToo) {
    Timer first(timers, [this] { b.disarm(); });
    first.arm(at(1));
    b.arm(at(2));
    timers.run(at(2));
    EXPECT_EQ(log, "");
}

}  // namespace
}  // namespace ipn::core
