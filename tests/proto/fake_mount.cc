#include "fake_mount.h"

#include <fcntl.h>

#include <cstring>

namespace ipn::test {

using Handled = fs::Session::Handled;

Answer written(std::size_t bytes) {
    fuse_write_out out{};
    out.size = static_cast<std::uint32_t>(bytes);
    return packet(raw(out));
}

Answer polled(int events) {
    fuse_poll_out out{};
    out.revents = static_cast<std::uint32_t>(events);
    return packet(raw(out));
}

Answer File::read(std::uint32_t size) {
    return kernel_.call(ask::read(handle, size, O_NONBLOCK));
}

Answer File::write(std::string_view data) {
    return kernel_.call(ask::write(handle, data, O_NONBLOCK));
}

FakeMount::FakeMount(const core::Registry::Limits& limits, const core::Ownership& root,
                     const RingSupport& ring)
    : world(limits),
      filesystem(world.registry, commit, root),
      kernel([this] { serve(); }),
      session(std::make_unique<fs::Session>(
          filesystem, "default_permissions",
          [this](fs::Session::Protocol agreed) { protocol = agreed; })) {
    filesystem.load_modules_with(background, loader);
    kernel.ring.entries_max = ring.entries_max;
    if (ring.wanted) session->offer(kernel.ring, world.registry);
    filesystem.make_interfaces_with(host, false);
    session->attach(kernel.take_daemons_end());
    init = kernel.call(
        ask::init(45, UINT32_MAX & ~FUSE_INIT_RESERVED, ring.offered ? fs::kOverIoUring : 0));
}

void FakeMount::end_session() {
    if (session) session->close_ring();
    kernel.close_ring();
    session.reset();
}

FakeMount::~FakeMount() {
    end_session();
    close_interfaces();
}

void FakeMount::close_interfaces() {
    const core::AssumeLoop here;
    filesystem.close_interfaces();
    host.held = false;
    while (host.serve()) {
    }
}

void FakeMount::serve() {
    core::WorkQueue& work = world.registry.work();
    for (bool idle = false; !idle;) {
        const bool ring_busy = session && kernel.ring.busy();
        if (session) {
            kernel.ring.turn();
            session->attend_ring();
        }
        const Handled handled = session && !ended ? session->handle_one() : Handled::nothing;
        ended = ended || handled == Handled::ended;
        const bool busy = ring_busy || background.serve() || host.serve();
        idle = handled != Handled::request && work.empty() && !busy;
        if (handled != Handled::request && !work.empty()) work.run_one();
        kernel.collect();
    }
}

Answer FakeMount::walk(std::string_view path) {
    Answer answer;
    std::uint64_t at = ask::kRoot;
    while (answer.error == 0 && !path.empty()) {
        const std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(name.size() + 1, path.size()));
        answer = kernel.call(ask::lookup(at, name));
        at = answer.as<fuse_entry_out>().nodeid;
    }
    return answer;
}

fuse_entry_out FakeMount::look_up(std::string_view path) {
    const Answer answer = walk(path);
    IPN_CHECK(answer.error == 0);
    return answer.as<fuse_entry_out>();
}

bool FakeMount::exists(std::string_view path) {
    return walk(path).error == 0;
}

fuse_attr FakeMount::stat(std::uint64_t node) {
    return kernel.call(ask::getattr(node)).as<fuse_attr_out>().attr;
}

File FakeMount::open(std::string_view path, int flags) {
    const std::uint64_t at = node(path);
    const Answer opened = kernel.call(ask::open(at, flags));
    IPN_CHECK(opened.error == 0);
    return {kernel, at, opened.as<fuse_open_out>().fh};
}

int FakeMount::set(std::uint64_t node, std::string_view attribute, std::string_view value) {
    return kernel.call(ask::setxattr(node, "user.ipn." + std::string(attribute), value)).error;
}

std::string FakeMount::get(std::uint64_t node, std::string_view attribute) {
    const Answer answer = kernel.call(ask::getxattr(node, "user.ipn." + std::string(attribute)));
    return answer.error == 0 ? answer.data : "<" + std::string(strerrorname_np(answer.error)) + ">";
}

}  // namespace ipn::test
