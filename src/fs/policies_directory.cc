// .ipnfs/policies/: the registered policies, each a symlink to its module. `ln -s` registers one,
// `rm` takes it out.
//
// Loading waits for the disk, so that it happens in the background; the caller is answered when it
// is done, the policy is registered and that is safe.

#include "fs/policies_directory.h"

#include <memory>
#include <new>
#include <string>
#include <utility>

#include "fs/filesystem.h"

namespace ipn::fs {

using core::Change;
using core::Error;
using core::fail;
using core::Policy;
using core::Result;
using Kind = Place::Kind;

namespace {

// A registration under way.
struct Loading {
    explicit Loading(Request its_request) : request(std::move(its_request)) {}

    Request request;
    std::string name;
    std::string path;
    Result<std::unique_ptr<Module>> module = fail(ENOMEM, "there is no memory to load it");
};

}  // namespace

void Filesystem::symlink(Request request, fuse_ino_t parent, std::string_view name,
                         std::string_view target) {
    const Place where = inodes_.find(parent);
    if (where.kind != Kind::policies) return refuse_creation(std::move(request), parent);
    if (auto may = may_register(request.caller()); !may) return refuse(request, where, may.error());
    if (registry_.policies().find(name) != nullptr)
        return refuse(request, where, {EEXIST, "a policy of that name is registered"});

    const auto loading = std::make_shared<Loading>(std::move(request));
    loading->name = name;
    loading->path = target;
    background_->run(
        [loader = loader_, loading] {
            try {
                loading->module = loader->load(loading->path);
            } catch (const std::bad_alloc&) {  // which is what it says already
            }
        },
        [this, loading] {
            const core::AssumeLoop here;
            try {
                register_module(std::move(loading->request), loading->name, loading->path,
                                std::move(loading->module));
            } catch (const std::bad_alloc&) {  // the request has answered for itself
            }
        });
}

Result<void> Filesystem::may_register(const core::Credentials& caller) const {
    if (background_ == nullptr) return fail(EPERM, "this daemon loads no modules");
    if (caller.uid == daemon_.uid) return {};
    return fail(EPERM, "only the user that the daemon runs as registers policies, which is " +
                           std::to_string(daemon_.uid));
}

void Filesystem::register_module(Request request, const std::string& name, const std::string& path,
                                 Result<std::unique_ptr<Module>> module) {
    const std::uint64_t shown = Inodes::shown({.kind = Kind::policies});
    if (!module) return refuse(request, shown, module.error());
    const auto policy = add_module(registry_.policies(), std::move(*module), path, name);
    if (!policy) return refuse(request, shown, policy.error());
    const std::uint32_t serial = (*policy)->serial;
    Change change;
    try {
        change.undo = [this, name] {
            const core::AssumeLoop here;
            static_cast<void>(registry_.policies().remove(name));
        };
    } catch (const std::bad_alloc&) {
        static_cast<void>(registry_.policies().remove(name));
        throw;
    }
    commit(std::move(request), shown, std::move(change), [this, serial](Request& answer) {
        if (registry_.policies().find(serial) == nullptr) return answer.error(ENOENT);
        answer.entry(entry_for({.kind = Kind::policy, .number = serial}));
    });
}

void Filesystem::readlink(Request request, fuse_ino_t node) {
    const Place place = inodes_.find(node);
    if (place.kind != Kind::policy) return request.error(EINVAL);
    request.link(registry_.policies().find(place.number)->origin().path);
}

// The words of a refusal are the directory's: the kernel shows no attributes of a link.
void Filesystem::unregister(Request request, const Place& place) {
    const std::uint64_t shown = Inodes::shown({.kind = Kind::policies});
    const Policy& policy = *registry_.policies().find(place.number);
    if (auto may = may_register(request.caller()); !may) return refuse(request, shown, may.error());
    if (policy.origin().code == nullptr)
        return refuse(request, shown, {EPERM, "this policy is a part of the daemon"});
    // What was taken out is unloaded when nobody can want it back any more.
    auto removed = std::make_shared<std::unique_ptr<Policy>>();
    Change change{[this, removed] {
        if (*removed != nullptr) static_cast<void>(registry_.policies().add(std::move(*removed)));
    }};
    auto out = registry_.policies().remove(policy.name());
    if (!out) return refuse(request, shown, out.error());
    *removed = std::move(*out);
    commit(std::move(request), shown, std::move(change), [](Request& answer) { answer.ok(); });
}

// ---- loading, without a request

Result<Policy*> add_module(core::Policies& policies, std::unique_ptr<Module> module,
                           const std::string& path, std::string_view name) {
    const std::shared_ptr<Module> code(std::move(module));
    const auto about = [&](Error error) { return fail(error.code, path + ": " + error.words); };
    const auto table = policies.start(code->start(), path);
    if (!table) return about(table.error());
    auto policy = Policy::read(*table, {path, code});
    if (!policy) return about(policy.error());
    if (!name.empty() && (*policy)->name() != name) {
        return fail(EINVAL, path + " is policy '" + (*policy)->name() +
                                "', and the name of the link must be the same");
    }
    return policies.add(std::move(*policy));
}

}  // namespace ipn::fs
