// Filesystem: the tree that a mount shows, and what each request on it means.
//
// One function per FUSE request; it answers at once or hands its answer to the commit gate. The
// kernel has checked permissions before (default_permissions). Reading, writing and polling of open
// files come on the own lane (lane.h) and need no function here.
// Errors: the caller gets the errno, `user.ipn.error` the words (refuse()). std::bad_alloc may
// leave any function; the request then answers ENOMEM by itself. Threads: the loop only. Not done:
// talking to /dev/fuse; see session.h.
#pragma once

#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/commit.h"
#include "core/error.h"
#include "core/interface.h"
#include "core/on_loop.h"
#include "core/ownership.h"
#include "core/registry.h"
#include "fs/attributes.h"
#include "fs/background.h"
#include "fs/error_words.h"
#include "fs/events_file.h"
#include "fs/inodes.h"
#include "fs/interfaces.h"
#include "fs/lane.h"
#include "fs/module.h"
#include "fs/parked.h"
#include "fs/request.h"
#include "fs/slots.h"

namespace ipn::fs {

class Filesystem {
  public:
    // `root`: owner and mode of the mount's root. `daemon`: whom .ipnfs belongs to.
    Filesystem(core::Registry& registry, core::Commit& commit, core::Ownership root,
               core::Credentials daemon = {});
    ~Filesystem();

    // From now on policies can be registered. Both outlive this.
    void load_modules_with(Background& background, ModuleLoader& loader) {
        background_ = &background;
        loader_ = &loader;
    }

    // From now on interfaces can be made; `by_mode`: TAPs by whoever may write to tap/. It outlives
    // this.
    void make_interfaces_with(core::InterfaceHost& host, bool by_mode) {
        interface_host_ = &host;
        tap_by_mode_ = by_mode;
    }
    // Closes those that there are: when nobody can make any more. Later there are none.
    void close_interfaces() IPN_ON_LOOP { interfaces_.close_all(); }
    bool has_interfaces() const { return !interfaces_.empty(); }

    // What .ipnfs/version says: lines of `key: value`. Before the first request.
    void set_version(std::string text) { version_ = std::move(text); }

    // ---- for the own lane

    OpenFile* open_file(std::uint64_t handle) const { return files_.find(handle); }
    // When nobody is left who would release them.
    void close_files() { files_.clear(); }
    void interrupt(std::uint64_t unique) { parked_.interrupt(unique); }

    // All networks were ended, and nothing happens any more: those who read of it get end of file.
    void end_events() IPN_ON_LOOP { events_.end(); }

    // ---- tree.cc

    void lookup(Request request, fuse_ino_t parent, std::string_view name) IPN_ON_LOOP;
    void forget(fuse_ino_t node, std::uint64_t lookups) { inodes_.forget(node, lookups); }
    void getattr(Request request, fuse_ino_t node) IPN_ON_LOOP;
    void setattr(Request request, fuse_ino_t node, const struct stat& wanted, int what) IPN_ON_LOOP;
    void mkdir(Request request, fuse_ino_t parent, std::string_view name, mode_t mode) IPN_ON_LOOP;
    void rmdir(Request request, fuse_ino_t parent, std::string_view name) IPN_ON_LOOP;
    void rename(Request request, fuse_ino_t parent, std::string_view name, fuse_ino_t new_parent,
                std::string_view new_name, unsigned flags) IPN_ON_LOOP;
    void mknod(Request request, fuse_ino_t parent, std::string_view name, mode_t mode) IPN_ON_LOOP;
    void unlink(Request request, fuse_ino_t parent, std::string_view name) IPN_ON_LOOP;
    // link: nothing of the kind can be made.
    void refuse_creation(Request request, fuse_ino_t parent) IPN_ON_LOOP;
    void opendir(Request request, fuse_ino_t node) IPN_ON_LOOP;
    void readdir(Request request, std::uint64_t handle, std::size_t size, off_t offset);
    void releasedir(Request request, std::uint64_t handle);
    void statfs(Request request) IPN_ON_LOOP;

    // ---- policies_directory.cc

    void symlink(Request request, fuse_ino_t parent, std::string_view name,
                 std::string_view target) IPN_ON_LOOP;
    void readlink(Request request, fuse_ino_t node) IPN_ON_LOOP;

    // ---- files.cc

    void open(Request request, fuse_ino_t node, int flags) IPN_ON_LOOP;
    void create(Request request, fuse_ino_t parent, std::string_view name, mode_t mode,
                int flags) IPN_ON_LOOP;
    void release(Request request, std::uint64_t handle) IPN_ON_LOOP;

    // ---- ioctls.cc

    void ioctl(Request request, fuse_ino_t node, std::uint64_t handle, unsigned command,
               std::span<const char> in, std::size_t out_size) IPN_ON_LOOP;

    // ---- xattrs.cc

    void getxattr(Request request, fuse_ino_t node, std::string_view name,
                  std::size_t size) IPN_ON_LOOP;
    void setxattr(Request request, fuse_ino_t node, std::string_view name, std::string_view value,
                  int flags) IPN_ON_LOOP;
    void removexattr(Request request, fuse_ino_t node, std::string_view name) IPN_ON_LOOP;
    void listxattr(Request request, fuse_ino_t node, std::size_t size) IPN_ON_LOOP;

    std::size_t open_files() const { return files_.size(); }
    std::size_t fresh_inodes() const { return inodes_.fresh_count(); }

  private:
    struct Directory;

    // What a name in a directory is; kind gone if there is nothing.
    Place child(const Place& parent, std::string_view name) const;
    core::Ownership* ownership(const Place& place);
    struct stat stat_of(const Place& place);
    fuse_entry_param entry_for(const Place& place);

    // Answers with the error and keeps its words under the name with that number (Inodes::shown).
    void refuse(Request& request, std::uint64_t name, const core::Error& error);
    void refuse(Request& request, const Place& place, const core::Error& error) {
        refuse(request, Inodes::shown(place), error);
    }
    // Hands a change to the gate; `done(request)` answers when it is safe. By then any network may
    // have gone: it is to be looked up again by its id.
    template <typename Done>
    void commit(Request request, std::uint64_t name, core::Change change, Done done);

    core::Result<std::unique_ptr<OpenPort>> join(const Place& place,
                                                 const core::Credentials& caller,
                                                 int flags) IPN_ON_LOOP;
    void open_port(Request request, fuse_ino_t node, const Place& place, int flags) IPN_ON_LOOP;
    // A file whose contents come while it is read.
    core::Result<std::unique_ptr<OpenFile>> make_record_file(
        const Place& place, const core::Credentials& caller) IPN_ON_LOOP;
    void open_records(Request request, const Place& place, int flags) IPN_ON_LOOP;
    // A file that stays as it is.
    void open_text(Request request, const Place& place, int flags, std::string text);

    // ---- ioctls.cc, xattrs.cc

    void ioctl_attribute(Request request, const Place& place, unsigned command,
                         std::span<const char> in, std::size_t out_size) IPN_ON_LOOP;
    core::Result<std::string> attribute_of_open(const Place& place, std::string_view name,
                                                const core::Credentials& caller) const IPN_ON_LOOP;
    void ioctl_receive_oob(Request request, const Place& place, std::size_t out_size) IPN_ON_LOOP;
    void ioctl_policy(Request request, const Place& place, unsigned command,
                      std::span<const char> in, std::size_t out_size) IPN_ON_LOOP;
    static void answer_xattr(Request& request, std::string_view value, std::size_t size);

    // ---- interface_files.cc: what is in tap/ and grab/

    struct MakingInterface;
    static core::NodeKind made_in(const Place& directory) {
        return directory.kind == Place::Kind::taps ? core::NodeKind::tap : core::NodeKind::grab;
    }
    bool by_mode(core::NodeKind kind) const { return tap_by_mode_ && kind == core::NodeKind::tap; }
    void create_interface(Request request, const Place& where, std::string_view name, mode_t mode,
                          int flags) IPN_ON_LOOP;
    void interface_made(MakingInterface& making,
                        core::Result<core::InterfaceHost::Made> made) IPN_ON_LOOP;
    void open_interface(Request request, const Place& place, int flags) IPN_ON_LOOP;
    void open_as_interface(Request request, std::uint64_t id, int flags,
                           std::string text) IPN_ON_LOOP;
    void remove_interface(Request request, const Place& place) IPN_ON_LOOP;
    void replug_interface(Request request, const Place& place, const Place& target,
                          bool same_name) IPN_ON_LOOP;
    // False, and the request untouched, if it is no attribute of the interface itself.
    bool get_of_interface(Request& request, const Place& place, std::string_view name,
                          std::size_t size) IPN_ON_LOOP;
    bool set_of_interface(Request& request, const Place& place, std::string_view name,
                          std::string_view value) IPN_ON_LOOP;
    void set_persist(Request request, const Place& place, std::string_view value) IPN_ON_LOOP;
    void finish_persist(Request request, std::uint64_t id,
                        InterfaceFile::Persist persist) IPN_ON_LOOP;
    // Removes it, deleting what ipnfs made, and answers.
    void close_and_answer(Request request, std::uint64_t id) IPN_ON_LOOP;

    // ---- tree.cc

    core::Result<core::Change> reserve(const Place& parent, std::string_view name,
                                       const core::Credentials& caller, mode_t mode,
                                       Place& reserved) IPN_ON_LOOP;
    bool is_recursive_removal(const core::Credentials& caller, const Place& place);

    // ---- policies_directory.cc

    core::Result<void> may_register(const core::Credentials& caller) const;
    void register_module(Request request, const std::string& name, const std::string& path,
                         core::Result<std::unique_ptr<Module>> module) IPN_ON_LOOP;
    void unregister(Request request, const Place& place) IPN_ON_LOOP;

    // ---- policy_files.cc: what a network has because of its policy

    static Place view_named(core::Network& network, std::string_view name);
    void open_view(Request request, const Place& place, int flags) IPN_ON_LOOP;
    static Place endpoints_named(core::Network& network, std::string_view name);
    // Whether an endpoint of that name can be opened; what the policy says otherwise.
    static core::Result<void> check_endpoint(core::Network& network, std::string_view name);
    static std::set<std::string> endpoints_in_use(core::Network& network);
    // Opens the node, which has joined, as that endpoint.
    static core::Result<void> open_endpoint(OpenPort& port, const Place& place) IPN_ON_LOOP;
    static core::Ownership& ownership_of_endpoint(const Place& place);
    // One that can be changed; null if too many were.
    static core::Ownership* own_endpoint(const Place& place);

    core::Registry& registry_;
    core::Commit& commit_;
    std::string version_;
    core::Ownership root_;
    core::Ownership mount_;
    core::Ownership version_file_;
    core::Ownership metrics_file_;
    core::Ownership events_file_;
    core::Ownership policies_directory_;
    core::Ownership policy_link_;
    const core::Credentials daemon_;
    const core::WallTime mounted_;
    Background* background_ = nullptr;
    ModuleLoader* loader_ = nullptr;
    core::InterfaceHost* interface_host_ = nullptr;
    bool tap_by_mode_ = false;

    Interfaces interfaces_;
    Inodes inodes_;
    Attributes attributes_;
    ErrorWords words_;
    ParkedTable parked_;
    RecordFile::Place records_;
    EventsFiles events_;
    Slots<OpenFile> files_;
    Slots<Directory> directories_;

    // Processes that tried to remove a network's `port` of late, see unlink().
    struct RemovalTry {
        std::uint32_t pid;
        std::uint64_t network;
        core::Instant time;
    };
    std::deque<RemovalTry> removal_tries_;
};

template <typename Done>
void Filesystem::commit(Request request, std::uint64_t name, core::Change change, Done done) {
    std::unique_ptr<core::Completion> completion;
    try {
        completion = core::completion([this, name, kept = std::move(request),
                                       done = std::move(done)](core::Result<void> result) mutable {
            if (result)
                done(kept);
            else
                refuse(kept, name, result.error());
        });
    } catch (const std::bad_alloc&) {
        if (change.undo) change.undo();
        throw;
    }
    commit_.submit(std::move(change), std::move(completion));
}

}  // namespace ipn::fs
