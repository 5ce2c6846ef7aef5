// WorkQueue: what is left for later, and when later is now.
#include "core/work.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "fake_clock.h"
#include "run_work.h"

namespace ipn::core {
namespace {

class Item final : public Work {
  public:
    explicit Item(std::function<void()> action) : action_(std::move(action)) {}
    void run() override { action_(); }

  private:
    std::function<void()> action_;
};

class WorkTest : public testing::Test {
  protected:
    test::FakeClock clock;
    WorkQueue work{clock, {.packets = 3, .bytes = 1000, .time = std::chrono::microseconds(200)}};
    std::string log;
    Item a{[this] { log += 'a'; }};
    Item b{[this] { log += 'b'; }};
};

TEST_F(WorkTest, RunsItemsInTheOrderInWhichTheyWereAdded) {
    work.add(b);
    work.add(a);
    EXPECT_EQ(test::run_work(work), 2);
    EXPECT_EQ(log, "ba");
    EXPECT_TRUE(work.empty());
}

TEST_F(WorkTest, AnItemIsOnTheQueueOnce) {
    work.add(a);
    work.add(b);
    work.add(a);
    test::run_work(work);
    EXPECT_EQ(log, "ab");
}

TEST_F(WorkTest, AnItemMayAddItselfAgain) {
    int left = 2;
    Item again([&] {
        log += 'x';
        if (--left > 0) work.add(again);
    });
    work.add(again);
    work.add(a);
    test::run_work(work);
    EXPECT_EQ(log, "xax");
}

TEST_F(WorkTest, AnItemThatIsDestroyedIsForgotten) {
    {
        Item gone([this] { log += 'x'; });
        work.add(gone);
    }
    EXPECT_TRUE(work.empty());
}

TEST_F(WorkTest, IsNotDueWhileThereIsLittle) {
    work.add(a);
    work.count(100);
    work.count(100);
    EXPECT_FALSE(work.due());
}

TEST_F(WorkTest, IsDueWhenEnoughPacketsWait) {
    work.add(a);
    for (int i = 0; i < 3; ++i) work.count(1);
    EXPECT_TRUE(work.due());
}

TEST_F(WorkTest, IsDueWhenEnoughBytesWait) {
    work.add(a);
    work.count(1000);
    EXPECT_TRUE(work.due());
}

TEST_F(WorkTest, IsDueWhenTheFirstHasWaitedLongEnough) {
    work.add(a);
    clock.advance(std::chrono::microseconds(199));
    work.add(b);
    EXPECT_FALSE(work.due());
    clock.advance(std::chrono::microseconds(1));
    EXPECT_TRUE(work.due());
}

TEST_F(WorkTest, IsNeverDueWhenThereIsNone) {
    for (int i = 0; i < 10; ++i) work.count(1000);
    clock.advance(std::chrono::hours(1));
    EXPECT_FALSE(work.due());
    work.add(a);
    EXPECT_FALSE(work.due());
}

TEST_F(WorkTest, OnceDueItStaysSoUntilEverythingHasRun) {
    work.add(a);
    work.add(b);
    for (int i = 0; i < 3; ++i) work.count(1);
    work.run_one();
    EXPECT_TRUE(work.due());
    work.run_one();
    EXPECT_FALSE(work.due());
    work.add(a);
    EXPECT_FALSE(work.due());
}

TEST_F(WorkTest, AfterARestOneItemRunsBeforeTheSenderIsAnswered) {
    work.slept(WorkQueue::kRest);
    work.add(a);
    work.add(b);
    work.deliver_lone();
    EXPECT_EQ(log, "a");
    work.deliver_lone();
    EXPECT_EQ(log, "a") << "once";
}

TEST_F(WorkTest, WithoutARestNoneDoes) {
    work.add(a);
    work.slept(WorkQueue::kRest - std::chrono::nanoseconds(1));
    work.deliver_lone();
    work.slept(WorkQueue::kRest);
    work.slept(Duration(0));
    work.deliver_lone();
    EXPECT_EQ(log, "");
}

TEST_F(WorkTest, ALonePacketForNobodyIsDeliveredToNobody) {
    work.slept(WorkQueue::kRest);
    work.deliver_lone();
    work.add(a);
    work.deliver_lone();
    EXPECT_EQ(log, "") << "what comes then is not the first";
}

}  // namespace
}  // namespace ipn::core
