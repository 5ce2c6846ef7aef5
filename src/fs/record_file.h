// RecordFile: an open file whose contents come while it is read: lines of messages and events,
// blocks of a capture.
//
// Whoever has something to tell pushes records; a read takes the oldest that are there, waits if
// there are none, and gets end of file once end() was said and nothing is left. Records that do not
// fit are lost and counted, and a record of its own (lost_record()) says so at the place where they
// are missing. Such a file is no node: it holds nobody up.
// Limits: `bytes_max` bytes besides what the file begins with, all charged to the opener like what
// a blocked write holds.
// Invariant: push() answers no reader; that is Work, so that many records share one wake-up.
// Threads: the loop only. Not done: where records come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "core/list.h"
#include "core/memory.h"
#include "core/on_loop.h"
#include "core/work.h"
#include "fs/lane.h"
#include "fs/parked.h"

namespace ipn::fs {

struct RecordReadTag;

class RecordFile : public OpenFile, private core::Work {
  public:
    enum class Read : std::uint8_t {
        one,   // record, or the beginning of one if the buffer is smaller
        many,  // as many whole records as fit
    };
    // What all files of a mount share.
    struct Place {
        ParkedTable& parked;
        core::WorkQueue& work;
        core::Memory& memory;
    };
    struct Setting {
        Read read = Read::many;
        std::size_t bytes_max = 256 * 1024;
        bool loss_told_at_end = false;  // also if nothing was lost
    };

    RecordFile(const Place& place, core::AccountRef payer, const Setting& setting);
    ~RecordFile() override;
    RecordFile(const RecordFile&) = delete;
    RecordFile& operator=(const RecordFile&) = delete;

    // Queues one of the records that the file begins with, before push(). False, and the file is
    // of no use: the opener may not hold so much. May throw std::bad_alloc.
    [[nodiscard]] bool begin_with(std::string record) IPN_ON_LOOP;
    // Queues a record, which is not empty, or counts it as lost. Does not throw.
    void push(std::string record) noexcept IPN_ON_LOOP;
    // Counts a record as lost that could not even be made.
    void lose() noexcept IPN_ON_LOOP;
    // Nothing more comes.
    void end() IPN_ON_LOOP;

    void read(ReadRequest read) override;
    void write(WriteRequest write) override { write.request.error(EBADF); }
    void poll(PollRequest poll) override;

  protected:
    std::uint64_t lost_in_all() const { return lost_in_all_; }

    // What stands where `count` records are missing; empty: nothing does.
    virtual std::string lost_record(std::uint64_t count) = 0;

  private:
    class ParkedRead;

    void run() override;  // Work: readers may go on
    [[nodiscard]] bool queue(std::string record) noexcept;
    bool fits(std::size_t bytes) const;
    // Queues what stands for the records that are lost, if there is room for it, and for the next
    // record behind it: of all that are missing at one place one record tells.
    void tell_loss(std::size_t next) noexcept;
    // False, and the request untouched, if there is nothing to read yet.
    bool answer(LaneRequest& request, std::uint32_t size);
    void take(std::size_t bytes);
    bool readable() const { return !records_.empty() || ended_; }
    void wake_pollers();

    const Place place_;
    const core::AccountRef payer_;
    const Setting setting_;
    std::size_t beginning_ = 0;  // bytes of what the file began with
    std::deque<std::string> records_;
    std::size_t offset_ = 0;  // of the oldest record that was read
    std::size_t bytes_ = 0;   // of all records: what is charged
    std::uint64_t lost_ = 0;  // not told yet
    std::uint64_t lost_in_all_ = 0;
    bool to_be_told_ = false;  // lost_, even if it is 0
    bool ended_ = false;
    core::List<ParkedRead, RecordReadTag> reads_;
    Channel* poll_channel_ = nullptr;
    std::uint64_t poll_handle_ = 0;
    bool poll_awaited_ = false;
};

}  // namespace ipn::fs
