// Policy: which tables are taken, and what of them.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/policy.h"
#include "recording_policy.h"
#include "world.h"

namespace ipn::test {
namespace {

using core::Policy;

// The words against the full table with one change; "" if it is taken.
template <typename Change>
std::string refused(Change change) {
    ipn_policy table = RecordingPolicy::full_table();
    change(table);
    const auto read = Policy::read(&table);
    if (read) return "";
    EXPECT_EQ(read.error().code, EPROTO);
    return read.error().words;
}

TEST(PolicyTableTest, IsTakenWithAllThatItHas) {
    const auto read = Policy::read(&RecordingPolicy::full_table());
    ASSERT_TRUE(read);
    const Policy& policy = **read;
    EXPECT_EQ(policy.name(), "full");
    EXPECT_TRUE(policy.handles_packets());
    EXPECT_EQ(policy.table().length_min, 2U);
    EXPECT_EQ(policy.options().size(), 6U);
    EXPECT_EQ(policy.find_option("label"), 3U);
    EXPECT_EQ(policy.find_option("no_such"), std::nullopt);
    EXPECT_STREQ(policy.preset("mtu"), "100");
    EXPECT_EQ(policy.preset("type"), nullptr);
    EXPECT_EQ(policy.views().size(), 2U);
    EXPECT_EQ(policy.stats().size(), 1U);
    EXPECT_STREQ(policy.endpoints()->directory, "rooms");
    EXPECT_EQ(policy.hooks(), nullptr);
}

TEST(PolicyTableTest, OfTheFirstEditionLacksWhatCameLater) {
    // As a module of that edition has it: nothing may be read behind its end.
    constexpr std::size_t kSize = offsetof(ipn_policy, length_min);
    const auto memory = std::make_unique<unsigned char[]>(kSize);
    std::memcpy(memory.get(), &RecordingPolicy::full_table(), kSize);
    std::memcpy(memory.get(), &kSize, sizeof kSize);
    const auto read = Policy::read(reinterpret_cast<const ipn_policy*>(memory.get()));
    ASSERT_TRUE(read);
    const Policy& policy = **read;
    EXPECT_EQ(policy.name(), "full");
    EXPECT_EQ(policy.table().length_min, 0U);
    EXPECT_TRUE(policy.options().empty());
    EXPECT_TRUE(policy.presets().empty());
    EXPECT_TRUE(policy.views().empty());
    EXPECT_TRUE(policy.stats().empty());
    EXPECT_EQ(policy.table().ioctl, nullptr);
    EXPECT_EQ(policy.endpoints(), nullptr);
}

TEST(PolicyTableTest, MayHaveGrown) {
    EXPECT_EQ(refused([](ipn_policy& table) { table.struct_size += 64; }), "");
}

TEST(PolicyTableTest, OfAnotherApiIsRefused) {
    EXPECT_FALSE(Policy::read(nullptr));
    EXPECT_NE(refused([](ipn_policy& table) { table.api = 2; }), "");
    EXPECT_NE(refused([](ipn_policy& table) { table.api = 0; }), "");
    EXPECT_NE(refused([](ipn_policy& table) { table.struct_size = 0; }), "");
    EXPECT_NE(refused([](ipn_policy& table) {
                  table.struct_size = offsetof(ipn_policy, length_min) - 1;
              }),
              "");
}

TEST(PolicyTableTest, HasANameOfLowercaseLettersDigitsAndHyphens) {
    for (const char* good : {"a", "9", "l3-switch", "-"})
        EXPECT_EQ(refused([&](ipn_policy& table) { table.name = good; }), "") << good;
    const std::string too_long(64, 'x');
    for (const char* bad : {"", "Hub", "a b", "a.b", "a/b", "a_b", "ä", "capture"})
        EXPECT_NE(refused([&](ipn_policy& table) { table.name = bad; }), "") << bad;
    EXPECT_NE(refused([&](ipn_policy& table) { table.name = too_long.c_str(); }), "");
    EXPECT_NE(refused([](ipn_policy& table) { table.name = nullptr; }), "");
}

TEST(PolicyTableTest, HandlesPacketsOrHasHooks) {
    const ipn_hooks hooks{.struct_size = sizeof(ipn_hooks),
                          .create = [](ipn_net*) -> void* { return nullptr; },
                          .destroy = [](ipn_net*, void*) {}};
    EXPECT_NE(refused([](ipn_policy& table) { table.handlemsg = nullptr; }), "");
    EXPECT_EQ(refused([&](ipn_policy& table) {
                  table.handlemsg = nullptr;
                  table.hooks = &hooks;
              }),
              "");
}

TEST(PolicyTableTest, HooksCreateAndDestroy) {
    ipn_hooks hooks{.struct_size = sizeof(ipn_hooks),
                    .create = [](ipn_net*) -> void* { return nullptr; },
                    .destroy = [](ipn_net*, void*) {}};
    const auto with_hooks = [&] {
        return refused([&](ipn_policy& table) { table.hooks = &hooks; });
    };
    EXPECT_EQ(with_hooks(), "");
    hooks.struct_size = offsetof(ipn_hooks, destroy);
    EXPECT_NE(with_hooks(), "");
    hooks.struct_size = sizeof hooks;
    hooks.destroy = nullptr;
    EXPECT_NE(with_hooks(), "");
    hooks.destroy = [](ipn_net*, void*) {};
    hooks.create = nullptr;
    EXPECT_NE(with_hooks(), "");
}

TEST(PolicyTableTest, OptionsAreWellFormed) {
    const auto with = [](ipn_option option) {
        return refused([&](ipn_policy& table) {
            table.options = &option;
            table.options_count = 1;
        });
    };
    EXPECT_EQ(with({"a_9", "", "", IPN_OPTION_NET}), "");
    EXPECT_EQ(with({"a", "", nullptr, IPN_OPTION_PORT | IPN_OPTION_READ_ONLY}), "");
    for (const char* bad : {"", "A", "a-b", "a.b", "a b"})
        EXPECT_NE(with({bad, "", "", IPN_OPTION_NET}), "") << bad;
    EXPECT_NE(with({nullptr, "", "", IPN_OPTION_NET}), "");
    EXPECT_NE(with({"a", "", "", 0}), "") << "of nothing";
    EXPECT_NE(with({"a", "", nullptr, IPN_OPTION_NET}), "") << "nothing to go back to";
    EXPECT_NE(refused([](ipn_policy& table) { table.setsockopt = nullptr; }), "");
    EXPECT_NE(refused([](ipn_policy& table) { table.getsockopt = nullptr; }), "");
    EXPECT_NE(refused([](ipn_policy& table) { table.options = nullptr; }), "");
    EXPECT_NE(refused([](ipn_policy& table) { table.options_count = 1u << 20; }), "");
}

TEST(PolicyTableTest, NamesAreToldApart) {
    const ipn_option twice[] = {{"a", "", "", IPN_OPTION_NET}, {"a", "", "", IPN_OPTION_PORT}};
    EXPECT_NE(refused([&](ipn_policy& table) {
                  table.options = twice;
                  table.options_count = 2;
              }),
              "");
}

TEST(PolicyTableTest, PresetsAreValuesOfOptions) {
    const auto with = [](ipn_preset preset) {
        return refused([&](ipn_policy& table) {
            table.presets = &preset;
            table.presets_count = 1;
        });
    };
    EXPECT_EQ(with({"numnodes", "2"}), "");
    EXPECT_NE(with({"numnodes", "0"}), "");
    EXPECT_NE(with({"colour", "red"}), "");
    EXPECT_NE(with({"policy", "broadcast"}), "");
    EXPECT_NE(with({nullptr, "2"}), "");
    EXPECT_NE(with({"numnodes", nullptr}), "");
}

TEST(PolicyTableTest, ViewsStatisticsAndEndpointsAreComplete) {
    const ipn_view view{"v", nullptr};
    const ipn_stat stat{"s", IPN_STAT_GAUGE, nullptr};
    const ipn_endpoints rooms{"rooms", nullptr, nullptr, nullptr};
    EXPECT_NE(refused([&](ipn_policy& table) {
                  table.views = &view;
                  table.views_count = 1;
              }),
              "");
    EXPECT_NE(refused([&](ipn_policy& table) { table.stats = &stat; }), "");
    EXPECT_NE(refused([&](ipn_policy& table) { table.endpoints = &rooms; }), "");
}

TEST(PolicyTableTest, AtMostAThousandOfEachAreTaken) {
    constexpr std::size_t kMax = 1000;
    std::vector<std::string> names;
    for (std::size_t n = 0; n <= kMax; ++n) names.push_back("v" + std::to_string(n));
    std::vector<ipn_view> views;
    for (const std::string& name : names)
        views.push_back({name.c_str(), [](ipn_net*, ipn_text*) { return 0; }});
    const auto with = [&](std::size_t count) {
        return refused([&](ipn_policy& table) {
            table.views = views.data();
            table.views_count = count;
        });
    };
    EXPECT_EQ(with(kMax), "");
    EXPECT_NE(with(kMax + 1), "");
}

TEST(PolicyTableTest, TheDirectoryOfEndpointsHasANameOfItsOwn) {
    ipn_endpoints rooms = *RecordingPolicy::full_table().endpoints;
    for (const char* bad : {"port", "ports", "tap", "policy", "stats", "", "a/b", "Rooms", ".."}) {
        rooms.directory = bad;
        EXPECT_NE(refused([&](ipn_policy& table) { table.endpoints = &rooms; }), "") << bad;
    }
}

}  // namespace
}  // namespace ipn::test
