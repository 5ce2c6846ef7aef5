#include "fs/client_signals.h"

#include <fstream>
#include <string>
#include <string_view>

namespace ipn::fs {

bool has_signal(std::uint32_t client) {
    if (client == 0) return false;
    std::ifstream status("/proc/" + std::to_string(client) + "/status");
    std::uint64_t pending = 0;
    std::uint64_t blocked = 0;
    for (std::string key; status >> key; status.ignore(4096, '\n')) {
        std::uint64_t mask = 0;
        if (key == "SigPnd:" || key == "ShdPnd:") {
            if (status >> std::hex >> mask) pending |= mask;
        } else if (key == "SigBlk:") {
            if (status >> std::hex >> mask) blocked = mask;
        }
    }
    return (pending & ~blocked) != 0;
}

}  // namespace ipn::fs
