// Interfaces: the files in tap/ and grab/, each an interface, and how long they stay.
//
// A file is made with its interface. It stays, connected or not, until
//   - it is removed, which deletes the interface if ipnfs made it;
//   - its network ends, or the mount;
//   - with persist 0, whoever controls it closes it, or nobody does, or the interface is
//     disconnected.
// With persist 2 the kernel keeps the interface; only removing the file deletes it then.
// Lifecycle of one: announce() while its interface is being made, when it takes its name but nobody
// finds it; complete(); then remove() once, for whatever reason: from then on nobody finds it, and
// it is gone when the kernel has let go of the interface.
// Invariants: (1) in one directory no name is there twice; (2) an id is never used again; (3) at
// most one open file controls an interface; (4) what was completed is listed by its network
// (core/interface_entry.h) until it is closed.
// Threads: the loop only. Not done: requests; see interface_files.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/interface.h"
#include "core/interface_entry.h"
#include "core/on_loop.h"
#include "core/ownership.h"
#include "core/registry.h"

namespace ipn::fs {

struct InterfaceFile {
    enum class Persist : std::uint8_t { until_closed = 0, until_removed = 1, in_kernel = 2 };

    std::uint64_t id = 0;
    std::uint64_t network = 0;
    core::Ownership file;
    Persist persist = Persist::until_removed;
    bool controlled = false;
    bool hidden = true;  // not made yet, removed, or about to be
    bool closing = false;
    std::string reason;                          // why it is disconnected, if it is
    core::InterfaceEntry entry;                  // its name and kind; listed by its network
    std::unique_ptr<core::Interface> interface;  // null while it is being made
};

class Interfaces {
  public:
    explicit Interfaces(core::Registry& registry);
    ~Interfaces();
    Interfaces(const Interfaces&) = delete;
    Interfaces& operator=(const Interfaces&) = delete;

    // EEXIST: that name is taken in that directory.
    core::Result<InterfaceFile*> announce(const core::Network& network, core::NodeKind kind,
                                          std::string_view name, core::Ownership file);
    // With the name that it has in the end, connected. From then on it can be found.
    // `existed`: before, and was not made for this.
    void complete(InterfaceFile& file, std::string name, core::Credentials maker,
                  bool existed) IPN_ON_LOOP;
    // Brings one that is complete to another network; errors as of Interface::connect().
    core::Result<void> move(InterfaceFile& file, core::Network& target) IPN_ON_LOOP;

    // Hidden or not.
    InterfaceFile* find_any(std::uint64_t id) const;
    InterfaceFile* find(std::uint64_t id) const;
    InterfaceFile* find(const core::Network& network, core::NodeKind kind,
                        std::string_view name) const;
    bool any_of(const core::Network& network) const;
    template <typename Function>
    void for_each_in(const core::Network& network, core::NodeKind kind, Function function) const {
        for (const auto& [id, file] : files_)
            if (is_in(*file, network, kind)) function(*file);
    }

    // Whether it can be found: not while it is about to be removed.
    void hide(std::uint64_t id, bool hidden);
    // Closes the interface, hidden or not; `done` when that is through, or at once if it is under
    // way already.
    void remove(
        std::uint64_t id, std::function<void()> done = [] {}) IPN_ON_LOOP;
    // Whoever had control has closed the file.
    void release_control(std::uint64_t id) IPN_ON_LOOP;
    void close_all() IPN_ON_LOOP;
    bool empty() const { return files_.empty(); }

  private:
    static bool is_in(const InterfaceFile& file, const core::Network& network,
                      core::NodeKind kind) {
        return !file.hidden && file.network == network.id() && file.entry.kind == kind;
    }
    void close(InterfaceFile& file, bool keep, std::function<void()> done) IPN_ON_LOOP;
    void disconnected(std::uint64_t id, std::string reason) IPN_ON_LOOP;
    // Removes those for which `predicate(file)` is true, keeping in the kernel what is to stay.
    template <typename Predicate>
    void end(Predicate predicate) IPN_ON_LOOP;

    core::Registry& registry_;
    std::uint64_t last_id_ = 0;
    std::map<std::uint64_t, std::unique_ptr<InterfaceFile>> files_;
};

}  // namespace ipn::fs
