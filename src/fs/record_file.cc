#include "fs/record_file.h"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include "core/check.h"
#include "fs/recycled.h"

namespace ipn::fs {

using core::Memory;

class RecordFile::ParkedRead final : public Parked,
                                     public core::ListHook<RecordReadTag>,
                                     public Recycled<ParkedRead> {
  public:
    ParkedRead(RecordFile& file, LaneRequest request, std::uint32_t size)
        : Parked(request.unique()), file_(file), request_(std::move(request)), size_(size) {}

    bool answer() { return file_.answer(request_, size_); }
    void interrupt() override {
        request_.error(EINTR);
        delete this;
    }

  private:
    RecordFile& file_;
    LaneRequest request_;
    std::uint32_t size_;
};

RecordFile::RecordFile(const Place& place, core::AccountRef payer, const Setting& setting)
    : place_(place), payer_(std::move(payer)), setting_(setting) {}

RecordFile::~RecordFile() {
    // Requests are left only if the whole connection to the kernel ended; nobody hears the answers.
    while (!reads_.empty()) reads_.front().interrupt();
    if (bytes_ > 0) place_.memory.refund(*payer_, bytes_, Memory::Purpose::waiting);
}

void RecordFile::push(std::string record) noexcept {
    if (ended_) return;
    tell_loss(record.size());
    if (to_be_told_ || !queue(std::move(record))) return lose();
    place_.work.add(*this);
}

void RecordFile::lose() noexcept {
    if (ended_) return;
    ++lost_;
    ++lost_in_all_;
    to_be_told_ = true;
    place_.work.add(*this);
}

bool RecordFile::begin_with(std::string record) {
    beginning_ += record.size();
    return queue(std::move(record));
}

bool RecordFile::queue(std::string record) noexcept {
    const std::size_t length = record.size();
    if (!fits(length)) return false;
    const bool charged = place_.memory.charge(*payer_, length, Memory::Purpose::waiting);
    IPN_CHECK(charged);
    try {
        records_.push_back(std::move(record));
    } catch (const std::bad_alloc&) {
        place_.memory.refund(*payer_, length, Memory::Purpose::waiting);
        return false;
    }
    bytes_ += length;
    return true;
}

bool RecordFile::fits(std::size_t bytes) const {
    return bytes_ + bytes <= beginning_ + setting_.bytes_max &&
           bytes <= place_.memory.left(*payer_, Memory::Purpose::waiting);
}

void RecordFile::tell_loss(std::size_t next) noexcept {
    if (!to_be_told_) return;
    try {
        std::string words = lost_record(lost_);
        if (!words.empty() && !(fits(words.size() + next) && queue(std::move(words)))) return;
        lost_ = 0;
        to_be_told_ = false;
    } catch (const std::bad_alloc&) {  // another time
    }
}

void RecordFile::end() {
    if (ended_) return;
    to_be_told_ = to_be_told_ || setting_.loss_told_at_end;
    tell_loss(0);
    ended_ = true;
    place_.work.add(*this);
}

void RecordFile::read(ReadRequest read) {
    const core::AssumeLoop here;
    // What the kernel asks beyond one read goes into the same read(2).
    if (read.offset > 0) return read.request.read_nothing();
    if (reads_.empty() && answer(read.request, read.size)) return;
    if (read.nonblocking) return read.request.error(EAGAIN);
    if (!read.request.may_wait()) return read.request.error(ENOMEM);
    auto* parked = new ParkedRead(*this, std::move(read.request), read.size);
    reads_.push_back(*parked);
    place_.parked.add(*parked);
}

bool RecordFile::answer(LaneRequest& request, std::uint32_t size) {
    if (size > 0 && !readable()) return false;
    const std::span<std::byte> space = request.gather_space();
    const std::size_t room = std::min<std::size_t>(size, space.size());
    std::size_t length = 0;
    while (length < room && !records_.empty()) {
        const std::string& record = records_.front();
        const std::size_t rest = record.size() - offset_;
        if (length > 0 && (setting_.read == Read::one || rest > room - length)) break;
        const std::size_t part = std::min(rest, room - length);
        std::memcpy(space.data() + length, record.data() + offset_, part);
        length += part;
        take(part);
    }
    request.read_gathered(length);
    tell_loss(0);
    return true;
}

void RecordFile::take(std::size_t bytes) {
    offset_ += bytes;
    const std::size_t whole = records_.front().size();
    if (offset_ < whole) return;
    records_.pop_front();
    offset_ = 0;
    bytes_ -= whole;
    place_.memory.refund(*payer_, whole, Memory::Purpose::waiting);
}

void RecordFile::poll(PollRequest poll) {
    std::uint32_t events = readable() ? POLLIN | POLLRDNORM : 0;
    if (ended_) events |= POLLHUP;
    if (poll.wants_wakeup) {
        poll_channel_ = &poll.channel;
        poll_handle_ = poll.poll_handle;
        poll_awaited_ = true;
    }
    poll.request.polled(events);
}

void RecordFile::run() {
    while (!reads_.empty() && reads_.front().answer()) delete &reads_.front();
    if (readable()) wake_pollers();
}

void RecordFile::wake_pollers() {
    if (std::exchange(poll_awaited_, false)) poll_channel_->wake_pollers(poll_handle_);
}

}  // namespace ipn::fs
