// Ownership: whose a file is and what others may do with it. Kept here, enforced by the kernel.
#pragma once

#include <cstdint>

namespace ipn::core {

struct Ownership {
    std::uint32_t mode = 0;  // permission bits only, 0..07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;

    bool operator==(const Ownership&) const = default;
};

}  // namespace ipn::core
