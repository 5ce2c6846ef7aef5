// tap/ and grab/: `touch` makes an interface and connects it, `rm` disconnects it, `mv` connects it
// to another network. Reading its file shows its state; opening it to write takes control.
//
// What is asked of the kernel waits for its lock of all interfaces, so that most answers come
// later; whatever a request was about is looked up again by then.

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "core/text.h"
#include "fs/entry_out.h"
#include "fs/filesystem.h"
#include "fs/text_file.h"

namespace ipn::fs {

using core::Change;
using core::fail;
using core::Interface;
using core::InterfaceHost;
using core::Network;
using core::NodeKind;
using core::Result;
using Kind = Place::Kind;
using Persist = InterfaceFile::Persist;

namespace {

constexpr std::uint32_t kOpenFlags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH;

bool writes(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY;
}
bool reads(int flags) {
    return (flags & O_ACCMODE) != O_WRONLY;
}

// What the kernel takes for a name; for a new TAP also one with %d once.
Result<void> check_name(NodeKind kind, std::string_view name) {
    constexpr std::size_t kLengthMax = 15;
    if (name.size() > kLengthMax)
        return fail(ENAMETOOLONG, "the name of an interface has at most 15 bytes");
    std::string plain(name);
    if (const std::size_t at = plain.find("%d"); kind == NodeKind::tap && at != plain.npos)
        plain.replace(at, 2, "0");
    const bool possible = plain != "." && plain != ".." &&
                          std::none_of(plain.begin(), plain.end(), [](unsigned char c) {
                              return std::isspace(c) || c == '/' || c == ':' || c == '%';
                          });
    if (possible) return {};
    return fail(EINVAL, "the name of an interface has no blanks, no ':' and no '%', but for %d");
}

std::optional<Persist> parse_persist(std::string_view text) {
    if (text == "0") return Persist::until_closed;
    if (text == "1") return Persist::until_removed;
    if (text == "2") return Persist::in_kernel;
    return std::nullopt;
}

const char* to_string(Persist persist) {
    constexpr std::array kTexts{"0", "1", "2"};
    return kTexts.at(static_cast<std::size_t>(persist));
}

std::optional<Interface::Property> property_named(std::string_view name) {
    if (name == "mac") return Interface::Property::mac;
    if (name == "mtu") return Interface::Property::mtu;
    if (name == "netns") return Interface::Property::netns;
    if (name == "share") return Interface::Property::share;
    return std::nullopt;
}

using Fact = std::string (*)(const Interface::Facts& facts);

// What has to be asked of the kernel.
Fact fact_named(std::string_view name) {
    struct Row {
        std::string_view name;
        Fact fact;
    };
    static constexpr std::array kRows{
        Row{"name", [](const Interface::Facts& facts) { return facts.name; }},
        Row{"ifindex", [](const Interface::Facts& facts) { return std::to_string(facts.index); }},
        Row{"mac", [](const Interface::Facts& facts) { return facts.mac; }},
        Row{"mtu", [](const Interface::Facts& facts) { return std::to_string(facts.mtu); }},
        Row{"netns", [](const Interface::Facts& facts) { return facts.netns; }},
        Row{"share", [](const Interface::Facts& facts) { return facts.share; }},
    };
    for (const Row& row : kRows)
        if (row.name == name) return row.fact;
    return nullptr;
}

// What reading the file shows: a line `key: value` for each.
std::string state_of(const InterfaceFile& file, const Result<Interface::Facts>& facts) {
    const core::Node* node = file.interface->node();
    std::string text =
        fmt::format("name: {}\nkind: {}\nstate: {}\n", facts ? facts->name : file.entry.name,
                    to_string(file.entry.kind), node == nullptr ? "disconnected" : "connected");
    if (node == nullptr) text += fmt::format("reason: {}\n", file.reason);
    if (facts) {
        text += fmt::format("netns: {}\nifindex: {}\nmac: {}\nmtu: {}\nlink: {}\noffloads: {}\n",
                            facts->netns, facts->index, facts->mac, facts->mtu,
                            facts->up ? "up" : "down", facts->offloads);
    }
    if (facts && !facts->share.empty()) text += fmt::format("share: {}\n", facts->share);
    text += fmt::format("persist: {}\ncontrolled: {}\n", to_string(file.persist),
                        file.controlled ? "yes" : "no");
    if (node != nullptr) {
        const core::Node::Counters& counters = node->counters();
        text += fmt::format("port: {}\nreceived: {}\nsent: {}\ndropped: {}\n", node->number(),
                            counters.received, counters.sent, counters.dropped);
    }
    return text;
}

// An open file of an interface; with control, which it gives up when it is closed.
class OpenInterface final : public TextFile {
  public:
    OpenInterface(Interfaces& interfaces, std::uint64_t controls, std::string text)
        : TextFile(std::move(text)), interfaces_(interfaces), controls_(controls) {}
    ~OpenInterface() override {
        const core::AssumeLoop here;
        if (controls_ != kNone) interfaces_.release_control(controls_);
    }
    OpenInterface(const OpenInterface&) = delete;
    OpenInterface& operator=(const OpenInterface&) = delete;

    void write(WriteRequest write) override { write.request.error(EINVAL); }

    static constexpr std::uint64_t kNone = 0;

  private:
    Interfaces& interfaces_;
    const std::uint64_t controls_;
};

// A request that is answered later, for functions that can be copied.
std::shared_ptr<Request> kept(Request request) {
    return std::make_shared<Request>(std::move(request));
}

// Calls `function` on the loop; if memory runs out, the request has answered for itself.
template <typename Function>
void later(Function function) try {
    function();
} catch (const std::bad_alloc&) {
}

}  // namespace

// ---- making

struct Filesystem::MakingInterface {
    Request request;
    std::uint64_t id;
    int flags;
    std::uint64_t directory;  // as it is shown
};

void Filesystem::create_interface(Request request, const Place& where, std::string_view name,
                                  mode_t mode, int flags) {
    const NodeKind kind = made_in(where);
    Network& network = *where.network;
    const core::Credentials caller = request.caller();
    if (interface_host_ == nullptr)
        return refuse(request, where, {EPERM, "this daemon makes no interfaces"});
    if (auto valid = check_name(kind, name); !valid) return refuse(request, where, valid.error());
    if (auto port = network.free_port(IPN_PORT_ANY); !port)
        return refuse(request, where, port.error());

    const auto& directory = kind == NodeKind::tap ? network.taps : network.grabs;
    const InterfaceHost::Wish wish{.kind = kind,
                                   .name = std::string(name),
                                   .netns = directory.netns,
                                   .caller = caller,
                                   .by_mode = by_mode(kind),
                                   .share = directory.share,
                                   .packet_bytes_max = network.options().mtu};
    const auto file =
        interfaces_.announce(network, kind, name, {mode & 0666, caller.uid, caller.gid});
    if (!file) return refuse(request, where, file.error());
    const std::uint64_t id = (*file)->id;
    try {
        const auto making = std::make_shared<MakingInterface>(
            MakingInterface{std::move(request), id, flags, Inodes::shown(where)});
        interface_host_->make(wish, [this, making](Result<InterfaceHost::Made> made) {
            later([&] {
                const core::AssumeLoop here;
                interface_made(*making, std::move(made));
            });
        });
    } catch (const std::bad_alloc&) {
        interfaces_.remove(id);
        throw;
    }
}

void Filesystem::interface_made(MakingInterface& making, Result<InterfaceHost::Made> made) {
    const std::uint64_t id = making.id;
    InterfaceFile& file = *interfaces_.find_any(id);
    Network* network = registry_.find(file.network);
    Result<void> connected;
    if (!made)
        connected = tl::unexpected(made.error());
    else if (file.interface = std::move(made->interface); network == nullptr)
        connected = fail(ENOENT, "the network has gone");
    else
        connected = file.interface->connect(*network);
    if (!connected) {
        interfaces_.remove(id);
        return refuse(making.request, making.directory, connected.error());
    }

    interfaces_.complete(file, std::move(made->name), making.request.caller(), made->existed);
    file.controlled = writes(making.flags);
    std::uint64_t handle = 0;
    Change change;
    try {
        handle = files_.insert(std::make_unique<OpenInterface>(
            interfaces_, file.controlled ? id : OpenInterface::kNone, std::string()));
        change.undo = [this, id, handle] {
            const core::AssumeLoop here;
            files_.erase(handle);
            interfaces_.remove(id);
        };
    } catch (const std::bad_alloc&) {
        if (handle != 0) files_.erase(handle);
        interfaces_.remove(id);
        throw;
    }
    commit(std::move(making.request), making.directory, std::move(change),
           [this, id, handle](Request& answer) {
               InterfaceFile* still = interfaces_.find(id);
               const bool answered =
                   still != nullptr &&
                   answer.created(to_wire(entry_for({.kind = Kind::interface,
                                                     .network = registry_.find(still->network),
                                                     .interface = still})),
                                  open_out(handle, kOpenFlags));
               if (answered) return;
               files_.erase(handle);
               if (still == nullptr) answer.error(ENOENT);
           });
}

// ---- opening

void Filesystem::open_interface(Request request, const Place& place, int flags) {
    InterfaceFile& file = *place.interface;
    if (writes(flags) && file.controlled)
        return refuse(request, place, {EBUSY, "somebody controls this interface already"});
    if (writes(flags)) file.controlled = true;
    if (!reads(flags)) return open_as_interface(std::move(request), file.id, flags, {});

    try {
        const auto waiting = kept(std::move(request));
        file.interface->inspect(
            [this, waiting, id = file.id, flags](Result<Interface::Facts> facts) {
                later([&] {
                    const core::AssumeLoop here;
                    const InterfaceFile* still = interfaces_.find(id);
                    if (still == nullptr) return waiting->error(ENOENT);
                    open_as_interface(std::move(*waiting), id, flags, state_of(*still, facts));
                });
            });
    } catch (const std::bad_alloc&) {
        if (writes(flags)) interfaces_.release_control(file.id);
        throw;
    }
}

void Filesystem::open_as_interface(Request request, std::uint64_t id, int flags, std::string text) {
    std::uint64_t handle = 0;
    try {
        handle = files_.insert(std::make_unique<OpenInterface>(
            interfaces_, writes(flags) ? id : OpenInterface::kNone, std::move(text)));
    } catch (const std::bad_alloc&) {
        if (writes(flags)) interfaces_.release_control(id);
        throw;
    }
    if (!request.opened(open_out(handle, kOpenFlags))) files_.erase(handle);
}

// ---- removing and moving

void Filesystem::close_and_answer(Request request, std::uint64_t id) {
    const auto waiting = kept(std::move(request));
    interfaces_.remove(id, [waiting] { waiting->ok(); });
}

// The interface goes when that is safe: nothing would bring a deleted one back.
void Filesystem::remove_interface(Request request, const Place& place) {
    const std::uint64_t id = place.interface->id;
    Change change{[this, id] { interfaces_.hide(id, false); }};
    interfaces_.hide(id, true);
    commit(std::move(request), Inodes::shown(place), std::move(change),
           [this, id](Request& answer) {
               const core::AssumeLoop here;
               close_and_answer(std::move(answer), id);
           });
}

void Filesystem::replug_interface(Request request, const Place& place, const Place& target,
                                  bool same_name) {
    InterfaceFile& file = *place.interface;
    if (!same_name)
        return refuse(request, place, {EPERM, "an interface is renamed by ip-link(8), not here"});
    if (target.network == place.network) return request.ok();
    if (interfaces_.find(*target.network, file.entry.kind, file.entry.name) != nullptr)
        return refuse(request, place, {EEXIST, "there is an interface of that name"});
    Change change{[this, id = file.id, before = file.network] {
        const core::AssumeLoop here;
        InterfaceFile* still = interfaces_.find(id);
        Network* network = registry_.find(before);
        if (still != nullptr && network != nullptr)
            static_cast<void>(interfaces_.move(*still, *network));
    }};
    const std::uint64_t shown = Inodes::shown(place);
    // An ephemeral network goes with its last interface, and `place` with it.
    if (auto moved = interfaces_.move(file, *target.network); !moved)
        return refuse(request, shown, moved.error());
    commit(std::move(request), shown, std::move(change), [](Request& answer) { answer.ok(); });
}

// ---- attributes

bool Filesystem::get_of_interface(Request& request, const Place& place, std::string_view name,
                                  std::size_t size) {
    if (place.kind != Kind::interface) return false;
    if (name == "persist") {
        answer_xattr(request, to_string(place.interface->persist), size);
        return true;
    }
    if (name == "kind") {
        answer_xattr(request, to_string(place.interface->entry.kind), size);
        return true;
    }
    const Fact fact = fact_named(name);
    if (fact == nullptr) return false;
    const auto waiting = kept(std::move(request));
    place.interface->interface->inspect([waiting, fact, size](Result<Interface::Facts> facts) {
        later([&] {
            if (!facts) return waiting->error(facts.error().code);
            const std::string text = fact(*facts);
            text.empty() ? waiting->error(ENODATA) : answer_xattr(*waiting, text, size);
        });
    });
    return true;
}

bool Filesystem::set_of_interface(Request& request, const Place& place, std::string_view name,
                                  std::string_view value) {
    if (place.kind != Kind::interface) return false;
    if (name == "persist") {
        set_persist(std::move(request), place, value);
        return true;
    }
    const auto property = property_named(name);
    if (!property && fact_named(name) != nullptr) {
        refuse(request, place, {EPERM, std::string(name) + " is read only"});
        return true;
    }
    if (!property) return false;
    const Interface::Change change{.property = *property,
                                   .value = std::string(value),
                                   .caller = request.caller(),
                                   .by_mode = by_mode(place.interface->entry.kind)};
    const auto waiting = kept(std::move(request));
    place.interface->interface->change(
        change, [this, waiting, shown = Inodes::shown(place)](Result<void> changed) {
            later([&] {
                if (!changed) return refuse(*waiting, shown, changed.error());
                commit(std::move(*waiting), shown, {}, [](Request& answer) { answer.ok(); });
            });
        });
    return true;
}

void Filesystem::set_persist(Request request, const Place& place, std::string_view value) {
    const InterfaceFile& file = *place.interface;
    const auto persist = parse_persist(value);
    if (!persist)
        return refuse(request, place,
                      {EINVAL, "persist: " + core::quoted(value) + " is none of '0', '1', '2'"});
    const bool in_kernel = persist == Persist::in_kernel;
    if (in_kernel == (file.persist == Persist::in_kernel))
        return finish_persist(std::move(request), file.id, *persist);
    const auto waiting = kept(std::move(request));
    file.interface->set_persistent(in_kernel, [this, waiting, id = file.id, persist,
                                               shown = Inodes::shown(place)](Result<void> set) {
        later([&] {
            const core::AssumeLoop here;
            if (!set) return refuse(*waiting, shown, set.error());
            finish_persist(std::move(*waiting), id, *persist);
        });
    });
}

void Filesystem::finish_persist(Request request, std::uint64_t id, Persist persist) {
    InterfaceFile* file = interfaces_.find(id);
    if (file == nullptr) return request.error(ENOENT);
    Change change{[this, id, before = file->persist] {
        if (InterfaceFile* still = interfaces_.find(id)) still->persist = before;
    }};
    file->persist = persist;
    const std::uint64_t shown =
        Inodes::shown({.kind = Kind::interface, .network = nullptr, .interface = file});
    commit(std::move(request), shown, std::move(change), [this, id](Request& answer) {
        const core::AssumeLoop here;
        const InterfaceFile* still = interfaces_.find(id);
        const bool unwanted =
            still != nullptr && still->persist == Persist::until_closed && !still->controlled;
        if (!unwanted) return answer.ok();
        close_and_answer(std::move(answer), id);
    });
}

}  // namespace ipn::fs
