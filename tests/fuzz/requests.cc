// Fuzz target: anything as FUSE requests, to a mount with the network "lab".
//
// The input is what FakeKernel records: each request behind its length, 32 bits in the machine's
// order. Header and all is the input's, but for the unique id, which is counted so that answers can
// be told apart. What must hold, whatever comes: one answer for each request that wants one, or
// none while it waits; nothing that a kernel would not take; and when all is let go, nothing is
// left. The INIT at the beginning is FakeMount's own; one in the input is a second one.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "fake_mount.h"

namespace {

using ipn::test::FakeMount;

void ask_everything(FakeMount& mount, std::string_view input) {
    std::uint32_t length = 0;
    while (input.size() > sizeof length && !mount.ended) {
        std::memcpy(&length, input.data(), sizeof length);
        input.remove_prefix(sizeof length);
        const std::string_view request = input.substr(0, length);
        input.remove_prefix(request.size());
        if (request.empty()) continue;  // a message of no bytes is the end of a socket
        mount.kernel.start_raw(std::string(request));
        mount.serve();
    }
}

// What stays though nobody holds it: interfaces, and packets for readers that join later.
void end_everything(FakeMount& mount) {
    mount.close_interfaces();
    const ipn::core::AssumeLoop here;
    std::vector<ipn::core::Network*> networks;
    mount.world.registry.for_each([&](auto& network) { networks.push_back(&network); });
    for (ipn::core::Network* network : networks) mount.world.registry.destroy(*network);
}

void expect_nothing_left(FakeMount& mount) {
    mount.kernel.let_everything_go();
    for (const std::string& what : mount.kernel.violations())
        std::fprintf(stderr, "%s\n", what.c_str());
    IPN_CHECK(mount.kernel.violations().empty());
    IPN_CHECK(mount.kernel.unanswered() == 0);
    IPN_CHECK(mount.filesystem.open_files() == 0);
    IPN_CHECK(mount.filesystem.fresh_inodes() == 0);
    end_everything(mount);
    IPN_CHECK(mount.world.registry.size() == 0);
    using Purpose = ipn::core::Memory::Purpose;
    for (const auto purpose :
         {Purpose::packet, Purpose::waiting, Purpose::receiving, Purpose::retained})
        IPN_CHECK(mount.world.registry.memory().used(purpose) == 0);
    IPN_CHECK(mount.world.registry.memory().accounts() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kInputMax = 64 * 1024;  // so that every answer fits the socket
    FakeMount mount;
    ask_everything(mount, {reinterpret_cast<const char*>(data), std::min(size, kInputMax)});
    expect_nothing_left(mount);
    return 0;
}
