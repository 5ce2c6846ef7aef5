#include "netdev/ring/ring.h"

#include <cassert>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "netdev/ring/buffer_ring.h"

namespace ipn::ring {
namespace {

// In what the kernel is given to name an operation: it is a command.
constexpr std::uint64_t kIsCommand = 1;

constexpr unsigned kReadMultishot = 49;  // IORING_OP_READ_MULTISHOT (Linux 6.7)

void check(int result, const char* what) {
    if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

bool supported(io_uring& ring, unsigned operation) {
    struct Free {
        void operator()(io_uring_probe* probe) const { io_uring_free_probe(probe); }
    };
    const std::unique_ptr<io_uring_probe, Free> probe(io_uring_get_probe_ring(&ring));
    return probe && io_uring_opcode_supported(probe.get(), static_cast<int>(operation)) != 0;
}

}  // namespace

void Reception::complete(const io_uring_cqe& completion) {
    std::optional<std::uint16_t> buffer;
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0)
        buffer = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    received(completion.res, buffer, (completion.flags & IORING_CQE_F_MORE) != 0);
}

Ring::Ring(unsigned entries) {
    io_uring_params params{};
    // SQE128: for the arguments of commands.
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE | IORING_SETUP_SQE128;
    params.cq_entries = entries * 4;
    check(io_uring_queue_init_params(entries, &ring_, &params), "io_uring_setup");
    io_uring_ring_dontfork(&ring_);
    multishot_reads_ = supported(ring_, kReadMultishot);
}

Ring::~Ring() {
    if (open_) io_uring_queue_exit(&ring_);
}

void Ring::close() {
    if (std::exchange(open_, false)) io_uring_queue_exit(&ring_);
}

io_uring_sqe& Ring::entry() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {  // the submission queue is full: hand over what it holds
        check(io_uring_submit(&ring_), "io_uring_enter");
        sqe = io_uring_get_sqe(&ring_);
    }
    return *sqe;
}

void Ring::hand_in(io_uring_sqe& entry, Operation& operation) {
    io_uring_sqe_set_data(&entry, &operation);
    ++in_kernel_;
}

void Ring::poll(int fd, unsigned events, Operation& operation) {
    io_uring_sqe& sqe = entry();
    io_uring_prep_poll_add(&sqe, fd, events);
    hand_in(sqe, operation);
}

void Ring::read(int fd, const BufferRing& buffers, Reception& reception) {
    const int opcode = multishot_reads_ ? static_cast<int>(kReadMultishot) : IORING_OP_READ;
    read_with(opcode, fd, buffers, reception);
}

void Ring::read_once(int fd, const BufferRing& buffers, Reception& reception) {
    read_with(IORING_OP_READ, fd, buffers, reception);
}

void Ring::read_with(int opcode, int fd, const BufferRing& buffers, Reception& reception) {
    io_uring_sqe& sqe = entry();
    // Length 0: as long as the buffer. Offset -1: files without a position have none.
    io_uring_prep_rw(opcode, &sqe, fd, nullptr, 0, ~std::uint64_t{0});
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = buffers.group();
    hand_in(sqe, reception);
}

void Ring::receive(int fd, msghdr& form, const BufferRing& buffers, Reception& reception) {
    io_uring_sqe& sqe = entry();
    io_uring_prep_recvmsg_multishot(&sqe, fd, &form, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = buffers.group();
    hand_in(sqe, reception);
}

void Ring::receive_once(int fd, msghdr& form, const BufferRing& buffers, Reception& reception) {
    io_uring_sqe& sqe = entry();
    io_uring_prep_recvmsg(&sqe, fd, &form, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = buffers.group();
    hand_in(sqe, reception);
}

void Ring::write(int fd, std::span<const iovec> parts, Operation& operation) {
    io_uring_sqe& sqe = entry();
    io_uring_prep_writev(&sqe, fd, parts.data(), static_cast<unsigned>(parts.size()),
                         ~std::uint64_t{0});
    hand_in(sqe, operation);
}

void Ring::cancel(Operation& operation) {
    io_uring_sqe& sqe = entry();
    io_uring_prep_cancel(&sqe, &operation, 0);
    io_uring_sqe_set_data(&sqe, nullptr);
}

void Ring::command(int fd, std::uint32_t code, std::span<const iovec> memory,
                   std::span<const std::byte> argument, Operation& operation) {
    assert(argument.size() <= kArgumentMax);
    io_uring_sqe& sqe = entry();
    io_uring_prep_rw(IORING_OP_URING_CMD, &sqe, fd, memory.data(),
                     static_cast<unsigned>(memory.size()), 0);
    sqe.cmd_op = code;
    std::memset(sqe.cmd, 0, kArgumentMax);
    std::memcpy(sqe.cmd, argument.data(), argument.size());
    io_uring_sqe_set_data64(&sqe, reinterpret_cast<std::uintptr_t>(&operation) | kIsCommand);
}

bool Ring::pending() {
    return io_uring_cq_ready(&ring_) > 0 || io_uring_sq_ready(&ring_) > 0 ||
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
        const std::uint64_t data = io_uring_cqe_get_data64(cqe);
        auto* operation = reinterpret_cast<Operation*>(data & ~kIsCommand);
        const io_uring_cqe completion = *cqe;
        io_uring_cqe_seen(&ring_, cqe);
        if (operation == nullptr) continue;  // a cancellation's own completion
        if ((completion.flags & IORING_CQE_F_MORE) == 0 && (data & kIsCommand) == 0) --in_kernel_;
        any = true;
        operation->complete(completion);
    }
    return any;
}

}  // namespace ipn::ring
