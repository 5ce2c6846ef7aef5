// Files: opening, closing and asking them. Opening a port joins its network.

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <string>

#include "fs/capture.h"
#include "fs/entry_out.h"
#include "fs/filesystem.h"
#include "fs/framed_port.h"
#include "fs/oob_file.h"
#include "fs/packet_port.h"
#include "fs/statistics_text.h"
#include "fs/text_file.h"
#include "ipn/ipn.h"

namespace ipn::fs {

using core::Network;
using core::Role;
using Kind = Place::Kind;

namespace {

// How ports are opened (tried out; see the platform tests):
// direct I/O, so that every read and write comes here; a stream, so that no file position lock
// makes a blocked read hold up a write, and each call starts at offset 0; parallel direct writes,
// so that no inode lock does; no flush at close.
constexpr std::uint32_t kPortFlags =
    FOPEN_DIRECT_IO | FOPEN_STREAM | FOPEN_NOFLUSH | FOPEN_PARALLEL_DIRECT_WRITES;
// The same for what is only read while it comes.
constexpr std::uint32_t kRecordFlags = FOPEN_DIRECT_IO | FOPEN_STREAM | FOPEN_NOFLUSH;

const core::Error kOnlyRead{EPERM, "this file is only read"};

Role role_of(int flags) {
    switch (flags & O_ACCMODE) {
        case O_RDONLY:
            return Role::reader;
        case O_WRONLY:
            return Role::writer;
        case O_RDWR:
            return Role::both;
        default:
            return Role::none;
    }
}

// A text that is charged to whoever opened it.
class ChargedText final : public TextFile {
  public:
    ChargedText(std::string text, core::Memory& memory, core::AccountRef payer)
        : TextFile(std::move(text)), memory_(memory), payer_(std::move(payer)) {}
    ~ChargedText() override { memory_.refund(*payer_, length(), kPurpose); }
    ChargedText(const ChargedText&) = delete;
    ChargedText& operator=(const ChargedText&) = delete;

    static constexpr auto kPurpose = core::Memory::Purpose::waiting;

  private:
    core::Memory& memory_;
    const core::AccountRef payer_;
};

}  // namespace

void Filesystem::open(Request request, fuse_ino_t node, int flags) {
    const Place place = inodes_.find(node);
    switch (place.kind) {
        case Kind::port:
        case Kind::framed:
        case Kind::numbered:
        case Kind::endpoint:
            return open_port(std::move(request), node, place, flags);
        case Kind::view:
            return open_view(std::move(request), place, flags);
        case Kind::events:
        case Kind::oob:
        case Kind::capture:
            return open_records(std::move(request), place, flags);
        case Kind::version:
            return open_text(std::move(request), place, flags, version_);
        case Kind::metrics:
            return open_text(std::move(request), place, flags, metrics_text(registry_));
        case Kind::stats:
            if (place.network->state() != Network::State::up) break;
            return open_text(std::move(request), place, flags, stats_text(*place.network));
        case Kind::interface:
            return open_interface(std::move(request), place, flags);
        case Kind::gone:
        case Kind::root:
        case Kind::mount:
        case Kind::policies:
        case Kind::policy:
        case Kind::network:
        case Kind::ports:
        case Kind::taps:
        case Kind::grabs:
        case Kind::views:
        case Kind::endpoints:
            break;
    }
    request.error(ENOENT);
}

core::Result<std::unique_ptr<OpenPort>> Filesystem::join(const Place& place,
                                                         const core::Credentials& caller,
                                                         int flags) {
    Network& network = *place.network;
    const bool numbered = place.kind == Kind::numbered;
    const bool unused = numbered && network.node_at(place.number) == nullptr &&
                        network.reservation(place.number) == nullptr;
    if (unused) return core::fail(ENOENT, "nobody is connected to this port any more");

    const ErrorWordsOf words(words_, Inodes::shown(place));
    std::unique_ptr<OpenPort> open;
    if (place.kind == Kind::framed)
        open = std::make_unique<FramedPort>(parked_, words);
    else
        open = std::make_unique<PacketPort>(parked_, words);
    auto joined = open->join(network, {.role = role_of(flags),
                                       .port = numbered ? place.number : IPN_PORT_ANY,
                                       .credentials = caller});
    if (!joined) return tl::unexpected(std::move(joined.error()));
    if (place.kind == Kind::endpoint)
        if (auto opened = open_endpoint(*open, place); !opened)
            return tl::unexpected(std::move(opened.error()));
    return open;
}

void Filesystem::open_port(Request request, fuse_ino_t node, const Place& place, int flags) {
    auto joined = join(place, request.caller(), flags);
    if (!joined) return refuse(request, place, joined.error());
    inodes_.opened(node, **joined);
    const std::uint64_t handle = files_.insert(std::move(*joined));
    if (!request.opened(open_out(handle, kPortFlags))) files_.erase(handle);
}

core::Result<std::unique_ptr<OpenFile>> Filesystem::make_record_file(
    const Place& place, const core::Credentials& caller) {
    if (place.kind == Kind::events) return events_.open(caller);
    core::AccountRef payer = registry_.memory().account(caller.uid);
    if (place.kind == Kind::capture)
        return Capture::open(*place.network, records_, std::move(payer));
    return std::make_unique<OobFile>(records_, std::move(payer), *place.network);
}

void Filesystem::open_records(Request request, const Place& place, int flags) {
    if ((flags & O_ACCMODE) != O_RDONLY) return refuse(request, place, kOnlyRead);
    auto opened = make_record_file(place, request.caller());
    if (!opened) return refuse(request, place, opened.error());
    const std::uint64_t handle = files_.insert(std::move(*opened));
    if (!request.opened(open_out(handle, kRecordFlags))) files_.erase(handle);
}

void Filesystem::open_text(Request request, const Place& place, int flags, std::string text) {
    if ((flags & O_ACCMODE) != O_RDONLY) return refuse(request, place, kOnlyRead);
    core::Memory& memory = registry_.memory();
    core::AccountRef payer = memory.account(request.caller().uid);
    if (!memory.charge(*payer, text.size(), ChargedText::kPurpose))
        return refuse(request, place, {ENOMEM, "max_memory: too many texts are open already"});
    const std::uint64_t handle =
        files_.insert(std::make_unique<ChargedText>(std::move(text), memory, std::move(payer)));
    if (!request.opened(open_out(handle, FOPEN_DIRECT_IO | FOPEN_NOFLUSH))) files_.erase(handle);
}

void Filesystem::create(Request request, fuse_ino_t parent, std::string_view name, mode_t mode,
                        int flags) {
    const Place where = inodes_.find(parent);
    if (where.is_of_interfaces())
        return create_interface(std::move(request), where, name, mode, flags);
    Place place;
    auto reserved = reserve(where, name, request.caller(), mode, place);
    if (!reserved) return refuse(request, where, reserved.error());
    // The open port is in use from now on, but nobody knows it until the reservation is safe.
    fuse_entry_param entry{};
    std::uint64_t handle = 0;
    core::Change change;
    try {
        auto joined = join(place, request.caller(), flags);
        if (!joined) {
            reserved->undo();
            return refuse(request, where, joined.error());
        }
        entry = entry_for(place);
        OpenPort& open = **joined;
        handle = files_.insert(std::move(*joined));
        inodes_.opened(entry.ino, open);
        change.undo = [this, undo = reserved->undo, handle, node = entry.ino] {
            const core::AssumeLoop here;
            files_.erase(handle);
            inodes_.forget(node, 1);
            undo();
        };
    } catch (const std::bad_alloc&) {
        if (handle != 0) files_.erase(handle);
        if (entry.ino != 0) inodes_.forget(entry.ino, 1);
        reserved->undo();
        throw;
    }
    commit(std::move(request), Inodes::shown(where), std::move(change),
           [this, entry, handle](Request& answer) {
               if (answer.created(to_wire(entry), open_out(handle, kPortFlags))) return;
               files_.erase(handle);
               inodes_.forget(entry.ino, 1);
           });
}

void Filesystem::release(Request request, std::uint64_t handle) {
    if (files_.find(handle) != nullptr) files_.erase(handle);
    request.ok();
}

}  // namespace ipn::fs
