// Modules and the thread that loads them, without files and threads.
//
// FakeLoader knows modules by path, as functions of this program, and counts those that are loaded;
// FakeBackground does its jobs when it is served, unless a test holds them. Not done: what is
// checked of files; the tests on real mounts load real ones.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "fs/background.h"
#include "fs/module.h"

namespace ipn::test {

class FakeBackground final : public fs::Background {
  public:
    void run(std::function<void()> job, std::function<void()> done) override {
        jobs_.push_back({std::move(job), std::move(done)});
    }
    // Does what was handed over; false if that was nothing.
    bool serve() {
        if (held || jobs_.empty()) return false;
        const auto [job, done] = std::move(jobs_.front());
        jobs_.pop_front();
        job();
        done();
        return true;
    }

    bool held = false;

  private:
    std::deque<std::pair<std::function<void()>, std::function<void()>>> jobs_;
};

class FakeLoader final : public fs::ModuleLoader {
  public:
    core::Result<std::unique_ptr<fs::Module>> load(const std::string& path) override {
        const auto found = modules.find(path);
        if (found == modules.end()) return core::fail(ENOENT, path + ": there is no such module");
        return std::make_unique<Loaded>(found->second, loaded);
    }

    std::map<std::string, fs::Module::Start> modules;
    int loaded = 0;  // and not unloaded yet

  private:
    class Loaded final : public fs::Module {
      public:
        Loaded(Start its_start, int& count) : start_(its_start), loaded_(count) { ++loaded_; }
        ~Loaded() override { --loaded_; }
        Loaded(const Loaded&) = delete;
        Loaded& operator=(const Loaded&) = delete;
        Start start() const override { return start_; }

      private:
        const Start start_;
        int& loaded_;
    };
};

}  // namespace ipn::test
