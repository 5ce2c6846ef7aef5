// The tree: names, attributes, and what is made and removed in it.

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "fs/filesystem.h"

namespace ipn::fs {

using core::Change;
using core::Error;
using core::Network;
using core::Ownership;
using Kind = Place::Kind;

struct Filesystem::Directory {
    struct Entry {
        std::string name;
        std::uint64_t number;
        mode_t type;
    };
    std::vector<Entry> entries;
};

namespace {

constexpr std::string_view kMountName = ".ipnfs";
constexpr std::string_view kVersionName = "version";
constexpr std::string_view kMetricsName = "metrics";
constexpr std::string_view kEventsName = "events";
constexpr std::string_view kPoliciesName = "policies";
constexpr std::string_view kPortName = "port";
constexpr std::string_view kFramedName = "framed";
constexpr std::string_view kCaptureName = "capture.pcap";
constexpr std::string_view kPortsName = "ports";
constexpr std::string_view kStatsName = "stats";
constexpr std::string_view kOobName = "oob";
constexpr std::string_view kViewsName = "policy";
constexpr std::string_view kTapsName = "tap";
constexpr std::string_view kGrabsName = "grab";

const Error kTooManyChanged{ENOSPC, "the permissions of too many names here were changed"};
const Error kNotMade{EPERM, "only what ipnfs(8) names can be made and removed here"};

bool has_endpoints(const Place& network) {
    IPN_CHECK(network.network != nullptr);
    return network.network->policy().endpoints() != nullptr;
}

timespec to_timespec(core::WallTime time) {
    const auto since = time.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    return {.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
}

}  // namespace

// A port's number as a name: decimal, one spelling only.
std::optional<std::uint32_t> parse_port_number(std::string_view name) {
    std::uint32_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == name.data() + name.size();
    const bool canonical = name.size() == 1 || (!name.empty() && name.front() != '0');
    if (!whole || !canonical || number >= core::PortSet::kSize) return std::nullopt;
    return number;
}

Filesystem::Filesystem(core::Registry& registry, core::Commit& commit, Ownership root,
                       core::Credentials daemon)
    : registry_(registry),
      commit_(commit),
      root_(root),
      mount_{0755, daemon.uid, daemon.gid},
      version_file_{0444, daemon.uid, daemon.gid},
      metrics_file_(version_file_),
      events_file_(version_file_),
      policies_directory_(mount_),
      policy_link_{0777, daemon.uid, daemon.gid},
      daemon_(daemon),
      mounted_(registry.clock().wall()),
      interfaces_(registry),
      inodes_(registry, interfaces_),
      attributes_(registry),
      records_{parked_, registry.work(), registry.memory()},
      events_(registry, records_) {}

Filesystem::~Filesystem() = default;

// ---- names

Place Filesystem::child(const Place& parent, std::string_view name) const {
    switch (parent.kind) {
        case Kind::root:
            if (name == kMountName) return {.kind = Kind::mount};
            if (Network* network = registry_.find(name))
                return {.kind = Kind::network, .network = network};
            return {};
        case Kind::mount:
            if (name == kVersionName) return {.kind = Kind::version};
            if (name == kPoliciesName) return {.kind = Kind::policies};
            if (name == kMetricsName) return {.kind = Kind::metrics};
            if (name == kEventsName) return {.kind = Kind::events};
            return {};
        case Kind::policies:
            if (const core::Policy* policy = registry_.policies().find(name))
                return {.kind = Kind::policy, .number = policy->serial};
            return {};
        case Kind::network:
            if (name == kPortName) return {.kind = Kind::port, .network = parent.network};
            if (name == kFramedName) return {.kind = Kind::framed, .network = parent.network};
            if (name == kCaptureName) return {.kind = Kind::capture, .network = parent.network};
            if (name == kPortsName) return {.kind = Kind::ports, .network = parent.network};
            if (name == kOobName) return {.kind = Kind::oob, .network = parent.network};
            if (name == kViewsName) return {.kind = Kind::views, .network = parent.network};
            if (name == kStatsName && parent.network->state() == Network::State::up)
                return {.kind = Kind::stats, .network = parent.network};
            if (name == kTapsName) return {.kind = Kind::taps, .network = parent.network};
            if (name == kGrabsName) return {.kind = Kind::grabs, .network = parent.network};
            return endpoints_named(*parent.network, name);
        case Kind::taps:
        case Kind::grabs: {
            InterfaceFile* file = interfaces_.find(*parent.network, made_in(parent), name);
            if (file == nullptr) return {};
            return {.kind = Kind::interface, .network = parent.network, .interface = file};
        }
        case Kind::views:
            return view_named(*parent.network, name);
        case Kind::endpoints:
            if (!check_endpoint(*parent.network, name)) return {};
            return {.kind = Kind::endpoint, .network = parent.network, .name = name};
        case Kind::ports: {
            const auto number = parse_port_number(name);
            if (!number) return {};
            Network& network = *parent.network;
            if (network.node_at(*number) == nullptr && network.reservation(*number) == nullptr)
                return {};
            return {.kind = Kind::numbered, .network = &network, .number = *number};
        }
        case Kind::gone:
        case Kind::version:
        case Kind::metrics:
        case Kind::policy:
        case Kind::port:
        case Kind::framed:
        case Kind::stats:
        case Kind::events:
        case Kind::oob:
        case Kind::capture:
        case Kind::numbered:
        case Kind::interface:
        case Kind::view:
        case Kind::endpoint:
            return {};
    }
    return {};
}

Ownership* Filesystem::ownership(const Place& place) {
    switch (place.kind) {
        case Kind::gone:
            return nullptr;
        case Kind::root:
            return &root_;
        case Kind::mount:
            return &mount_;
        case Kind::version:
            return &version_file_;
        case Kind::metrics:
            return &metrics_file_;
        case Kind::events:
            return &events_file_;
        case Kind::policies:
            return &policies_directory_;
        case Kind::policy:
            return &policy_link_;
        case Kind::network:
            return &place.network->directory;
        case Kind::ports:
            return &place.network->ports_directory;
        case Kind::port:
            return &place.network->port_file;
        case Kind::framed:
            return &place.network->framed_file;
        case Kind::stats:
            return &place.network->stats_file;
        case Kind::oob:
            return &place.network->oob_file;
        case Kind::capture:
            return &place.network->capture_file;
        case Kind::taps:
            return &place.network->taps.owner;
        case Kind::grabs:
            return &place.network->grabs.owner;
        case Kind::interface:
            return &place.interface->file;
        case Kind::views:
            return &place.network->policy_directory;
        case Kind::view:
            return &place.network->policy_files.views[place.number];
        case Kind::endpoints:
            return &place.network->policy_files.endpoints;
        case Kind::endpoint:
            return &ownership_of_endpoint(place);
        case Kind::numbered:
            break;
    }
    if (core::Reservation* kept = place.network->reservation(place.number)) return &kept->file;
    if (core::Node* node = place.network->node_at(place.number)) return &node->file;
    return place.open == nullptr ? nullptr : &place.open->node().file;
}

struct stat Filesystem::stat_of(const Place& place) {
    struct stat attributes {};
    const Ownership* owner = ownership(place);
    const bool directory = place.is_directory();
    attributes.st_ino = Inodes::shown(place);
    // A numbered port whose user left while somebody still has its inode: nobody's any more.
    const mode_t type = directory ? S_IFDIR : place.kind == Kind::policy ? S_IFLNK : S_IFREG;
    attributes.st_mode = type | (owner == nullptr ? 0 : owner->mode);
    attributes.st_uid = owner == nullptr ? 0 : owner->uid;
    attributes.st_gid = owner == nullptr ? 0 : owner->gid;
    attributes.st_nlink = directory ? 2 : 1;
    if (place.kind == Kind::root) attributes.st_nlink += registry_.by_name().size() + 1;
    if (place.kind == Kind::mount) attributes.st_nlink += 1;
    if (place.kind == Kind::network) attributes.st_nlink += has_endpoints(place) ? 5 : 4;
    if (place.kind == Kind::policy) {
        const auto& origin = registry_.policies().find(place.number)->origin();
        attributes.st_size = static_cast<off_t>(origin.path.size());
    }
    if (place.kind == Kind::version) attributes.st_size = static_cast<off_t>(version_.size());
    attributes.st_blksize = 4096;

    const Network* network = place.network;
    attributes.st_ctim = to_timespec(network == nullptr ? mounted_ : network->created());
    attributes.st_atim = attributes.st_mtim =
        to_timespec(network == nullptr ? mounted_ : network->last_packet());
    return attributes;
}

fuse_entry_param Filesystem::entry_for(const Place& place) {
    fuse_entry_param entry{};
    entry.attr = stat_of(place);
    entry.generation = 1;
    entry.ino = place.is_port() ? inodes_.fresh(place) : Inodes::stable(place);
    return entry;
}

void Filesystem::lookup(Request request, fuse_ino_t parent, std::string_view name) {
    const Place place = child(inodes_.find(parent), name);
    if (place.kind == Kind::gone) return request.error(ENOENT);
    request.entry(entry_for(place));
}

void Filesystem::refuse(Request& request, std::uint64_t name, const Error& error) {
    if (name != 0) words_.record(request.caller().uid, name, error.words);
    request.error(error.code);
}

// ---- attributes

void Filesystem::getattr(Request request, fuse_ino_t node) {
    const Place place = inodes_.find(node);
    if (place.kind == Kind::gone) return request.error(ENOENT);
    request.attributes(stat_of(place));
}

void Filesystem::setattr(Request request, fuse_ino_t node, const struct stat& wanted, int what) {
    const Place place = inodes_.find(node);
    Ownership* owner = ownership(place);
    if (owner == nullptr) return request.error(ENOENT);

    // Sizes mean nothing here, and times are the daemon's: both are accepted without effect.
    Ownership changed = *owner;
    if ((what & FUSE_SET_ATTR_MODE) != 0) changed.mode = wanted.st_mode & 07777;
    if ((what & FUSE_SET_ATTR_UID) != 0) changed.uid = wanted.st_uid;
    if ((what & FUSE_SET_ATTR_GID) != 0) changed.gid = wanted.st_gid;
    if (!place.is_directory() && (changed.mode & ~0666u) != 0) {
        return refuse(request, place,
                      {EPERM, "a file here has permissions to read and write, no others"});
    }
    if (changed == *owner) return request.attributes(stat_of(place));

    Change change{[this, node, before = *owner] {
        if (Ownership* still = ownership(inodes_.find(node))) *still = before;
    }};
    if (place.kind == Kind::endpoint) {
        owner = own_endpoint(place);
        if (owner == nullptr) return refuse(request, place, kTooManyChanged);
    }
    *owner = changed;
    commit(std::move(request), Inodes::shown(place), std::move(change),
           [this, node](Request& answer) {
               const core::AssumeLoop here;
               getattr(std::move(answer), node);
           });
}

void Filesystem::statfs(Request request) {
    const core::Memory& memory = registry_.memory();
    struct statvfs facts {};
    facts.f_bsize = facts.f_frsize = 4096;
    facts.f_blocks = memory.limit() / facts.f_frsize;
    facts.f_bfree = facts.f_bavail =
        (memory.limit() - std::min(memory.used(), memory.limit())) / facts.f_frsize;
    facts.f_files = registry_.limits().networks;
    facts.f_ffree = facts.f_favail = facts.f_files - registry_.size();
    facts.f_namemax = 63;
    request.statfs(facts);
}

// ---- networks

void Filesystem::mkdir(Request request, fuse_ino_t parent, std::string_view name, mode_t mode) {
    const Place where = inodes_.find(parent);
    if (where.kind != Kind::root) return refuse(request, where, kNotMade);
    const core::Credentials caller = request.caller();
    Ownership directory{mode & 07777, caller.uid, caller.gid};
    if ((root_.mode & S_ISGID) != 0) {  // as in any directory with this bit
        directory.gid = root_.gid;
        directory.mode |= S_ISGID;
    }
    const std::uint64_t id = registry_.next_id();
    Change change{[this, id] {
        const core::AssumeLoop here;
        if (Network* network = registry_.find(id)) registry_.destroy(*network);
    }};
    if (const auto made = registry_.create(name, directory); !made)
        return refuse(request, where, made.error());
    commit(std::move(request), Inodes::shown(where), std::move(change),
           [this, id](Request& answer) {
               Network* network = registry_.find(id);
               if (network == nullptr) return answer.error(ENOENT);
               answer.entry(entry_for({.kind = Kind::network, .network = network}));
           });
}

void Filesystem::rmdir(Request request, fuse_ino_t parent, std::string_view name) {
    const Place where = inodes_.find(parent);
    const Place place = child(where, name);
    if (place.kind == Kind::gone) return request.error(ENOENT);
    if (place.kind != Kind::network) return refuse(request, place, kNotMade);
    const std::uint64_t id = place.network->id();
    Change change{[this, id] {
        const core::AssumeLoop here;
        if (Network* network = registry_.find(id)) registry_.restore_name(*network);
    }};
    if (interfaces_.any_of(*place.network))
        return refuse(request, place, {EBUSY, "there are interfaces in tap/ or grab/"});
    if (auto unlinked = registry_.unlink(*place.network); !unlinked)
        return refuse(request, place, unlinked.error());
    commit(std::move(request), Inodes::shown(where), std::move(change),
           [this, id](Request& answer) {
               const core::AssumeLoop here;
               if (Network* network = registry_.find(id)) registry_.destroy(*network);
               answer.ok();
           });
}

void Filesystem::rename(Request request, fuse_ino_t parent, std::string_view name,
                        fuse_ino_t new_parent, std::string_view new_name, unsigned flags) {
    const Place where = inodes_.find(parent);
    const Place place = child(where, name);
    if (place.kind == Kind::gone) return request.error(ENOENT);
    const Place target = inodes_.find(new_parent);
    if (place.kind == Kind::interface && target.kind == where.kind)
        return replug_interface(std::move(request), place, target, name == new_name);
    // EPERM and never EXDEV: mv would copy.
    if (place.kind != Kind::network || target.kind != Kind::root)
        return refuse(request, place, kNotMade);
    if (child(where, new_name).kind != Kind::gone)
        return refuse(request, place, {EEXIST, "there is something of that name"});
    if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0)
        return refuse(request, place, {EINVAL, "a network is only renamed to a free name"});

    Change change{[this, id = place.network->id(), before = place.network->name()] {
        const core::AssumeLoop here;
        if (Network* network = registry_.find(id))
            static_cast<void>(registry_.rename(*network, before));
    }};
    if (auto renamed = registry_.rename(*place.network, new_name); !renamed)
        return refuse(request, place, renamed.error());
    commit(std::move(request), Inodes::shown(place), std::move(change),
           [](Request& answer) { answer.ok(); });
}

// ---- what is made inside a network

core::Result<Change> Filesystem::reserve(const Place& parent, std::string_view name,
                                         const core::Credentials& caller, mode_t mode,
                                         Place& reserved) {
    if (parent.kind == Kind::endpoints)
        if (auto known = check_endpoint(*parent.network, name); !known)
            return tl::unexpected(std::move(known.error()));
    if (parent.kind != Kind::ports) return tl::unexpected(kNotMade);
    const auto number = parse_port_number(name);
    if (!number) return core::fail(EINVAL, "what is made here is a port, named by its number");
    const Ownership file{mode & 0666, caller.uid, caller.gid};
    Change change{[this, id = parent.network->id(), number = *number] {
        const core::AssumeLoop here;
        if (Network* network = registry_.find(id)) network->unreserve(number);
    }};
    if (auto kept = parent.network->reserve(*number, file); !kept)
        return tl::unexpected(std::move(kept.error()));
    reserved = {.kind = Kind::numbered, .network = parent.network, .number = *number};
    return change;
}

void Filesystem::mknod(Request request, fuse_ino_t parent, std::string_view name, mode_t mode) {
    const Place where = inodes_.find(parent);
    if (!S_ISREG(mode)) return refuse(request, where, kNotMade);
    Place place;
    auto reserved = reserve(where, name, request.caller(), mode, place);
    if (!reserved) return refuse(request, where, reserved.error());
    commit(
        std::move(request), Inodes::shown(where), std::move(*reserved),
        [this, id = place.network->id(), number = place.number](Request& answer) {
            Network* network = registry_.find(id);
            if (network == nullptr) return answer.error(ENOENT);
            answer.entry(entry_for({.kind = Kind::numbered, .network = network, .number = number}));
        });
}

void Filesystem::unlink(Request request, fuse_ino_t parent, std::string_view name) {
    const Place place = child(inodes_.find(parent), name);
    const core::Credentials caller = request.caller();
    if (place.kind == Kind::gone) return request.error(ENOENT);
    if (place.kind == Kind::port) {
        constexpr std::size_t kTriesMax = 64;
        if (removal_tries_.size() == kTriesMax) removal_tries_.pop_front();
        removal_tries_.push_back({caller.pid, place.network->id(), registry_.clock().now()});
        return refuse(request, place, kNotMade);
    }
    if (place.kind == Kind::policy) return unregister(std::move(request), place);
    if (place.kind != Kind::numbered && place.kind != Kind::interface)
        return refuse(request, place, kNotMade);
    if (is_recursive_removal(caller, place)) {
        return refuse(request, place,
                      {EPERM,
                       "removing a network with all that is in it disconnects nobody; rmdir "
                       "it when its nodes have left, or end it: user.ipn.state down"});
    }

    if (place.kind == Kind::interface) return remove_interface(std::move(request), place);
    Network& network = *place.network;
    Change change;
    if (const core::Reservation* reservation = network.reservation(place.number)) {
        change.undo = [this, id = network.id(), number = place.number, kept = *reservation,
                       policy = network.policy().name(),
                       values = network.policy_values(place.number)] {
            const core::AssumeLoop here;
            Network* still = registry_.find(id);
            if (still == nullptr || !still->reserve(number, kept.file)) return;
            still->reservation(number)->description = kept.description;
            if (still->policy().name() == policy) still->put_back(values);
        };
    }
    network.unreserve(place.number);
    if (core::Node* node = network.node_at(place.number)) network.cut(*node);
    commit(std::move(request), Inodes::shown(place), std::move(change),
           [](Request& answer) { answer.ok(); });
}

// rm -r goes on after what it cannot remove. It tries `port` first, and what the same process then
// removes in the same network is part of that.
bool Filesystem::is_recursive_removal(const core::Credentials& caller, const Place& place) {
    constexpr std::chrono::seconds kMemory(10);
    const core::Instant since = registry_.clock().now() - kMemory;
    return caller.pid != 0 &&
           std::any_of(removal_tries_.begin(), removal_tries_.end(), [&](const RemovalTry& made) {
               return made.pid == caller.pid && made.network == place.network->id() &&
                      made.time > since;
           });
}

void Filesystem::refuse_creation(Request request, fuse_ino_t parent) {
    refuse(request, inodes_.find(parent), kNotMade);
}

// ---- listing

void Filesystem::opendir(Request request, fuse_ino_t node) {
    const Place place = inodes_.find(node);
    if (place.kind == Kind::gone) return request.error(ENOENT);
    auto listing = std::make_unique<Directory>();
    const auto add = [&](std::string_view name, mode_t type) {
        listing->entries.push_back({std::string(name), Inodes::shown(child(place, name)), type});
    };
    const std::uint64_t own = Inodes::shown(place);
    listing->entries.push_back({".", own, S_IFDIR});
    listing->entries.push_back({"..", own, S_IFDIR});
    // What one waits for to read is listed as a device: programs that walk a tree do not open these
    // What would join or block is listed as a device: programs that walk a tree do not open these
    // to read them, while stat(2) says what they are.
    switch (place.kind) {
        case Kind::root:
            add(kMountName, S_IFDIR);
            for (const auto& [name, network] : registry_.by_name()) add(name, S_IFDIR);
            break;
        case Kind::mount:
            add(kPoliciesName, S_IFDIR);
            add(kVersionName, S_IFREG);
            add(kMetricsName, S_IFREG);
            add(kEventsName, S_IFCHR);
            break;
        case Kind::policies:
            registry_.policies().for_each(
                [&](const core::Policy& policy) { add(policy.name(), S_IFLNK); });
            break;
        case Kind::network:
            add(kPortName, S_IFCHR);  // first, see unlink()
            add(kFramedName, S_IFCHR);
            add(kCaptureName, S_IFCHR);
            add(kPortsName, S_IFDIR);
            add(kTapsName, S_IFDIR);
            add(kGrabsName, S_IFDIR);
            add(kOobName, S_IFCHR);
            add(kViewsName, S_IFDIR);
            if (place.network->state() == Network::State::up) add(kStatsName, S_IFREG);
            if (has_endpoints(place)) add(place.network->policy().endpoints()->directory, S_IFDIR);
            break;
        case Kind::taps:
        case Kind::grabs:
            interfaces_.for_each_in(*place.network, made_in(place), [&](const InterfaceFile& file) {
                add(file.entry.name, S_IFREG);
            });
            break;
        case Kind::views:
            for (const ipn_view& view : place.network->policy().views()) add(view.name, S_IFREG);
            break;
        case Kind::endpoints:
            for (const std::string& name : endpoints_in_use(*place.network)) add(name, S_IFCHR);
            break;
        case Kind::ports:
            for (std::uint32_t number = 0; number < place.network->ports_end(); ++number) {
                const std::string name = std::to_string(number);
                if (child(place, name).kind != Kind::gone) add(name, S_IFCHR);
            }
            break;
        case Kind::gone:
        case Kind::version:
        case Kind::metrics:
        case Kind::policy:
        case Kind::port:
        case Kind::framed:
        case Kind::stats:
        case Kind::events:
        case Kind::oob:
        case Kind::capture:
        case Kind::numbered:
        case Kind::interface:
        case Kind::view:
        case Kind::endpoint:
            return request.error(ENOTDIR);
    }
    const std::uint64_t handle = directories_.insert(std::move(listing));
    if (!request.opened({.fh = handle, .open_flags = 0, .padding = 0})) directories_.erase(handle);
}

void Filesystem::readdir(Request request, std::uint64_t handle, std::size_t size, off_t offset) {
    const Directory* directory = directories_.find(handle);
    if (directory == nullptr) return request.error(EBADF);
    size = std::min(size, Channel::kDataMax);
    std::vector<char> reply(size);
    std::size_t used = 0;
    for (auto next = static_cast<std::size_t>(offset); next < directory->entries.size(); ++next) {
        const Directory::Entry& entry = directory->entries[next];
        struct stat attributes {};
        attributes.st_ino = entry.number;
        attributes.st_mode = entry.type;
        const std::size_t needed =
            fuse_add_direntry(request.handle(), reply.data() + used, size - used,
                              entry.name.c_str(), &attributes, static_cast<off_t>(next + 1));
        if (needed > size - used) break;
        used += needed;
    }
    request.bytes(std::span(reply).first(used));
}

void Filesystem::releasedir(Request request, std::uint64_t handle) {
    if (directories_.find(handle) != nullptr) directories_.erase(handle);
    request.ok();
}

}  // namespace ipn::fs
