#include "fs/interfaces.h"

#include <new>
#include <utility>
#include <vector>

namespace ipn::fs {

using core::Network;
using Reason = core::Event::Reason;
using Persist = InterfaceFile::Persist;

Interfaces::Interfaces(core::Registry& registry) : registry_(registry) {
    registry_.on_gone([this](std::uint64_t network) {
        const core::AssumeLoop here;
        end([network](const InterfaceFile& file) { return file.network == network; });
    });
}

Interfaces::~Interfaces() {
    registry_.on_gone({});
    IPN_CHECK(files_.empty());
}

core::Result<InterfaceFile*> Interfaces::announce(const Network& network, core::NodeKind kind,
                                                  std::string_view name, core::Ownership file) {
    for (const auto& [id, other] : files_) {
        const bool there = !other->closing && other->network == network.id();
        if (there && other->entry.kind == kind && other->entry.name == name)
            return core::fail(EEXIST, "there is such an interface here already");
    }
    auto announced = std::make_unique<InterfaceFile>();
    announced->id = last_id_ + 1;
    announced->network = network.id();
    announced->entry.kind = kind;
    announced->entry.name = name;
    announced->file = file;
    InterfaceFile* added = announced.get();
    files_.emplace(added->id, std::move(announced));
    ++last_id_;
    return added;
}

void Interfaces::complete(InterfaceFile& file, std::string name, core::Credentials maker,
                          bool existed) {
    file.entry.maker = maker;
    file.interface->on_disconnected([this, id = file.id](std::string reason) {
        const core::AssumeLoop here;
        disconnected(id, std::move(reason));
    });
    file.entry.name = std::move(name);
    file.hidden = false;
    registry_.find(file.network)
        ->add_interface(file.entry, file.interface->node(),
                        existed ? Reason::attached : Reason::created);
}

core::Result<void> Interfaces::move(InterfaceFile& file, Network& target) {
    Network& left = *registry_.find(file.network);
    std::string left_name = left.name();
    file.entry.peer = target.name();
    // The file is the other network's first, since the one that is left may go with it.
    const std::uint64_t before = std::exchange(file.network, target.id());
    const bool unconnected = file.interface->node() == nullptr;
    core::Result<void> connected;
    try {
        connected = file.interface->connect(target);
    } catch (const std::bad_alloc&) {
        file.network = before;
        throw;
    }
    if (!connected) {
        file.network = before;
        return connected;
    }
    if (unconnected && file.entry.linked()) left.remove_interface(file.entry, Reason::moved_away);
    file.entry.peer = std::move(left_name);
    target.add_interface(file.entry, file.interface->node(), Reason::moved);
    file.reason.clear();
    return {};
}

InterfaceFile* Interfaces::find_any(std::uint64_t id) const {
    const auto found = files_.find(id);
    return found == files_.end() ? nullptr : found->second.get();
}

InterfaceFile* Interfaces::find(std::uint64_t id) const {
    InterfaceFile* file = find_any(id);
    return file == nullptr || file->hidden ? nullptr : file;
}

InterfaceFile* Interfaces::find(const Network& network, core::NodeKind kind,
                                std::string_view name) const {
    for (const auto& [id, file] : files_)
        if (is_in(*file, network, kind) && file->entry.name == name) return file.get();
    return nullptr;
}

bool Interfaces::any_of(const Network& network) const {
    for (const auto& [id, file] : files_)
        if (!file->hidden && file->network == network.id()) return true;
    return false;
}

void Interfaces::remove(std::uint64_t id, std::function<void()> done) {
    InterfaceFile* file = find_any(id);
    if (file == nullptr || file->closing) return done();
    close(*file, false, std::move(done));
}

void Interfaces::hide(std::uint64_t id, bool hidden) {
    InterfaceFile* file = find_any(id);
    if (file != nullptr && !file->closing) file->hidden = hidden;
}

void Interfaces::close(InterfaceFile& file, bool keep, std::function<void()> done) {
    file.hidden = file.closing = true;
    if (!file.interface) {
        files_.erase(file.id);
        return done();
    }
    if (file.entry.linked() && file.entry.node == nullptr)
        registry_.find(file.network)->remove_interface(file.entry, Reason::removed);
    file.interface->close(keep, [this, id = file.id, done = std::move(done)] {
        files_.erase(id);
        done();
    });
}

void Interfaces::release_control(std::uint64_t id) {
    InterfaceFile* file = find(id);
    if (file == nullptr) return;
    file->controlled = false;
    if (file->persist == Persist::until_closed) remove(id);
}

void Interfaces::disconnected(std::uint64_t id, std::string reason) {
    InterfaceFile* file = find(id);
    if (file == nullptr) return;
    file->reason = std::move(reason);
    const Network* network = registry_.find(file->network);
    const bool ended = network == nullptr || network->state() != Network::State::up;
    if (ended || file->persist == Persist::until_closed)
        close(*file, file->persist == Persist::in_kernel, [] {});
}

template <typename Predicate>
void Interfaces::end(Predicate predicate) {
    std::vector<InterfaceFile*> ending;
    for (const auto& [id, file] : files_)
        if (file->interface && !file->closing && predicate(*file)) ending.push_back(file.get());
    for (InterfaceFile* file : ending)
        if (!file->closing) close(*file, file->persist == Persist::in_kernel, [] {});
}

void Interfaces::close_all() {
    end([](const InterfaceFile&) { return true; });
}

}  // namespace ipn::fs
