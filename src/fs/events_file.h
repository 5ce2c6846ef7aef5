// EventsFile: an open `.ipnfs/events`. EventsFiles: all of a mount, which are told what happens.
//
// A file begins with what exists (`"replay":true`), and goes on with what happens from then on; in
// between nothing is missing and nothing comes twice. A reader that is too slow loses the newest
// events, and is told how many; it disturbs nobody.
// The format is in ipnfs-events(5).
// Cost: an event is made a line once, however many read it, and not at all if nobody does.
// Threads: the loop only.
#pragma once

#include <memory>

#include "core/error.h"
#include "core/events.h"
#include "core/list.h"
#include "core/node.h"
#include "core/registry.h"
#include "fs/record_file.h"

namespace ipn::fs {

class EventsFile;
struct EventsFileTag;

class EventsFiles final : private core::Events {
  public:
    // Is told of the events of `registry` as long as it lives.
    EventsFiles(core::Registry& registry, const RecordFile::Place& place);
    ~EventsFiles();
    EventsFiles(const EventsFiles&) = delete;
    EventsFiles& operator=(const EventsFiles&) = delete;

    // ENOMEM: what exists is more than `reader` may hold.
    core::Result<std::unique_ptr<OpenFile>> open(const core::Credentials& reader) IPN_ON_LOOP;
    // Nothing happens any more: end of file for whoever has read everything.
    void end() IPN_ON_LOOP;

  private:
    void happened(const core::Event& event) override IPN_ON_LOOP;

    core::Registry& registry_;
    const RecordFile::Place place_;
    core::List<EventsFile, EventsFileTag> open_;
};

}  // namespace ipn::fs
