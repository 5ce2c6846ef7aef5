// Interfaces of no kernel: nodes that record what becomes of them.
//
// FakeHost answers what it is asked when it is served, unless a test holds it, as the worker of the
// daemon does. Not done: packets; the tests on real interfaces have some.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/interface.h"
#include "core/network.h"
#include "core/node.h"

namespace ipn::test {

class FakeHost final : public core::InterfaceHost {
  public:
    void make(const Wish& wish, std::function<void(core::Result<Made>)> done) override;
    // Answers what waits; false if that was nothing.
    bool serve() {
        if (held || waiting_.empty()) return false;
        const auto answer = std::move(waiting_.front());
        waiting_.pop_front();
        answer();
        return true;
    }
    // The device of interface `name` goes.
    void vanish(const std::string& name);

    bool held = false;
    std::optional<core::Error> refusal;  // of what is made from now on
    std::optional<Wish> wish;            // the last one
    // What exists in the fake kernel: 2 if it stays there without us.
    std::map<std::string, int> exists;
    int closed = 0;

  private:
    class Fake;
    std::deque<std::function<void()>> waiting_;
    std::map<std::string, Fake*> interfaces_;
};

// One interface.
class FakeHost::Fake final : public core::Interface, private core::Endpoint {
  public:
    Fake(FakeHost& host, std::string name, core::Credentials maker)
        : host_(host), name_(std::move(name)), maker_(maker) {
        host_.interfaces_[name_] = this;
        host_.exists[name_] = 1;
    }
    ~Fake() override { host_.interfaces_.erase(name_); }

    core::Result<void> connect(core::Network& network) override {
        const core::AssumeLoop here;
        auto joining = std::make_unique<core::Node>(static_cast<core::Endpoint&>(*this));
        auto joined = network.join(
            *joining,
            {.role = core::Role::both, .kind = core::NodeKind::tap, .credentials = maker_});
        if (!joined) return joined;
        leave(Reason::moved);
        node_ = std::move(joining);
        return {};
    }
    core::Node* node() const override { return node_.get(); }
    void on_disconnected(std::function<void(std::string)> callback) override {
        disconnected_ = std::move(callback);
    }
    void inspect(std::function<void(core::Result<Facts>)> done) const override {
        host_.waiting_.push_back([done, facts = Facts{.name = name_,
                                                      .index = 7,
                                                      .mac = "02:00:00:00:00:07",
                                                      .mtu = 1500,
                                                      .up = true,
                                                      .netns = "net:[1]",
                                                      .offloads = ""}] { done(facts); });
    }
    void change(const Change&, std::function<void(core::Result<void>)> done) override {
        host_.waiting_.push_back([done] { done({}); });
    }
    void set_persistent(bool persistent, std::function<void(core::Result<void>)> done) override {
        host_.waiting_.push_back([this, persistent, done] {
            host_.exists[name_] = persistent ? 2 : 1;
            done({});
        });
    }
    void close(bool keep, std::function<void()> done) override {
        leave(Reason::none);
        host_.waiting_.push_back([&host = host_, name = name_, keep, done] {
            if (!keep) host.exists.erase(name);
            ++host.closed;
            done();
        });
    }

    void disconnect(core::Event::Reason reason, const std::string& words) {
        if (!node_) return;
        leave(reason);
        if (disconnected_) disconnected_(words);
    }

  private:
    using Reason = core::Event::Reason;

    void deliver() override {}
    void writable() override {}
    void state_changed() override {
        if (node_ && node_->state() != core::Node::State::connected)
            disconnect(Reason::cut, "it was cut");
    }
    void leave(Reason reason) {
        const core::AssumeLoop here;
        if (!node_) return;
        const auto leaving = std::move(node_);
        leaving->network().leave(*leaving, reason);
    }

    FakeHost& host_;
    const std::string name_;
    const core::Credentials maker_;
    std::unique_ptr<core::Node> node_;
    std::function<void(std::string)> disconnected_;
};

inline void FakeHost::make(const Wish& its_wish, std::function<void(core::Result<Made>)> done) {
    wish = its_wish;
    waiting_.push_back([this, its_wish, done] {
        if (refusal) return done(tl::unexpected(*refusal));
        const auto& wished = its_wish.name;
        const auto at = wished.find("%d");
        const std::string name =
            at == wished.npos ? wished : wished.substr(0, at) + "5" + wished.substr(at + 2);
        const bool existed = exists.contains(name);
        done(Made{std::make_unique<Fake>(*this, name, its_wish.caller), name, existed});
    });
}

inline void FakeHost::vanish(const std::string& name) {
    exists.erase(name);
    interfaces_.at(name)->disconnect(core::Event::Reason::vanished, "the interface has gone");
}

}  // namespace ipn::test
