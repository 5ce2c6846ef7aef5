// ipnfs-bench: measures ipnfs beside its peers in one run, and says how it does. See README.md.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "harness/sandbox.h"
#include "report/recorded.h"
#include "report/report.h"
#include "sections/sections.h"

namespace {

constexpr int exit_skipped = 77;  // for meson: cannot be measured here
constexpr std::chrono::seconds quick_timeout{600};
constexpr std::chrono::seconds full_timeout{3600};

struct Arguments {
    std::string ipnfs;
    std::vector<std::string> mount_options;
    bool peers_only = false;
    bool quick = false;
    unsigned rounds = 5;
    std::vector<std::string> sections;
    std::vector<unsigned> readers;
    std::vector<std::size_t> packets;
    std::vector<std::string> subjects;
    std::string json;
    std::string record;
    std::string check;
};

void describe(CLI::App& app, Arguments& arguments) {
    app.description(
        "Measures ipnfs beside its peers, interleaved, and prints the ratios. Needs root.");
    app.add_option("--ipnfs", arguments.ipnfs, "the ipnfs program")->envname("IPNFS");
    app.add_option("--mount-options", arguments.mount_options,
                   "measure ipnfs also mounted with these, as for -o; may be repeated")
        ->expected(1)
        ->take_all();
    app.add_flag("--peers-only", arguments.peers_only, "measure without ipnfs");
    app.add_flag("--quick", arguments.quick, "the short form: one core, under three minutes");
    app.add_option("--rounds", arguments.rounds, "interleaved rounds of each figure")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    std::vector<std::string> names;
    for (const bench::Section& section : bench::all_sections()) names.push_back(section.name);
    app.add_option("--only", arguments.sections, "measure only these sections")
        ->check(CLI::IsMember(names));
    app.add_option("--readers", arguments.readers, "numbers of readers in fan-outs");
    app.add_option("--packets", arguments.packets, "bytes of the packets in fan-outs")
        ->check(CLI::Range(64, 65535));
    app.add_option("--subjects", arguments.subjects, "measure only these, by name");
    app.add_option("--json", arguments.json, "write all rounds to this file");
    app.add_option("--record", arguments.record, "remember this run's ratios in this file");
    app.add_option(
        "--check", arguments.check,
        "fail if a ratio is much worse than the one in this file: README.md says how much");
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<bench::IpnfsPlace> places_of(const Arguments& arguments, const std::string& directory) {
    if (arguments.peers_only) return {};
    const bench::IpnfsPlace plain{.program = std::filesystem::absolute(arguments.ipnfs),
                                  .directory = directory};
    std::vector<bench::IpnfsPlace> places = {plain};
    for (const std::string& options : arguments.mount_options) {
        places.push_back(plain);
        places.back().mount_options = options;
    }
    return places;
}

bench::SuiteSetup setup_of(const Arguments& arguments, const std::string& directory) {
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return {.directory = directory,
            .ipnfs = places_of(arguments, directory),
            .naive_hub = {.program = beside / "naive_hub", .directory = directory},
            .unobserved = beside / "ipnfs-unobserved",
            .allocation_counter = beside / "count_allocations.so",
            .policies = beside.parent_path().parent_path() / "policies",
            .rounds = arguments.rounds,
            .quick = arguments.quick,
            .readers = arguments.readers,
            .packets = arguments.packets,
            .subjects = arguments.subjects};
}

// `sections`: their names; none: all.
bench::Results measure(const Arguments& arguments, const std::string& directory,
                       const std::vector<std::string>& sections) {
    bench::Results results;
    double load = 0;
    ::getloadavg(&load, 1);
    results.add_note(fmt::format("load of the machine at the start: {:.1f}", load));
    bench::Suite suite(setup_of(arguments, directory), results);
    for (const bench::Section& section : bench::all_sections()) {
        if (!sections.empty() && !contains(sections, section.name)) continue;
        results.begin_section(section.name);
        try {
            section.run(suite);
        } catch (const std::exception& error) {
            results.add_failure(section.name + ": " + error.what());
        }
    }
    bench::print_report(results);
    return results;
}

// One run may be unlucky, since others use the machine too: sections in which something looks worse
// are measured once more.
int check(const Arguments& arguments, const std::string& directory, const bench::Results& results) {
    auto found = bench::regressions(results, arguments.check);
    if (!found.empty()) {
        fmt::print("\n{} worse than recorded: measured again\n", found.size());
        std::vector<std::string> sections;
        for (const auto& regression : found) sections.push_back(regression.section);
        const auto again = measure(arguments, directory, sections);
        found = bench::confirmed(found, bench::regressions(again, arguments.check));
    }
    for (const auto& regression : found) fmt::print("REGRESSION {}\n", regression.words);
    return found.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run(const Arguments& arguments, const std::string& directory) {
    const auto results = measure(arguments, directory, arguments.sections);
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
