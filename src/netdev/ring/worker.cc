#include "netdev/ring/worker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <new>
#include <system_error>
#include <utility>

namespace ipn::ring {
namespace {

// A thread inherits who may be interrupted: this one nobody, so that signals reach the loop's.
class BlockedSignals {
  public:
    BlockedSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

  private:
    sigset_t before_{};
};

}  // namespace

Worker::Worker(Ring& ring) : ring_(ring), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Worker::~Worker() {
    assert(under_way_ == 0 && !watching_);
    if (thread_.joinable()) {
        shared_.with([](Shared& shared) { shared.ending = true; });
        shared_.notify();
        thread_.join();
    }
    close(event_);
}

void Worker::run(std::function<void()> job, std::function<void()> done) {
    std::list<Job> one;
    one.push_back({std::move(job), std::move(done)});
    if (!thread_.joinable()) start_thread();
    shared_.with([&](Shared& shared) { shared.waiting.splice(shared.waiting.end(), one); });
    shared_.notify();
    ++under_way_;
    watch();
}

void Worker::start_thread() try {
    const BlockedSignals none;
    thread_ = std::thread([this] { work(); });
} catch (const std::system_error&) {
    throw std::bad_alloc();
}

void Worker::work() {
    const auto something = [](const Shared& shared) {
        return shared.ending || !shared.waiting.empty();
    };
    for (;;) {
        std::list<Job> one;
        const bool ending = shared_.when(something, [&](Shared& shared) {
            if (!shared.ending) one.splice(one.end(), shared.waiting, shared.waiting.begin());
            return shared.ending;
        });
        if (ending) return;
        one.front().job();
        shared_.with([&](Shared& shared) { shared.finished.splice(shared.finished.end(), one); });
        eventfd_write(event_, 1);
    }
}

void Worker::watch() {
    if (std::exchange(watching_, true)) return;
    ring_.poll(event_, POLLIN, *this);
}

void Worker::completed(int) {
    watching_ = false;
    std::uint64_t count = 0;
    eventfd_read(event_, &count);
    std::list<Job> finished;
    shared_.with([&](Shared& shared) { finished.swap(shared.finished); });
    for (Job& job : finished) {
        --under_way_;
        job.done();
    }
    if (under_way_ > 0) watch();
}

}  // namespace ipn::ring
