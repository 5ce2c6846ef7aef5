// TestCommit: a gate that a test closes, opens and breaks.
//
// Like the one to come it acknowledges several changes at once, in their order, and undoes those
// that could not be saved in the reverse order.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "core/commit.h"

namespace ipn::test {

class TestCommit final : public core::Commit {
  public:
    void submit(core::Change change, std::unique_ptr<core::Completion> done) override {
        waiting_.push_back({std::move(change), std::move(done)});
        if (!held_) release();
    }

    // From now on changes wait for release().
    void hold() { held_ = true; }
    // From now on changes fail, those that wait included.
    void fail_with(core::Error error) { error_ = std::move(error); }

    void release() {
        held_ = false;
        std::vector<Waiting> all = std::exchange(waiting_, {});
        if (error_) {
            for (auto waiting = all.rbegin(); waiting != all.rend(); ++waiting)
                if (waiting->change.undo) waiting->change.undo();
        }
        for (Waiting& waiting : all) {
            if (error_)
                waiting.done->finished(tl::unexpected(*error_));
            else
                waiting.done->finished({});
        }
    }

    std::size_t waiting() const { return waiting_.size(); }

  private:
    struct Waiting {
        core::Change change;
        std::unique_ptr<core::Completion> done;
    };
    std::vector<Waiting> waiting_;
    bool held_ = false;
    std::optional<core::Error> error_;
};

}  // namespace ipn::test
