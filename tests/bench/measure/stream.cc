#include "measure/stream.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <vector>

#include "harness/clock.h"
#include "harness/errors.h"
#include "harness/fd.h"
#include "harness/process.h"
#include "harness/temporary_directory.h"
#include "transports/ipnfs_mount.h"

namespace bench {

namespace {

constexpr Milliseconds timeout{60'000};

Fd open_for_reading(const std::string& path) {
    return Fd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path));
}

void wait_for_all(std::vector<Process>& processes) {
    for (Process& process : processes) process.wait(timeout);
}

std::vector<Process> start_readers(const std::vector<std::string>& files) {
    std::vector<Process> readers;
    for (const std::string& file : files) readers.push_back(Process::exec({"cat", file}));
    return readers;
}

}  // namespace

double seconds_of_tee(const std::string& directory, const StreamSetup& setup) {
    const TemporaryDirectory fifos(directory);
    std::vector<std::string> paths;
    for (unsigned number = 0; number < setup.readers; ++number) {
        paths.push_back(fifos.path() + "/" + std::to_string(number));
        check(::mkfifo(paths.back().c_str(), 0600), paths.back());
    }
    std::vector<Process> processes = start_readers(paths);
    const Fd input = open_for_reading(setup.file);

    std::vector<std::string> tee = {"tee"};
    tee.insert(tee.end(), paths.begin(), paths.end());
    const auto start = Clock::now();
    processes.push_back(Process::exec(tee, {.in = input.get()}));
    wait_for_all(processes);
    return seconds_since(start);
}

double seconds_of_ipnfs_stream(const std::string& network, const StreamSetup& setup) {
    const std::string port = network + "/port";
    std::vector<Process> processes = start_readers(std::vector<std::string>(setup.readers, port));
    wait_for_network_readers(network, setup.readers);

    const auto start = Clock::now();
    {
        const Fd output(check(::open(port.c_str(), O_WRONLY | O_CLOEXEC), port));
        processes.push_back(Process::exec({"cat", setup.file}, {.out = output.get()}));
    }
    wait_for_all(processes);
    return seconds_since(start);
}

}  // namespace bench
