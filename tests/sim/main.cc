// simulation: random lives of a mount, the core against a naive model.
//
//     simulation [--seed N] [--schedules M] [--seconds S] [--steps K] [--trace]
//
// Runs schedules N, N+1, … until M of them or S seconds are over; without --seed the first is drawn
// and printed. At the first difference it says which, and how to repeat that schedule, and fails.
// --trace prints the steps as they are done.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

#include "schedule.h"

namespace {

using ipn::sim::Schedule;

struct Settings {
    std::uint64_t seed = std::random_device()();
    std::uint64_t schedules = std::numeric_limits<std::uint64_t>::max();
    double seconds = std::numeric_limits<double>::infinity();
    int steps = 80;
    bool trace = false;
};

[[noreturn]] void usage() {
    std::fputs("usage: simulation [--seed N] [--schedules M] [--seconds S] [--steps K] [--trace]\n",
               stderr);
    std::exit(2);
}

Settings parse(int argc, char** argv) {
    Settings settings;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--trace") {
            settings.trace = true;
            continue;
        }
        if (i + 1 == argc) usage();
        const char* value = argv[++i];
        if (option == "--seed")
            settings.seed = std::strtoull(value, nullptr, 10);
        else if (option == "--schedules")
            settings.schedules = std::strtoull(value, nullptr, 10);
        else if (option == "--seconds")
            settings.seconds = std::strtod(value, nullptr);
        else if (option == "--steps")
            settings.steps = std::atoi(value);
        else
            usage();
    }
    return settings;
}

// The schedule that runs, for a failed check or a sanitizer that ends the process.
std::string how_to_repeat;

void say_how_to_repeat(int) {
    [[maybe_unused]] const auto written =
        write(STDERR_FILENO, how_to_repeat.data(), how_to_repeat.size());
}

void prepare_to_fail(std::uint64_t seed, int steps) {
    how_to_repeat = "\nrepeat with: simulation --trace --schedules 1 --seed " +
                    std::to_string(seed) + " --steps " + std::to_string(steps) + "\n";
}

// The world that differs may not even come apart cleanly: nothing is destroyed any more.
[[noreturn]] void fail(std::uint64_t seed, const Schedule& schedule,
                       const std::string& difference) {
    std::fprintf(stderr, "schedule %llu differs in step %d: %s%s",
                 static_cast<unsigned long long>(seed), schedule.steps_done(), difference.c_str(),
                 how_to_repeat.c_str());
    std::_Exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    const Settings settings = parse(argc, argv);
    std::signal(SIGABRT, say_how_to_repeat);
    std::printf("seed %llu\n", static_cast<unsigned long long>(settings.seed));
    std::fflush(stdout);

    const auto start = std::chrono::steady_clock::now();
    const auto elapsed = [start] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    std::uint64_t done = 0;
    for (; done < settings.schedules && elapsed() < settings.seconds; ++done) {
        const std::uint64_t seed = settings.seed + done;
        prepare_to_fail(seed, settings.steps);
        Schedule schedule(seed, settings.trace);
        const std::string& difference = schedule.run(settings.steps);
        if (!difference.empty()) fail(seed, schedule, difference);
    }
    std::printf("%llu schedules of %d steps, %.0f a second\n",
                static_cast<unsigned long long>(done), settings.steps,
                static_cast<double>(done) / elapsed());
}
