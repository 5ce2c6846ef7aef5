// Background: where what may wait for a disk is done.
//
// `job` runs on another thread, after those handed over before; `done` on the loop, later. Neither
// may throw; run() may (std::bad_alloc), having done nothing. See netdev/ring/worker.h.
#pragma once

#include <functional>

namespace ipn::fs {

class Background {
  public:
    virtual ~Background() = default;
    virtual void run(std::function<void()> job, std::function<void()> done) = 0;
};

}  // namespace ipn::fs
