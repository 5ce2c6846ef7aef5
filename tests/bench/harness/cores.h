// Cores: on which processors this process and the children it starts run, while the object lives.
// Both placements matter: waking a process on another core costs many times a wake-up on the same
// one.
#pragma once

#include <sched.h>

#include <string_view>

namespace bench {

enum class Placement { all_cores, one_core };

inline std::string_view name_of(Placement placement) {
    return placement == Placement::one_core ? "one core" : "all cores";
}

class Cores {
  public:
    explicit Cores(Placement placement);
    ~Cores();
    Cores(const Cores&) = delete;
    Cores& operator=(const Cores&) = delete;

  private:
    cpu_set_t before_;
};

}  // namespace bench
