#include "fs/statistics_text.h"

#include <fmt/format.h>

#include <iterator>
#include <map>
#include <vector>

#include "core/statistics.h"

namespace ipn::fs {

using core::Network;
using core::Node;
using core::Statistic;

namespace {

template <typename Function>
void for_each_node(const Network& network, Function function) {
    for (std::uint32_t number = 0; number < network.ports_end(); ++number)
        if (const Node* node = network.node_at(number)) function(*node);
}

// Samples by their families, each of which stands in one piece, in the order of their first
// samples.
class Families {
  public:
    // `labels` as in {…}, or empty.
    void add(std::string_view prefix, const Statistic& statistic, std::string_view labels) {
        const std::string name = family_name(prefix, statistic.name);
        const auto [found, added] = index_.try_emplace(name, families_.size());
        if (added) families_.push_back({name, statistic.kind, statistic.help, {}});
        Family& family = families_[found->second];
        const bool counter = family.kind == Statistic::Kind::counter;
        fmt::format_to(std::back_inserter(family.samples), "{}{}{} {}\n", name,
                       counter ? "_total" : "", labels, statistic.value);
    }

    std::string text() const {
        std::string text;
        for (const Family& family : families_) {
            const bool counter = family.kind == Statistic::Kind::counter;
            fmt::format_to(std::back_inserter(text), "# TYPE {} {}\n", family.name,
                           counter ? "counter" : "gauge");
            if (family.name.ends_with("_bytes"))
                fmt::format_to(std::back_inserter(text), "# UNIT {} bytes\n", family.name);
            fmt::format_to(std::back_inserter(text), "# HELP {} {}.\n", family.name, family.help);
            text += family.samples;
        }
        return text += "# EOF\n";
    }

  private:
    struct Family {
        std::string name;
        Statistic::Kind kind;
        std::string help;
        std::string samples;
    };

    // A policy's name may have hyphens, and a dot stands behind it.
    static std::string family_name(std::string_view prefix, std::string_view statistic) {
        std::string name = fmt::format("ipnfs_{}{}", prefix, statistic);
        for (char& c : name)
            if (c == '.' || c == '-') c = '_';
        return name;
    }

    std::vector<Family> families_;
    std::map<std::string, std::size_t> index_;
};

}  // namespace

std::string stats_text(Network& network) {
    std::string text;
    for (const Statistic& each : core::statistics_of(network))
        fmt::format_to(std::back_inserter(text), "{} {}\n", each.name, each.value);
    for_each_node(network, [&text](const Node& node) {
        for (const Statistic& each : core::statistics_of(node))
            fmt::format_to(std::back_inserter(text), "port.{}.{} {}\n", node.number(), each.name,
                           each.value);
    });
    return text;
}

std::string metrics_text(core::Registry& registry) {
    using Kind = Statistic::Kind;
    Families families;
    families.add("", {"networks", Kind::gauge, registry.size(), "Networks of the mount"}, {});
    families.add(
        "",
        {"memory_bytes", Kind::gauge, registry.memory().used(), "Memory of packets on their way"},
        {});
    families.add("",
                 {"memory_limit_bytes", Kind::gauge, registry.memory().limit(),
                  "The most memory that packets may have, max_memory"},
                 {});
    for (const auto& [name, network] : registry.by_name()) {
        if (network->state() != Network::State::up) continue;
        const std::string of_network =
            fmt::format(R"(network="{}",netid="{}")", name, network->id());
        const std::string labels = "{" + of_network + "}";
        for (const Statistic& each : core::statistics_of(*network))
            families.add("network_", each, labels);
        for_each_node(*network, [&](const Node& node) {
            const std::string of_port =
                fmt::format(R"({{{},port="{}"}})", of_network, node.number());
            for (const Statistic& each : core::statistics_of(node))
                families.add("port_", each, of_port);
        });
    }
    return families.text();
}

}  // namespace ipn::fs
