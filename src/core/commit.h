// Commit: the one gate through which every change that must last is acknowledged.
//
// A handler first makes the change in memory, then hands it over with the way to undo it and with
// what is to happen when it is safe; the caller is answered only then. Changes that come while
// others are being saved are saved together. Nothing on the loop waits: finished() may come much
// later, or within submit(). Threads: the loop only.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/error.h"

namespace ipn::core {

// How to undo what was done in memory, if it could not be made to last; empty if there is nothing
// to.
struct Change {
    std::function<void()> undo;
};

class Completion {
  public:
    virtual ~Completion() = default;
    virtual void finished(Result<void> result) = 0;
};

template <typename Function>
std::unique_ptr<Completion> completion(Function function) {
    class Holder final : public Completion {
      public:
        explicit Holder(Function f) : function_(std::move(f)) {}
        void finished(Result<void> result) override { function_(std::move(result)); }

      private:
        Function function_;
    };
    return std::make_unique<Holder>(std::move(function));
}

class Commit {
  public:
    virtual ~Commit() = default;
    // Calls done->finished() exactly once; before it with an error, change.undo(). Of several
    // changes that could not be saved the last is undone first.
    virtual void submit(Change change, std::unique_ptr<Completion> done) = 0;
};

// Keeps nothing beyond the mount: every change is final at once.
class VolatileCommit final : public Commit {
  public:
    void submit(Change, std::unique_ptr<Completion> done) override { done->finished({}); }
};

}  // namespace ipn::core
