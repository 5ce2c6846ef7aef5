#include "fs/events_file.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <new>
#include <string>

#include "core/network.h"
#include "fs/json_line.h"

namespace ipn::fs {

using core::Event;
using Reason = Event::Reason;

namespace {

// RFC 3339, in UTC.
std::string text_of(core::WallTime time) {
    const auto second = std::chrono::floor<std::chrono::seconds>(time);
    const std::time_t seconds = second.time_since_epoch().count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds),
                       (time - second).count());
}

void add_node(Json& line, const core::Node& node) {
    line["port"] = node.number();
    line["kind"] = to_string(node.kind());
    line["role"] = to_string(node.role());
    line["uid"] = node.credentials().uid;
    line["pid"] = node.credentials().pid;
    if (const std::string words = node.description(); !words.empty()) line["descr"] = words;
}

void add_interface(Json& line, const Event& event) {
    const core::InterfaceEntry& entry = *event.interface;
    line["interface"] = entry.name;
    if (event.node != nullptr) line["port"] = event.node->number();
    line["kind"] = to_string(entry.kind);
    line["uid"] = entry.maker.uid;
    line["pid"] = entry.maker.pid;
    if (event.node != nullptr)
        if (const std::string words = event.node->description(); !words.empty())
            line["descr"] = words;
    if (event.reason == Reason::moved || event.reason == Reason::moved_away)
        line["peer"] = entry.peer;
}

void add_option(Json& line, const Event& event) {
    const std::string option(event.option);
    if (event.node != nullptr) line["port"] = event.node->number();
    if (event.port != IPN_PORT_ANY) line["port"] = event.port;
    line["option"] = event.policy.empty() ? option : std::string(event.policy) + '.' + option;
    line["value"] = event.value;
}

std::string line_of(const Event& event, bool replay) {
    Json line;
    line["seq"] = event.stamp.seq;
    line["time"] = text_of(event.stamp.time);
    line["event"] = to_string(event.kind);
    if (replay) line["replay"] = true;
    if (event.network != nullptr) {
        line["netid"] = event.network->id();
        line["name"] = event.network->name();
    }
    if (event.kind == Event::Kind::option)
        add_option(line, event);
    else if (!event.policy.empty())
        line["policy"] = event.policy;
    else if (event.interface != nullptr)
        add_interface(line, event);
    else if (event.node != nullptr)
        add_node(line, *event.node);
    if (event.reason != Reason::none) line["reason"] = to_string(event.reason);
    return json_line(line);
}

}  // namespace

class EventsFile final : public RecordFile, public core::ListHook<EventsFileTag> {
  public:
    EventsFile(const Place& place, core::AccountRef payer)
        : RecordFile(place, std::move(payer), Setting{}) {}

  private:
    std::string lost_record(std::uint64_t count) override {
        return json_line({{"event", "missed"}, {"count", count}});
    }
};

EventsFiles::EventsFiles(core::Registry& registry, const RecordFile::Place& place)
    : registry_(registry), place_(place) {
    registry_.on_event(this);
}

EventsFiles::~EventsFiles() {
    registry_.on_event(nullptr);
}

core::Result<std::unique_ptr<OpenFile>> EventsFiles::open(const core::Credentials& reader) {
    auto file = std::make_unique<EventsFile>(place_, registry_.memory().account(reader.uid));
    bool fits = true;
    registry_.replay([&](const Event& event) {
        const core::AssumeLoop here;
        fits = fits && file->begin_with(line_of(event, true));
    });
    if (!fits) {
        return core::fail(ENOMEM,
                          "max_memory is too small for one user to be told of all that "
                          "exists");
    }
    open_.push_back(*file);
    return file;
}

void EventsFiles::end() {
    open_.for_each([](EventsFile& file) {
        const core::AssumeLoop here;
        file.end();
    });
}

void EventsFiles::happened(const Event& event) {
    if (open_.empty()) return;
    std::string line;
    try {
        line = line_of(event, false);
    } catch (const std::bad_alloc&) {  // nobody gets it
    }
    open_.for_each([&](EventsFile& file) {
        const core::AssumeLoop here;
        try {
            if (!line.empty()) return file.push(line);
        } catch (const std::bad_alloc&) {  // this one does not
        }
        file.lose();
    });
}

}  // namespace ipn::fs
