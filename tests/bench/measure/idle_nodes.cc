#include "measure/idle_nodes.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>

#include "harness/board.h"
#include "harness/errors.h"
#include "harness/fd.h"
#include "harness/shared.h"

namespace bench {

std::vector<std::string> make_networks(IpnfsMount& mount, const std::string& name, unsigned count,
                                       const IpnfsMount::Options& options) {
    std::vector<std::string> networks;
    for (unsigned number = 0; number < count; ++number) {
        networks.push_back(mount.make_network(name + std::to_string(number), options));
    }
    return networks;
}

Process start_idle_nodes(const std::vector<std::string>& networks, unsigned nodes_per_network) {
    const Shared<std::atomic<unsigned>> joined;
    Process holder = Process::fork("idle nodes", [&] {
        std::vector<Fd> nodes;
        for (const std::string& network : networks) {
            const std::string port = network + "/port";
            for (unsigned node = 0; node < nodes_per_network; ++node) {
                nodes.emplace_back(check(::open(port.c_str(), O_RDWR | O_CLOEXEC), port));
            }
        }
        joined->store(1);
        for (;;) ::pause();
    });
    wait_for_count(*joined, 1);
    return holder;
}

}  // namespace bench
