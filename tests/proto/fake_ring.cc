#include "fake_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace ipn::test {
namespace {

// How long a request's first argument is, which has a place of its own.
std::size_t fixed_size(std::uint32_t opcode) {
    switch (opcode) {
        case FUSE_GETATTR:
            return sizeof(fuse_getattr_in);
        case FUSE_SETATTR:
            return sizeof(fuse_setattr_in);
        case FUSE_MKNOD:
            return sizeof(fuse_mknod_in);
        case FUSE_MKDIR:
            return sizeof(fuse_mkdir_in);
        case FUSE_RENAME2:
            return sizeof(fuse_rename2_in);
        case FUSE_LINK:
            return sizeof(fuse_link_in);
        case FUSE_OPEN:
        case FUSE_OPENDIR:
            return sizeof(fuse_open_in);
        case FUSE_READ:
        case FUSE_READDIR:
            return sizeof(fuse_read_in);
        case FUSE_WRITE:
            return sizeof(fuse_write_in);
        case FUSE_RELEASE:
        case FUSE_RELEASEDIR:
            return sizeof(fuse_release_in);
        case FUSE_SETXATTR:
            return FUSE_COMPAT_SETXATTR_IN_SIZE;
        case FUSE_GETXATTR:
        case FUSE_LISTXATTR:
            return sizeof(fuse_getxattr_in);
        case FUSE_CREATE:
            return sizeof(fuse_create_in);
        case FUSE_POLL:
            return sizeof(fuse_poll_in);
        case FUSE_IOCTL:
            return sizeof(fuse_ioctl_in);
        case FUSE_NOTIFY_REPLY:
            return sizeof(fuse_notify_retrieve_in);
        default:
            return 0;
    }
}

}  // namespace

// An entry is known by its command: each has one.
class FakeRing::Entry final : public Command {
  public:
    Entry(FakeRing& ring, Completion& completion) : ring_(ring), completion_(completion) {}
    ~Entry() override { ring_.forget(*this); }

    void submit(int, std::uint32_t operation, std::span<const iovec> memory,
                std::span<const std::byte> argument) override {
        fs::RingCommand command{};
        IPN_CHECK(argument.size() == sizeof command);
        std::memcpy(&command, argument.data(), sizeof command);
        if (operation == fs::kRegisterEntry) {
            IPN_CHECK(memory.size() == 2 && memory[0].iov_len >= sizeof(fs::RingHeaders) &&
                      memory[1].iov_len >= kPayloadMin);
            headers = static_cast<fs::RingHeaders*>(memory[0].iov_base);
            payload = static_cast<char*>(memory[1].iov_base);
        }
        ring_.submitted_.push_back({this, operation, command});
    }
    void complete(int result) { completion_.completed(result); }

    fs::RingHeaders* headers = nullptr;
    char* payload = nullptr;

  private:
    static constexpr std::size_t kPayloadMin = 1024 * 1024;  // max_write and max_pages of INIT

    FakeRing& ring_;
    Completion& completion_;
};

FakeRing::~FakeRing() = default;

std::unique_ptr<fs::CommandRing::Command> FakeRing::make_command(Completion& completion) {
    return std::make_unique<Entry>(*this, completion);
}

bool FakeRing::run_on(unsigned cpu, const std::function<void()>& call) {
    if (!may_run_anywhere) return false;
    daemons_cpu_ = cpu;
    call();
    listener_.take_notifications();
    daemons_cpu_.reset();
    return true;
}

void FakeRing::turn() {
    while (!submitted_.empty()) {
        const Submission submission = submitted_.front();
        submitted_.pop_front();
        carry_out(submission);
    }
    auto completed = std::exchange(completed_, {});
    for (; !completed.empty(); completed.pop_front())
        completed.front().first->complete(completed.front().second);
}

void FakeRing::carry_out(const Submission& submission) {
    Entry& entry = *submission.entry;
    if (ended_) return complete(entry, -ENOTCONN);
    if (submission.argument.queue >= kCpus) return complete(entry, -EINVAL);
    if (submission.operation == fs::kRegisterEntry)
        register_entry(entry, submission.argument.queue);
    else
        commit(entry, submission.argument);
}

void FakeRing::register_entry(Entry& entry, unsigned queue) {
    if (entries_ >= entries_max) return complete(entry, -ENOMEM);
    ++entries_;
    queues_[queue].available.push_back(&entry);
    if (ready_) return;
    ready_ = std::all_of(queues_.begin(), queues_.end(),
                         [](const Queue& each) { return !each.available.empty(); });
    if (ready_) listener_.ring_is_ready();
}

void FakeRing::commit(Entry& entry, const fs::RingCommand& argument) {
    Queue& queue = queues_[argument.queue];
    const auto taken = queue.taken.find(argument.commit_id);
    if (taken == queue.taken.end() || taken->second != &entry) {
        listener_.wrong("a commit of request " + std::to_string(argument.commit_id) +
                        ", which is not in that entry");
        return complete(entry, -ENOENT);
    }
    queue.taken.erase(taken);
    std::string message(sizeof(fuse_out_header) + entry.headers->payload_size, '\0');
    std::memcpy(message.data(), entry.headers->in_out, sizeof(fuse_out_header));
    std::memcpy(message.data() + sizeof(fuse_out_header), entry.payload,
                entry.headers->payload_size);
    queue.available.push_back(&entry);
    listener_.answered_over_ring(message);
    if (queue.waiting.empty()) return;
    queue.available.pop_back();
    put(queue, entry, queue.waiting.front());
    queue.waiting.pop_front();
}

void FakeRing::ask(unsigned cpu, std::string request) {
    Queue& queue = queues_.at(cpu);
    if (queue.available.empty()) return queue.waiting.push_back(std::move(request));
    Entry& entry = *queue.available.back();
    queue.available.pop_back();
    put(queue, entry, request);
}

void FakeRing::put(Queue& queue, Entry& entry, std::string_view request) {
    fuse_in_header header{};
    std::memcpy(&header, request.data(), sizeof header);
    request.remove_prefix(sizeof header);
    const std::string_view fixed = request.substr(0, fixed_size(header.opcode));
    request.remove_prefix(fixed.size());
    std::memcpy(entry.headers->in_out, &header, sizeof header);
    std::memcpy(entry.headers->arguments, fixed.data(), fixed.size());
    std::memcpy(entry.payload, request.data(), request.size());
    entry.headers->flags = 0;
    entry.headers->commit_id = header.unique;
    entry.headers->payload_size = static_cast<std::uint32_t>(request.size());
    queue.taken.emplace(header.unique, &entry);
    complete(entry, 0);
}

void FakeRing::hang_up() {
    ended_ = true;
    for (Queue& queue : queues_) {
        for (Entry* entry : std::exchange(queue.available, {})) complete(*entry, -ENOTCONN);
        queue.taken.clear();
        queue.waiting.clear();
    }
}

void FakeRing::close() {
    hang_up();
    submitted_.clear();
    completed_.clear();
}

void FakeRing::forget(Entry& entry) {
    std::erase_if(submitted_, [&](const Submission& each) { return each.entry == &entry; });
    std::erase_if(completed_, [&](const auto& each) { return each.first == &entry; });
    for (Queue& queue : queues_) {
        std::erase(queue.available, &entry);
        std::erase_if(queue.taken, [&](const auto& each) { return each.second == &entry; });
    }
}

std::size_t FakeRing::taken() const {
    std::size_t count = 0;
    for (const Queue& queue : queues_) count += queue.taken.size();
    return count;
}

std::size_t FakeRing::waiting() const {
    std::size_t count = 0;
    for (const Queue& queue : queues_) count += queue.waiting.size();
    return count;
}

}  // namespace ipn::test
