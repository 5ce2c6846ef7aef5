#include "netdev/host.h"

#include <new>
#include <system_error>

#include "netdev/grab.h"
#include "netdev/tap.h"

namespace ipn::netdev {

using core::Result;

std::shared_ptr<Intake> Host::intake() {
    std::shared_ptr<Intake> shared = intake_.lock();
    if (!shared) intake_ = shared = std::make_shared<Intake>(ring_, registry_, uid_);
    return shared;
}

void Host::run(const std::function<void()>& job, std::function<void()> done) try {
    worker_.run(job, done);
} catch (const std::bad_alloc&) {
    job();
    done();
}

Result<const Namespace*> Host::nursery() {
    if (!nursery_) {
        auto made = Namespace::make();
        if (!made) return tl::unexpected(made.error());
        nursery_ = std::move(*made);
    }
    return &*nursery_;
}

namespace {

bool existed(const TapDevice& device) {
    return !device.made;
}
bool existed(const GrabDevice&) {
    return true;
}

// What the interface is driven by: made from what the worker made.
template <typename Driver, typename Device>
Result<core::InterfaceHost::Made> driven(Host& host, Result<Device> device,
                                         const core::Credentials& maker) try {
    if (!device) return tl::unexpected(device.error());
    std::string name = device->name;
    const bool there_before = existed(*device);
    return core::InterfaceHost::Made{std::make_unique<Driver>(host, std::move(*device), maker),
                                     std::move(name), there_before};
} catch (const std::bad_alloc&) {
    return core::fail(ENOMEM, "max_memory has no room to receive into");
} catch (const std::system_error& error) {
    return core::fail(error.code().value(), error.what());
}

}  // namespace

void Host::make(const Wish& wish, std::function<void(Result<Made>)> done) {
    if (wish.kind == core::NodeKind::grab) {
        ask<GrabDevice>(
            [wish] { return make_grab(wish); },
            [this, maker = wish.caller, done = std::move(done)](Result<GrabDevice> device) {
                done(driven<Grab>(*this, std::move(device), maker));
            });
        return;
    }
    ask<TapDevice>([this, wish] { return make_tap(*this, wish); },
                   [this, maker = wish.caller, done = std::move(done)](Result<TapDevice> device) {
                       done(driven<Tap>(*this, std::move(device), maker));
                   });
}

}  // namespace ipn::netdev
