// The worker: what may wait happens elsewhere, what it is for on the loop.
#include "netdev/ring/worker.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace ipn::test {
namespace {

using ring::Operation;
using ring::Ring;
using ring::Worker;

class WorkerTest : public testing::Test {
  protected:
    // What the daemon does at its end.
    void finish() {
        while (ring.in_kernel() > 0) ring.turn(std::nullopt);
    }
    void TearDown() override {
        finish();
        EXPECT_EQ(worker.under_way(), 0U);
    }

    Ring ring{8};
    Worker worker{ring};
};

// Something else that the loop has to do.
class Pipe final : private Operation {
  public:
    explicit Pipe(Ring& ring) {
        EXPECT_EQ(pipe(ends_.data()), 0);
        ring.poll(ends_[0], POLLIN, *this);
    }
    ~Pipe() {
        close(ends_[0]);
        close(ends_[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    void write() { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }
    bool came = false;

  private:
    void completed(int) override { came = true; }

    std::array<int, 2> ends_{};
};

TEST_F(WorkerTest, AJobRunsOnAnotherThreadAndItsEndIsToldOnTheLoop) {
    std::thread::id job, done;
    worker.run([&] { job = std::this_thread::get_id(); },
               [&] { done = std::this_thread::get_id(); });
    EXPECT_EQ(worker.under_way(), 1U);
    finish();
    EXPECT_NE(job, std::thread::id());
    EXPECT_NE(job, std::this_thread::get_id());
    EXPECT_EQ(done, std::this_thread::get_id());
}

TEST_F(WorkerTest, JobsRunOneAfterTheOtherAndSoDoTheirEnds) {
    std::string jobs, ends;
    for (const char name : {'a', 'b', 'c', 'd'})
        worker.run([&jobs, name] { jobs += name; }, [&ends, name] { ends += name; });
    finish();
    EXPECT_EQ(jobs, "abcd");
    EXPECT_EQ(ends, "abcd");
}

TEST_F(WorkerTest, AJobThatTakesLongDoesNotHoldUpTheLoop) {
    std::promise<void> may_end;
    bool done = false;
    worker.run([end = may_end.get_future().share()] { end.wait(); }, [&] { done = true; });
    Pipe pipe(ring);
    EXPECT_FALSE(ring.turn(std::chrono::nanoseconds(0)));
    pipe.write();
    EXPECT_TRUE(ring.turn(std::nullopt));
    EXPECT_TRUE(pipe.came);
    EXPECT_FALSE(done);
    may_end.set_value();
    finish();
    EXPECT_TRUE(done);
}

TEST_F(WorkerTest, AnEndMayHandOverTheNextJob) {
    int left = 3;
    std::function<void()> next = [&] {
        if (--left > 0) worker.run([] {}, next);
    };
    worker.run([] {}, next);
    finish();
    EXPECT_EQ(left, 0);
}

TEST_F(WorkerTest, WhatAJobWasHandedIsGivenBackOnTheLoop) {
    std::thread::id destroyed;
    std::shared_ptr<void> handed(nullptr, [&](void*) { destroyed = std::this_thread::get_id(); });
    worker.run([kept = std::move(handed)] {}, [] {});
    finish();
    EXPECT_EQ(destroyed, std::this_thread::get_id());
}

TEST_F(WorkerTest, SignalsAreLeftToTheLoop) {
    sigset_t blocked{}, before{}, after{};
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    worker.run([&] { pthread_sigmask(SIG_SETMASK, nullptr, &blocked); }, [] {});
    finish();
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGALRM})
        EXPECT_EQ(sigismember(&blocked, signal), 1) << signal;
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    EXPECT_EQ(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

TEST_F(WorkerTest, WithoutAJobThereIsNothingInTheKernel) {
    EXPECT_EQ(ring.in_kernel(), 0U);
    worker.run([] {}, [] {});
    EXPECT_EQ(ring.in_kernel(), 1U);
    finish();
    EXPECT_FALSE(ring.turn(std::chrono::nanoseconds(0)));
}

}  // namespace
}  // namespace ipn::test
