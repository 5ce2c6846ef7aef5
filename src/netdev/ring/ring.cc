#include "netdev/ring/ring.h"

#include <cerrno>
#include <system_error>

namespace ipn::ring {
namespace {

void check(int result, const char* what) {
    if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

}  // namespace

Ring::Ring(unsigned entries) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE;
    params.cq_entries = entries * 4;
    check(io_uring_queue_init_params(entries, &ring_, &params), "io_uring_setup");
    io_uring_ring_dontfork(&ring_);
}

Ring::~Ring() {
    io_uring_queue_exit(&ring_);
}

io_uring_sqe& Ring::entry() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {  // the submission queue is full: hand over what it holds
        check(io_uring_submit(&ring_), "io_uring_enter");
        sqe = io_uring_get_sqe(&ring_);
    }
    return *sqe;
}

void Ring::poll(int fd, unsigned events, Operation& operation) {
    io_uring_sqe& sqe = entry();
    io_uring_prep_poll_add(&sqe, fd, events);
    io_uring_sqe_set_data(&sqe, &operation);
    ++in_kernel_;
}

void Ring::cancel(Operation& operation) {
    io_uring_sqe& sqe = entry();
    io_uring_prep_cancel(&sqe, &operation, 0);
    io_uring_sqe_set_data(&sqe, nullptr);
}

bool Ring::pending() {
    return io_uring_cq_ready(&ring_) > 0 ||
           (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0;
}

bool Ring::turn(std::optional<std::chrono::nanoseconds> timeout) {
    const bool wait = !timeout || timeout->count() > 0;
    __kernel_timespec limit{};
    if (timeout) {
        limit.tv_sec = timeout->count() / 1'000'000'000;
        limit.tv_nsec = timeout->count() % 1'000'000'000;
    }
    io_uring_cqe* first = nullptr;
    const int result = wait ? io_uring_submit_and_wait_timeout(&ring_, &first, 1,
                                                               timeout ? &limit : nullptr, nullptr)
                            : io_uring_submit_and_get_events(&ring_);
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN)
        check(result, "io_uring_enter");
    return reap();
}

bool Ring::reap() {
    bool any = false;
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
        auto* operation = static_cast<Operation*>(io_uring_cqe_get_data(cqe));
        const int result = cqe->res;
        io_uring_cqe_seen(&ring_, cqe);
        if (operation == nullptr) continue;  // a cancellation's own completion
        --in_kernel_;
        any = true;
        operation->completed(result);
    }
    return any;
}

}  // namespace ipn::ring
