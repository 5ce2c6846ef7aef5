// FakeClock: time that passes only when a test says so.
#pragma once

#include "core/clock.h"

namespace ipn::test {

class FakeClock final : public core::Clock {
  public:
    core::Instant now() const override { return now_; }
    core::WallTime wall() const override { return core::WallTime(now_.time_since_epoch()); }
    core::WallTime exact_wall() const override { return wall(); }

    void advance(core::Duration time) { now_ += time; }

  private:
    core::Instant now_{std::chrono::hours(1)};
};

}  // namespace ipn::test
