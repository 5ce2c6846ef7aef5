// Policy: a registered policy's table, as this edition of <ipn/policy.h> understands it.
//
// A module may have been built with an older header, whose table is shorter, or with a newer one,
// whose table is longer. Here is a copy of what both know; members that the module's table lacks
// are 0, so that nobody else has to ask what is there. Lifecycle: made by read(), which checks it;
// belongs to Policies while it is registered. The names and functions in it stay the module's,
// which outlives it. Invariants: what read() has checked holds: names are well formed and told
// apart, every function that something needs is there. Threads: the loop only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/events.h"
#include "ipn/policy.h"

namespace ipn::core {

class Policy {
  public:
    // Where a policy comes from.
    struct Origin {
        std::string path;            // of its module, or of the program that it is a part of
        std::shared_ptr<void> code;  // keeps the module loaded; null: part of the program
    };

    // EPROTO with words that say what is wrong.
    static Result<std::unique_ptr<Policy>> read(const ipn_policy* table, Origin origin = {});
    // What stands for a module that has not handed its table over yet.
    static std::unique_ptr<Policy> nameless(std::string called);

    const std::string& name() const { return name_; }
    const Origin& origin() const { return origin_; }
    const ipn_policy& table() const { return table_; }
    // Whether networks can be bound to it; otherwise it only watches them (hooks).
    bool handles_packets() const { return table_.handlemsg != nullptr; }

    std::span<const ipn_option> options() const { return {table_.options, table_.options_count}; }
    std::span<const ipn_preset> presets() const { return {table_.presets, table_.presets_count}; }
    std::span<const ipn_view> views() const { return {table_.views, table_.views_count}; }
    std::span<const ipn_stat> stats() const { return {table_.stats, table_.stats_count}; }
    const ipn_endpoints* endpoints() const { return table_.endpoints; }
    const ipn_hooks* hooks() const { return table_.hooks == nullptr ? nullptr : &hooks_; }

    // The index of the option of that name.
    std::optional<std::size_t> find_option(std::string_view name) const;
    // What the network option of that name is at first under this policy; null: as without it.
    const char* preset(std::string_view option) const;

    // ---- what the daemon keeps with it

    Stamp registered;            // when it was
    std::uint32_t serial = 0;    // no other policy of this mount ever has it
    std::uint32_t networks = 0;  // that are bound to it
    // Its networks' options that are another at first, as set on the root of the mount: by index.
    std::map<std::size_t, std::string> defaults;
    bool told_of_nonsense = false;  // that its calls answer

  private:
    Policy(const ipn_policy& table, Origin origin);
    Result<void> check() const;

    Origin origin_;  // goes last: what else is here may point into it
    ipn_policy table_{};
    ipn_hooks hooks_{};
    std::string name_;
};

}  // namespace ipn::core
