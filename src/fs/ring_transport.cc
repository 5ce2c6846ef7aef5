#include "fs/ring_transport.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "core/check.h"
#include "fs/client_signals.h"
#include "fs/well_formed.h"

namespace ipn::fs {
namespace {

// Ids of requests that we make the kernel send: far from those that it gives, and even as they are.
constexpr std::uint64_t kOwnIds = std::uint64_t{1} << 62;

// Whether a command failed because the connection ends, or the ring.
bool is_end(int error) {
    return error == ENOTCONN || error == ECONNABORTED || error == ECANCELED || error == ENODEV;
}

}  // namespace

std::optional<Message> message_in(const RingHeaders& headers, std::span<const std::byte> payload,
                                  Reply& reply) {
    fuse_in_header header;
    std::memcpy(&header, headers.in_out, sizeof header);
    const std::size_t rest = headers.payload_size;
    if (rest > payload.size() || header.len < sizeof header + rest) return std::nullopt;
    const std::size_t arguments = header.len - sizeof header - rest;
    if (arguments > sizeof headers.arguments) return std::nullopt;
    return Message{header, {headers.arguments, arguments}, payload.first(rest), reply};
}

// ---- entries

class RingTransport::Entry final : public Reply,
                                   public core::ListHook<UniqueTag>,
                                   public core::ListHook<UnsureTag>,
                                   private CommandRing::Completion {
  public:
    Entry(RingTransport& transport, Queue& queue, RingHeaders& headers, std::byte* payload)
        : transport_(transport),
          queue_(queue),
          headers_(headers),
          payload_(payload, kPayload),
          memory_{{{&headers, sizeof headers}, {payload, kPayload}}},
          command_(transport.ring_.make_command(*this)) {}

    void hand_in() {
        ++queue_.entries;
        ++queue_.free;
        submit(kRegisterEntry, 0);
    }

    const Queue& queue() const { return queue_; }
    bool taken() const { return taken_; }
    std::uint64_t unique() const { return unique_; }
    std::uint32_t client() const { return client_; }
    std::uint64_t node() const { return node_; }
    bool is_of_file() const { return opcode_ == FUSE_READ || opcode_ == FUSE_WRITE; }

    void error(std::uint64_t unique, int code) override { commit(unique, -wire_errno(code), 0); }
    void small(std::uint64_t unique, std::span<const std::byte> data) override {
        if (!data.empty()) std::memcpy(payload_.data(), data.data(), data.size());
        commit(unique, 0, data.size());
    }
    void packet(std::uint64_t unique, core::Packet& packet, std::uint32_t offset,
                std::uint32_t length) override {
        IPN_CHECK(length <= payload_.size());
        std::memcpy(payload_.data(), packet.data() + offset, length);
        commit(unique, 0, length);
    }
    std::span<std::byte> gather_space() override { return payload_; }
    void gathered(std::uint64_t unique, std::size_t length) override { commit(unique, 0, length); }
    bool may_wait() const override { return !queue_.full || queue_.free > 0; }

    void answer(const fuse_out_header& header, std::span<const iovec> data) {
        std::size_t length = 0;
        for (const iovec& part : data) {
            IPN_CHECK(part.iov_len <= payload_.size() - length);
            std::memcpy(payload_.data() + length, part.iov_base, part.iov_len);
            length += part.iov_len;
        }
        commit(header.unique, header.error, length);
    }

    // Gives the payload's memory back, unless an answer that was made since `turn` may still be in
    // it.
    void forget_used(std::uint64_t turn) {
        if (used_ == 0 || (!taken_ && committed_ >= turn)) return;
        madvise(payload_.data(), payload_.size(), MADV_DONTNEED);
        transport_.used_ -= std::exchange(used_, 0);
    }

  private:
    void completed(int result) override {
        --queue_.free;
        if (result < 0) return lost(-result);
        taken_ = true;
        take();
        if (queue_.free * 4 <= queue_.entries && !queue_.full && !queue_.linked())
            transport_.low_.push_back(queue_);
    }

    void take() {
        const auto message = message_in(headers_, payload_, *this);
        fuse_in_header header;
        std::memcpy(&header, headers_.in_out, sizeof header);
        unique_ = header.unique;
        client_ = header.pid;
        node_ = header.nodeid;
        opcode_ = header.opcode;
        if (!message) return error(unique_, EINVAL);
        note_used(message->rest.size());
        // Of those that nobody waits for, only what we asked for comes here.
        const bool own = !wants_answer(header);
        if (std::exchange(after_own_, own) && !own) queue_.brought = true;
        if (own) {
            queue_.own_came = true;
            return commit(unique_, 0, 0);
        }
        transport_.bucket(unique_).push_back(*this);
        transport_.handlers_.request(*message);
        if (taken_) transport_.unsure_about(*this);
    }

    void commit(std::uint64_t unique, int error, std::size_t length) {
        IPN_CHECK(taken_ && unique == unique_);
        taken_ = false;
        ListHook<UniqueTag>::unlink();
        ListHook<UnsureTag>::unlink();
        note_used(length);
        const fuse_out_header header{.len = static_cast<std::uint32_t>(kHeaderSize + length),
                                     .error = error,
                                     .unique = unique};
        std::memcpy(headers_.in_out, &header, sizeof header);
        headers_.payload_size = static_cast<std::uint32_t>(length);
        committed_ = transport_.turn_;
        if (transport_.ended_) return;
        ++queue_.free;
        submit(kCommitAndFetch, headers_.commit_id);
    }

    void submit(std::uint32_t operation, std::uint64_t commit_id) {
        const RingCommand argument{.flags = 0,
                                   .commit_id = commit_id,
                                   .queue = static_cast<std::uint16_t>(queue_.number),
                                   .padding = {}};
        registering_ = operation == kRegisterEntry;
        command_->submit(transport_.fd_, operation,
                         registering_ ? std::span<const iovec>(memory_) : std::span<const iovec>(),
                         std::as_bytes(std::span(&argument, 1)));
    }

    // The kernel has not taken the entry, or gives it up.
    void lost(int error) {
        --queue_.entries;
        if (is_end(error))
            transport_.ended_ = true;
        else if (registering_)
            queue_.full = true;
        else
            throw std::system_error(error, std::generic_category(), "FUSE over io_uring");
    }

    void note_used(std::size_t length) {
        if (length <= used_) return;
        transport_.used_ += length - used_;
        used_ = length;
    }

    RingTransport& transport_;
    Queue& queue_;
    RingHeaders& headers_;
    const std::span<std::byte> payload_;
    const std::array<iovec, 2> memory_;
    const std::unique_ptr<CommandRing::Command> command_;
    bool registering_ = false;
    bool taken_ = false;
    bool after_own_ = false;  // its last request was one of our own making
    std::uint32_t client_ = 0;
    std::uint64_t node_ = 0;
    std::uint32_t opcode_ = 0;
    std::uint64_t unique_ = 0;
    std::uint64_t committed_ = 0;  // in which turn
    std::size_t used_ = 0;
};

// ---- the transport

RingTransport::Mapping::Mapping(std::size_t length) : length_(length) {
    void* const at = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    madvise(at, length, MADV_NOHUGEPAGE);  // or an entry would hold 2 MiB for a packet
    data_ = static_cast<std::byte*>(at);
}

RingTransport::Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), length_(other.length_) {}

RingTransport::Mapping::~Mapping() {
    if (data_ != nullptr) munmap(data_, length_);
}

RingTransport::RingTransport(CommandRing& ring, core::Registry& registry, Channel& channel,
                             Handlers handlers)
    : ring_(ring),
      registry_(registry),
      channel_(channel),
      handlers_(std::move(handlers)),
      taken_(new Bucket[kBuckets]),
      timer_(registry.timers(), [this] { look_at_signals(); }) {}

RingTransport::~RingTransport() = default;

bool RingTransport::start(int fd) {
    fd_ = fd;
    for (unsigned cpu = 0; cpu < ring_.cpus(); ++cpu) queues_.emplace_back().number = cpu;
    // The kernel waits for an entry in each. If it refuses one before, it does without the ring.
    for (Queue& queue : queues_)
        if (!grow(queue, 1)) return false;
    for (Queue& queue : queues_) grow(queue, kEntriesAtFirst - 1);
    return true;
}

// Whether the kernel has taken at least one.
bool RingTransport::grow(Queue& queue, std::size_t count) {
    const std::size_t before = queue.entries;
    try {
        add_entries(queue, std::min(count, kEntriesMax - entries_.size()));
    } catch (const std::bad_alloc&) {
        queue.full = true;
    }
    ring_.turn();
    queue.full = queue.full || entries_.size() >= kEntriesMax;
    return queue.entries > before;
}

void RingTransport::add_entries(Queue& queue, std::size_t count) {
    if (count == 0) return;
    memory_.reserve(memory_.size() + 1);
    entries_.reserve(entries_.size() + count);
    Mapping memory(count * (kPayload + sizeof(RingHeaders)));
    std::byte* const headers = memory.data() + count * kPayload;
    std::vector<std::unique_ptr<Entry>> fresh;
    for (std::size_t i = 0; i < count; ++i) {
        auto& own_headers = *new (headers + i * sizeof(RingHeaders)) RingHeaders{};
        fresh.push_back(
            std::make_unique<Entry>(*this, queue, own_headers, memory.data() + i * kPayload));
    }
    memory_.push_back(std::move(memory));
    for (auto& entry : fresh) {
        entry->hand_in();
        entries_.push_back(std::move(entry));
    }
}

RingTransport::Answered RingTransport::answer(std::span<const iovec> parts) {
    IPN_CHECK(!parts.empty() && parts.front().iov_len == sizeof(fuse_out_header));
    fuse_out_header header;
    std::memcpy(&header, parts.front().iov_base, sizeof header);
    Entry* const entry = bucket(header.unique).find_if([&](const Entry& candidate) {
        return candidate.unique() == header.unique;
    });
    if (entry == nullptr) return Answered::not_here;
    entry->answer(header, parts.subspan(1));
    return ended_ ? Answered::gone : Answered::sent;
}

void RingTransport::attend() {
    while (!low_.empty() && !ended_) {
        Queue& queue = low_.pop_front();
        if (grow(queue, queue.entries))
            call_in_waiting(queue);
        else if (queue.free == 0)  // it was the last entry that was let wait
            let_one_go(queue);
    }
    if (used_ > kUsedMax) forget_used(turn_);
    ++turn_;
}

// See invariant (2).
void RingTransport::call_in_waiting(Queue& queue) {
    do {
        queue.brought = false;
        if (!provoke_commit(queue)) return;
        do {  // it comes and is committed; what had waited comes in its place, perhaps an older one
            queue.own_came = false;
            ring_.turn();
        } while (queue.own_came);
    } while (queue.brought);
}

// Has an entry of the queue committed. False if only what is answered by itself is waiting there.
bool RingTransport::provoke_commit(Queue& queue) {
    // The kernel sends what is asked about a file; any that is read or written just now will do.
    bool asked = false;
    for (const auto& entry : entries_) {
        if (&entry->queue() != &queue || !entry->taken() || !entry->is_of_file()) continue;
        ring_.run_on(queue.number, [&] {
            asked = channel_.ask_back(kOwnIds + 2 * asked_back_++, entry->node());
        });
        break;
    }
    return asked || let_one_go(queue);  // perhaps we may not run there
}

// Interrupts a request that waits in the queue.
bool RingTransport::let_one_go(Queue& queue) {
    for (const auto& entry : entries_) {
        if (&entry->queue() != &queue || !entry->taken()) continue;
        handlers_.interrupt(entry->unique());
        if (!entry->taken()) return true;
    }
    return false;
}

void RingTransport::unsure_about(Entry& entry) {
    fresh_.push_back(entry);
    if (!timer_.armed()) timer_.arm(registry_.clock().now() + kUnsure);
}

void RingTransport::look_at_signals() {
    while (!unsure_.empty()) {
        const Entry& entry = unsure_.pop_front();
        if (has_signal(entry.client())) handlers_.interrupt(entry.unique());
    }
    unsure_.take_all(fresh_);
    if (!unsure_.empty()) timer_.arm(registry_.clock().now() + kUnsure);
}

void RingTransport::forget_used(std::uint64_t turn) {
    for (const auto& entry : entries_) entry->forget_used(turn);
}

void RingTransport::trim() {
    forget_used(turn_ + 1);
}

}  // namespace ipn::fs
