#include "fake_kernel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <utility>

#include "core/check.h"

namespace ipn::test {
namespace {

// As much as any user may have; a request or reply of up to some 200 KiB fits.
constexpr int kSocketBuffer = 1024 * 1024;

// These go by /dev/fuse, and nobody waits for an answer.
bool wants_answer(std::uint32_t opcode) {
    switch (opcode) {
        case FUSE_FORGET:
        case FUSE_BATCH_FORGET:
        case FUSE_INTERRUPT:
        case FUSE_NOTIFY_REPLY:
            return false;
        default:
            return true;
    }
}

template <typename T>
T take_from(std::string_view bytes, std::size_t offset = 0) {
    T value{};
    if (bytes.size() >= offset + sizeof value)
        std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

}  // namespace

void PrintTo(const Answer& answer, std::ostream* out) {
    if (answer.error != 0)
        *out << "error " << strerrorname_np(answer.error);
    else
        *out << '"' << answer.data << '"';
}

FakeKernel::FakeKernel(std::function<void()> serve) : ring(*this), serve_(std::move(serve)) {
    signal(SIGPIPE, SIG_IGN);  // as the daemon does
    std::array<int, 2> ends{};
    IPN_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) ==
              0);
    for (const int end : ends)
        setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
    kernels_end_ = ends[0];
    daemons_end_ = ends[1];
}

FakeKernel::~FakeKernel() {
    hang_up();
    if (daemons_end_ >= 0) close(daemons_end_);
}

int FakeKernel::take_daemons_end() {
    return std::exchange(daemons_end_, -1);
}

void FakeKernel::hang_up() {
    if (kernels_end_ >= 0) close(std::exchange(kernels_end_, -1));
    ring.hang_up();
}

void FakeKernel::close_ring() {
    if (ring.ready()) open_calls_.clear();  // with ENOTCONN
    ring.close();
}

FakeKernel::Call FakeKernel::start(const Message& message) {
    fuse_in_header header{};
    header.len = static_cast<std::uint32_t>(sizeof header + message.arguments.size());
    header.opcode = message.opcode;
    header.nodeid = message.node;
    header.uid = caller.uid;
    header.gid = caller.gid;
    header.pid = caller.pid;
    return start_raw(raw(header) + message.arguments);
}

FakeKernel::Call FakeKernel::start_raw(std::string request) {
    const Call call = last_call_ += 2;
    if (request.size() >= sizeof(fuse_in_header)) {
        std::memcpy(request.data() + offsetof(fuse_in_header, unique), &call, sizeof call);
        const auto opcode = take_from<fuse_in_header>(request).opcode;
        if (wants_answer(opcode)) open_calls_.emplace(call, opcode);
    }
    recorded_ += raw(static_cast<std::uint32_t>(request.size())) + request;
    if (ring.ready() && open_calls_.count(call) > 0) {
        ring.ask(cpu, std::move(request));
        return call;
    }
    const ssize_t sent = send(kernels_end_, request.data(), request.size(), MSG_NOSIGNAL);
    IPN_CHECK(sent == static_cast<ssize_t>(request.size()));
    return call;
}

std::optional<Answer> FakeKernel::outcome(Call call) {
    serve_();
    const auto found = answers_.find(call);
    return found == answers_.end() ? kWaiting : std::optional(found->second);
}

Answer FakeKernel::call(const Message& message) {
    const Call call = start(message);
    const auto answer = outcome(call);
    if (!answer) violations_.push_back("request " + std::to_string(call) + " is not answered");
    return answer.value_or(Answer{});
}

void FakeKernel::collect() {
    std::string buffer;
    for (;;) {
        std::byte probe{};
        const ssize_t length = recv(kernels_end_, &probe, 1, MSG_PEEK | MSG_TRUNC);
        if (length < 0) return;
        if (length == 0) return;  // the daemon is gone
        buffer.resize(static_cast<std::size_t>(length));
        IPN_CHECK(recv(kernels_end_, buffer.data(), buffer.size(), 0) == length);
        received(buffer);
    }
}

void FakeKernel::received(std::string_view message) {
    const auto violation = [&](const std::string& what) { violations_.push_back(what); };
    if (message.size() < sizeof(fuse_out_header)) return violation("a message without a header");
    const auto header = take_from<fuse_out_header>(message);
    if (header.len != message.size()) return violation("a message of another length than it says");
    const std::string_view data = message.substr(sizeof header);

    if (header.unique == 0) return notified(header.error, data);
    if (own_calls_.erase(header.unique) > 0) return;
    const auto call = open_calls_.find(header.unique);
    if (call == open_calls_.end())
        return violation("an answer to request " + std::to_string(header.unique) +
                         ", which is not open");
    if (header.error > 0 || header.error <= -512)
        return violation("an errno that no program can get");
    if (header.error != 0 && !data.empty()) return violation("an error with data");
    const std::uint32_t opcode = call->second;
    open_calls_.erase(call);
    answered_.push_back(header.unique);
    const Answer& answer = answers_[header.unique] = {-header.error, std::string(data)};
    if (answer.error == 0) answered(opcode, answer);
}

void FakeKernel::notified(int code, std::string_view data) {
    if (code == FUSE_NOTIFY_POLL && data.size() == sizeof(fuse_notify_poll_wakeup_out)) {
        wakeups_.push_back(take_from<fuse_notify_poll_wakeup_out>(data).kh);
        return;
    }
    if (code != FUSE_NOTIFY_RETRIEVE || data.size() != sizeof(fuse_notify_retrieve_out) ||
        !ring.daemons_cpu() ||
        take_from<fuse_notify_retrieve_out>(data).nodeid == ask::kRoot) {  // no regular file
        violations_.push_back("a notification of a kind that is not sent here");
        return;
    }
    const auto retrieve = take_from<fuse_notify_retrieve_out>(data);
    fuse_in_header header{};
    header.len = sizeof header + sizeof(fuse_notify_retrieve_in);
    header.opcode = FUSE_NOTIFY_REPLY;
    header.nodeid = retrieve.nodeid;
    header.unique = retrieve.notify_unique;
    own_calls_.insert(header.unique);
    ring.ask(*ring.daemons_cpu(), raw(header) + raw(fuse_notify_retrieve_in{}));
}

void FakeKernel::answered(std::uint32_t opcode, const Answer& answer) {
    switch (opcode) {
        case FUSE_LOOKUP:
        case FUSE_MKDIR:
        case FUSE_MKNOD:
        case FUSE_SYMLINK:
            ++lookups_[answer.as<fuse_entry_out>().nodeid];
            break;
        case FUSE_CREATE:
            ++lookups_[answer.as<fuse_entry_out>().nodeid];
            open_files_.insert(answer.as<fuse_open_out>(sizeof(fuse_entry_out)).fh);
            break;
        case FUSE_OPEN:
            open_files_.insert(answer.as<fuse_open_out>().fh);
            break;
        case FUSE_OPENDIR:
            open_directories_.insert(answer.as<fuse_open_out>().fh);
            break;
        default:
            break;
    }
}

std::vector<std::uint64_t> FakeKernel::take_wakeups() {
    serve_();
    return std::exchange(wakeups_, {});
}

void FakeKernel::let_everything_go() {
    if (kernels_end_ < 0) return;
    serve_();
    const auto open_calls = open_calls_;
    for (const auto& [call, opcode] : open_calls) outcome(start(ask::interrupt(call)));
    for (const std::uint64_t handle : std::exchange(open_files_, {})) call(ask::release(handle));
    for (const std::uint64_t handle : std::exchange(open_directories_, {}))
        call(ask::releasedir(handle));
    for (const auto& [node, lookups] : std::exchange(lookups_, {})) {
        start(ask::forget(node, lookups));
        serve_();  // before the socket is full of them
    }
}

}  // namespace ipn::test
