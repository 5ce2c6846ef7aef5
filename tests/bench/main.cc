// ipnfs-bench: measures ipnfs beside its peers in one run, and says how it does. See README.md.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "recorded.h"
#include "report.h"
#include "sandbox.h"
#include "suite.h"

namespace {

constexpr int exit_skipped = 77;  // for meson: cannot be measured here
constexpr std::chrono::seconds quick_timeout{400};
constexpr std::chrono::seconds full_timeout{3600};

struct Arguments {
    std::string ipnfs;
    bool peers_only = false;
    bool quick = false;
    unsigned rounds = 5;
    std::vector<std::string> sections;
    std::vector<unsigned> readers;
    std::vector<std::size_t> packets;
    std::string json;
    std::string record;
    std::string check;
};

struct Section {
    std::string name;
    void (bench::Suite::*run)();
};

const std::vector<Section> sections = {
    {"fanout", &bench::Suite::fan_out},      {"roundtrip", &bench::Suite::round_trip},
    {"oneway", &bench::Suite::one_way},      {"stream", &bench::Suite::stream},
    {"footprint", &bench::Suite::footprint},
};

void describe(CLI::App& app, Arguments& arguments) {
    app.description(
        "Measures ipnfs beside its peers, interleaved, and prints the ratios. Needs root.");
    app.add_option("--ipnfs", arguments.ipnfs, "the ipnfs program")->envname("IPNFS");
    app.add_flag("--peers-only", arguments.peers_only, "measure without ipnfs");
    app.add_flag("--quick", arguments.quick, "the short form, under two minutes");
    app.add_option("--rounds", arguments.rounds, "interleaved rounds of each figure")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    std::vector<std::string> names;
    for (const Section& section : sections) names.push_back(section.name);
    app.add_option("--only", arguments.sections, "measure only these sections")
        ->check(CLI::IsMember(names));
    app.add_option("--readers", arguments.readers, "numbers of readers in fan-outs");
    app.add_option("--packets", arguments.packets, "bytes of the packets in fan-outs")
        ->check(CLI::Range(64, 65535));
    app.add_option("--json", arguments.json, "write all rounds to this file");
    app.add_option("--record", arguments.record, "remember this run's ratios in this file");
    app.add_option("--check", arguments.check,
                   "fail if a ratio is more than 25 % worse than the one in this file");
}

bool selected(const Arguments& arguments, const std::string& section) {
    const auto& chosen = arguments.sections;
    return chosen.empty() || std::find(chosen.begin(), chosen.end(), section) != chosen.end();
}

bench::SuiteSetup setup_of(const Arguments& arguments, const std::string& directory) {
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    bench::SuiteSetup setup{.directory = directory,
                            .ipnfs = std::nullopt,
                            .naive_hub = {.program = beside / "naive_hub", .directory = directory},
                            .allocation_counter = beside / "count_allocations.so",
                            .rounds = arguments.rounds,
                            .quick = arguments.quick,
                            .readers = arguments.readers,
                            .packets = arguments.packets};
    if (!arguments.peers_only) {
        setup.ipnfs = {.program = std::filesystem::absolute(arguments.ipnfs),
                       .directory = directory};
    }
    return setup;
}

bench::Results measure(const Arguments& arguments, const std::string& directory) {
    bench::Results results;
    double load = 0;
    ::getloadavg(&load, 1);
    results.add_note(fmt::format("load of the machine at the start: {:.1f}", load));
    bench::Suite suite(setup_of(arguments, directory), results);
    for (const Section& section : sections) {
        if (!selected(arguments, section.name)) continue;
        try {
            (suite.*section.run)();
        } catch (const std::exception& error) {
            results.add_failure(section.name + ": " + error.what());
        }
    }
    bench::print_report(results);
    return results;
}

// One run may be unlucky, since others use the machine too: what looks worse is measured once more.
int check(const Arguments& arguments, const std::string& directory, const bench::Results& results) {
    auto found = bench::regressions(results, arguments.check);
    if (!found.empty()) {
        fmt::print("\n{} worse than recorded: measured again\n", found.size());
        const auto again = measure(arguments, directory);
        found = bench::confirmed(found, bench::regressions(again, arguments.check));
    }
    for (const auto& regression : found) fmt::print("REGRESSION {}\n", regression.words);
    return found.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run(const Arguments& arguments, const std::string& directory) {
    const auto results = measure(arguments, directory);
    if (!arguments.json.empty()) bench::write_json(results, arguments.json);
    if (!arguments.record.empty()) bench::record(results, arguments.record);
    return arguments.check.empty() ? EXIT_SUCCESS : check(arguments, directory, results);
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app;
    describe(app, arguments);
    CLI11_PARSE(app, argc, argv);
    if (!arguments.peers_only && !std::filesystem::exists(arguments.ipnfs)) {
        fmt::print(stderr, "ipnfs-bench: no ipnfs program; give --ipnfs or --peers-only\n");
        return exit_skipped;
    }
    if (::geteuid() != 0) {
        fmt::print(stderr, "ipnfs-bench: needs root, for mounts and namespaces\n");
        return exit_skipped;
    }
    return bench::run_in_sandbox(
        arguments.quick ? quick_timeout : full_timeout,
        [&](const std::string& directory) { return run(arguments, directory); });
}
