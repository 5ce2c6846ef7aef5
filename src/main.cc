// ipnfs: the daemon and mount helper. The composition root: options, loop, networks, file system.
//
// The loop, which everything of the daemon runs on:
//   - a request from the kernel is handled as soon as it is there;
//   - while there is none, one piece of deferred work at a time is done (deliveries, waiting
//     writers), looking for requests in between; see core/work.h for what happens when requests
//     never cease;
//   - when there is nothing to do, it sleeps in io_uring until a request, a signal or a timer.

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <mntent.h>
#include <poll.h>
#include <sched.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

#include "broadcast.h"
#include "core/commit.h"
#include "core/registry.h"
#include "fs/background.h"
#include "fs/command_ring.h"
#include "fs/filesystem.h"
#include "fs/module.h"
#include "fs/module_directory.h"
#include "fs/mount_options.h"
#include "fs/session.h"
#include "netdev/host.h"
#include "netdev/ring/ring.h"
#include "netdev/ring/worker.h"

namespace {

using ipn::core::Network;
using ipn::fs::MountOptions;
using ipn::fs::Session;

// Exit statuses of mount(8).
enum Exit : int { kSuccess = 0, kUsage = 1, kSystem = 2, kMount = 32 };

struct CommandLine {
    std::string name;
    std::string directory;
    std::vector<std::string> options;
    bool foreground = false;
};

class SystemClock final : public ipn::core::Clock {
  public:
    ipn::core::Instant now() const override { return std::chrono::steady_clock::now(); }
    ipn::core::WallTime wall() const override {
        timespec time{};
        clock_gettime(CLOCK_REALTIME_COARSE, &time);
        return ipn::core::WallTime(std::chrono::seconds(time.tv_sec) +
                                   std::chrono::nanoseconds(time.tv_nsec));
    }
    ipn::core::WallTime exact_wall() const override { return std::chrono::system_clock::now(); }
};

// SIGTERM, SIGINT and SIGHUP as something to poll.
class Signals final : private ipn::ring::Operation {
  public:
    explicit Signals(ipn::ring::Ring& ring) : ring_(ring) {
        sigset_t wanted;
        sigemptyset(&wanted);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, signal);
        sigprocmask(SIG_BLOCK, &wanted, nullptr);
        signal(SIGPIPE, SIG_IGN);
        descriptor_ = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
        if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
        ring_.poll(descriptor_, POLLIN, *this);
    }
    ~Signals() { close(descriptor_); }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    void stop() {
        if (watching_) ring_.cancel(*this);
    }
    bool came() const { return came_; }

  private:
    void completed(int result) override {
        watching_ = false;
        came_ = came_ || result > 0;
    }

    ipn::ring::Ring& ring_;
    int descriptor_ = -1;
    bool watching_ = true;
    bool came_ = false;
};

// The ring's worker, for the file system, which knows of no ring.
class WorkerThread final : public ipn::fs::Background {
  public:
    explicit WorkerThread(ipn::ring::Worker& worker) : worker_(worker) {}

    void run(std::function<void()> job, std::function<void()> done) override {
        worker_.run(std::move(job), std::move(done));
    }

  private:
    ipn::ring::Worker& worker_;
};

// Readiness of the session's descriptor, asked for only before sleeping.
class Input final : private ipn::ring::Operation {
  public:
    explicit Input(ipn::ring::Ring& ring) : ring_(ring) {}

    void watch(int descriptor) {
        if (std::exchange(watching_, true)) return;
        ring_.poll(descriptor, POLLIN, *this);
    }
    bool watching() const { return watching_; }
    void stop() {
        if (watching_) ring_.cancel(*this);
    }

  private:
    void completed(int) override { watching_ = false; }

    ipn::ring::Ring& ring_;
    bool watching_ = false;
};

// The ring, for FUSE over io_uring.
class FuseCommands final : public ipn::fs::CommandRing {
  public:
    explicit FuseCommands(ipn::ring::Ring& ring) : ring_(ring), cpus_(possible_cpus()) {}

    std::unique_ptr<Command> make_command(Completion& completion) override {
        return std::make_unique<OneCommand>(ring_, completion);
    }
    void turn() override { ring_.turn(std::chrono::nanoseconds(0)); }
    unsigned cpus() const override { return cpus_; }
    bool run_on(unsigned cpu, const std::function<void()>& call) override {
        constexpr std::size_t kSets = 8;  // for 8192 CPUs, as many as kernels are built for
        std::array<cpu_set_t, kSets> before{};
        std::array<cpu_set_t, kSets> there{};
        CPU_SET_S(cpu, sizeof there, there.data());
        if (sched_getaffinity(0, sizeof before, before.data()) != 0 ||
            sched_setaffinity(0, sizeof there, there.data()) != 0)
            return false;
        call();
        sched_setaffinity(0, sizeof before, before.data());
        return true;
    }

  private:
    class OneCommand final : public Command, private ipn::ring::Operation {
      public:
        OneCommand(ipn::ring::Ring& ring, Completion& completion)
            : ring_(ring), completion_(completion) {}
        void submit(int fd, std::uint32_t operation, std::span<const iovec> memory,
                    std::span<const std::byte> argument) override {
            ring_.command(fd, operation, memory, argument, *this);
        }

      private:
        void completed(int result) override { completion_.completed(result); }

        ipn::ring::Ring& ring_;
        Completion& completion_;
    };

    // As the kernel counts them: a list of ranges, "0-3,8".
    static unsigned possible_cpus() {
        std::ifstream file("/sys/devices/system/cpu/possible");
        unsigned count = 0;
        for (unsigned first = 0; file >> first;) {
            unsigned last = first;
            if (file.peek() == '-') file.ignore() >> last;
            count += last - first + 1;
            file.ignore();
        }
        return count;
    }

    ipn::ring::Ring& ring_;
    const unsigned cpus_;
};

std::string version_text(const CommandLine& line, Session::Protocol protocol,
                         bool multishot_reads) {
    utsname kernel{};
    uname(&kernel);
    return fmt::format(
        "name: ipnfs\nversion: {}\nmount: {}\nkernel: {}\nfuse_protocol: {}.{}\n"
        "fuse_transport: {}\nloop: io_uring\ninterface_reads: {}\n",
        IPNFS_VERSION, line.name, kernel.release, protocol.major, protocol.minor,
        protocol.over_ring ? "io_uring" : "device", multishot_reads ? "multishot" : "one by one");
}

// Ends every network; what nobody will read any more is told, not hidden.
void end_networks(ipn::core::Registry& registry) {
    const ipn::core::AssumeLoop here;
    std::vector<std::uint64_t> ids;
    for (const auto& [name, network] : registry.by_name()) ids.push_back(network->id());
    for (const std::uint64_t id : ids) {
        Network* network = registry.find(id);
        if (network == nullptr) continue;
        const std::string name = network->name();
        network->shut_down();
        network = registry.find(id);
        const std::uint32_t waiting = network == nullptr ? 0 : network->backlog();
        if (waiting > 0)
            spdlog::warn("network {}: {} packets that nobody had read are lost", name, waiting);
    }
}

class Daemon {
  public:
    Daemon(const CommandLine& line, const MountOptions& options, std::function<void()> ready)
        : ring_(kRingEntries),
          signals_(ring_),
          input_(ring_),
          worker_(ring_),
          background_(worker_),
          fuse_commands_(ring_),
          registry_(clock_, options.limits),
          interfaces_(ring_, worker_, registry_, geteuid()),
          filesystem_(registry_, commit_, root_of(options), {.uid = geteuid(), .gid = getegid()}),
          session_(
              filesystem_, fuse_options(line, options),
              [this, line, demanded = options.uring,
               ready = std::move(ready)](Session::Protocol protocol) {
                  filesystem_.set_version(version_text(line, protocol, ring_.multishot_reads()));
                  if (demanded && !protocol.over_ring)
                      spdlog::warn(
                          "option uring: this kernel does not offer FUSE over "
                          "io_uring, or it is switched off: it is Linux 6.14's, see "
                          "/sys/module/fuse/parameters/enable_uring");
                  ready();
              }) {
        if (options.uring) session_.offer(fuse_commands_, registry_);
        filesystem_.load_modules_with(background_, loader_);
        filesystem_.make_interfaces_with(interfaces_, options.tap_by_mode);
        registry_.policies().on_warning(
            [](const std::string& words) { spdlog::warn("{}", words); });
        const auto added = registry_.policies().add(ipn_broadcast_policy(&ipn::core::policy_host()),
                                                    {own_path(), nullptr});
        IPN_CHECK(added);
        const std::string directory = options.policy_directory.value_or(IPNFS_POLICYDIR);
        for (const std::string& trouble :
             ipn::fs::register_directory(registry_.policies(), loader_, directory))
            spdlog::warn("policydir: {}", trouble);
    }

    ~Daemon() { close_ring(); }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    ipn::core::Result<void> mount(const std::string& directory) {
        return session_.mount(directory);
    }

    void run() {
        for (;;) {
            while (registry_.work().due()) registry_.work().run_one();
            run_timers();
            if (ring_.pending() || ring_.queued() >= kQueuedMax) turn(std::chrono::nanoseconds(0));
            if (signals_.came()) return;
            switch (from_device()) {
                case Session::Handled::ended:
                    return;
                case Session::Handled::request:
                    trimmed_ = false;
                    continue;
                case Session::Handled::nothing:
                    break;
            }
            if (!registry_.work().empty())
                registry_.work().run_one();
            else
                sleep();
        }
    }

    void end() {
        const ipn::core::AssumeLoop here;
        end_networks(registry_);
        filesystem_.end_events();
        while (!registry_.work().empty()) registry_.work().run_one();
        finish_background();
        close_interfaces();
        input_.stop();
        signals_.stop();
        while (ring_.in_kernel() > 0) turn(std::nullopt);
        turn(std::chrono::nanoseconds(0));
        // Before the mount: the kernel waits there for what the ring still has.
        close_ring();
        session_.unmount();
    }

  private:
    static constexpr unsigned kRingEntries = 256;
    static constexpr unsigned kQueuedMax =
        1;  // answers over the ring that are made before it turns

    static ipn::core::Ownership root_of(const MountOptions& options) {
        const bool by_root = geteuid() == 0;
        return {options.mode.value_or(by_root ? 01777 : 0700), options.uid.value_or(getuid()),
                options.gid.value_or(getgid())};
    }

    // Whether this user may let others in.
    static bool may_allow_other() {
        if (geteuid() == 0) return true;
        std::ifstream configuration("/etc/fuse.conf");
        for (std::string word; configuration >> word;) {
            if (word == "user_allow_other") return true;
            if (word.starts_with('#')) std::getline(configuration, word);
        }
        return false;
    }

    static std::string fuse_options(const CommandLine& line, const MountOptions& options) {
        std::string list = "subtype=ipnfs,default_permissions,nosuid,nodev,noexec";
        if (may_allow_other()) list += ",allow_other";
        std::string name;
        for (const char c : line.name) {  // libfuse's way to write a comma or backslash in a value
            if (c == ',' || c == '\\') name += '\\';
            name += c;
        }
        list += ",fsname=" + name;
        for (const std::string& option : options.for_fuse) list += "," + option;
        return list;
    }

    // Where the built-in policies are.
    static std::string own_path() {
        std::array<char, PATH_MAX> path{};
        const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
        return {path.data(), length < 0 ? 0 : static_cast<std::size_t>(length)};
    }

    void close_interfaces() IPN_ON_LOOP {
        filesystem_.close_interfaces();
        while (filesystem_.has_interfaces()) turn(std::nullopt);
    }

    // Whoever registers a policy or makes an interface just now is answered before the mount goes.
    void finish_background() {
        while (worker_.under_way() > 0) {
            switch (from_device()) {
                case Session::Handled::request:
                    break;
                case Session::Handled::nothing:
                    sleep();
                    break;
                case Session::Handled::ended:
                    turn(std::nullopt);
                    break;
            }
        }
    }

    bool turn(std::optional<std::chrono::nanoseconds> timeout) {
        const bool any = ring_.turn(timeout);
        session_.attend_ring();
        if (any) trimmed_ = false;
        return any;
    }

    // While the ring watches the device, there is nothing until it says so. Where requests come
    // over the ring, it always does.
    Session::Handled from_device() {
        if (input_.watching()) return Session::Handled::nothing;
        const Session::Handled handled = session_.handle_one();
        if (session_.over_ring() && handled == Session::Handled::nothing)
            input_.watch(session_.descriptor());
        return handled;
    }

    void close_ring() {
        session_.close_ring();
        ring_.close();
    }

    void run_timers() {
        const auto next = registry_.timers().next();
        if (next && *next <= clock_.now()) registry_.timers().run(clock_.now());
    }

    void sleep() {
        const auto before = clock_.now();
        sleep_until_something_comes();
        registry_.work().slept(clock_.now() - before);
    }

    void sleep_until_something_comes() {
        constexpr std::chrono::seconds kRest(1);
        input_.watch(session_.descriptor());
        if (const auto next = registry_.timers().next()) {
            turn(std::max(*next - clock_.now(), ipn::core::Duration(0)));
        } else if (trimmed_) {
            turn(std::nullopt);
        } else if (!turn(kRest)) {
            // A second without anything to do: memory that was kept for reuse goes back.
            session_.trim_ring();
            registry_.packets().trim();
            malloc_trim(0);
            trimmed_ = true;
        }
    }

    SystemClock clock_;
    ipn::ring::Ring ring_;
    Signals signals_;
    Input input_;
    ipn::ring::Worker worker_;
    WorkerThread background_;
    FuseCommands fuse_commands_;
    ipn::fs::SharedObjectLoader loader_;
    ipn::core::Registry registry_;
    ipn::netdev::Host interfaces_;
    ipn::core::VolatileCommit commit_;
    ipn::fs::Filesystem filesystem_;
    Session session_;
    bool trimmed_ = false;  // since the last request
};

void start_log(const MountOptions& options, bool foreground) {
    std::shared_ptr<spdlog::logger> log;
    if (foreground) {
        log = std::make_shared<spdlog::logger>("ipnfs",
                                               std::make_shared<spdlog::sinks::stderr_sink_st>());
        log->set_pattern("ipnfs: %l: %v");
    } else {
        log = std::make_shared<spdlog::logger>(
            "ipnfs",
            std::make_shared<spdlog::sinks::syslog_sink_st>("ipnfs", LOG_PID, LOG_DAEMON, false));
    }
    constexpr std::array kLevels{spdlog::level::err, spdlog::level::warn, spdlog::level::info,
                                 spdlog::level::debug};
    log->set_level(kLevels.at(static_cast<std::size_t>(options.log)));
    spdlog::set_default_logger(std::move(log));
}

void warn_of_request_timeout() {
    std::ifstream file("/proc/sys/fs/fuse/default_request_timeout");
    unsigned seconds = 0;
    if (file >> seconds && seconds != 0) {
        spdlog::warn(
            "sysctl fs.fuse.default_request_timeout is {}: the kernel will abort this mount when a "
            "read waits longer than that",
            seconds);
    }
}

// Opens /dev/null where a standard descriptor is closed, so that nothing of ours gets its number.
void keep_standard_descriptors() {
    int descriptor;
    do {
        descriptor = open("/dev/null", O_RDWR);
    } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor >= 0) close(descriptor);
}

int complain(int status, const std::string& what) {
    std::cerr << "ipnfs: " << what << '\n';
    return status;
}

// Serves the mount until it ends. `ready` is called when the tree is usable.
int serve(const CommandLine& line, const MountOptions& options, std::function<void()> ready) try {
    Daemon daemon(line, options, [&] {
        spdlog::info("{} mounted on {}", line.name, line.directory);
        warn_of_request_timeout();
        ready();
    });
    if (auto mounted = daemon.mount(line.directory); !mounted)
        return complain(kMount, line.directory + ": cannot mount: " + mounted.error().words);
    daemon.run();
    daemon.end();
    spdlog::info("{} ended", line.name);
    return kSuccess;
} catch (const std::system_error& error) {
    const bool forbidden = std::string_view(error.what()).starts_with("io_uring_setup") &&
                           (error.code().value() == EPERM || error.code().value() == ENOSYS);
    return complain(kSystem, std::string(error.what()) +
                                 (forbidden ? " (io_uring is forbidden or missing here; see sysctl "
                                              "kernel.io_uring_disabled)"
                                            : ""));
} catch (const std::bad_alloc&) {
    return complain(kSystem, "out of memory");
}

// Forks, lets the child serve, and returns when the tree is usable or the child has failed.
int serve_in_background(const CommandLine& line, const MountOptions& options) {
    std::array<int, 2> ready{};
    if (pipe2(ready.data(), O_CLOEXEC) != 0) return complain(kSystem, "pipe: no descriptors left");
    const pid_t child = fork();
    if (child < 0) return complain(kSystem, "fork: no processes left");
    if (child == 0) {
        close(ready[0]);
        setsid();
        const int status = serve(line, options, [&] {
            const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
            for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
                dup2(null, standard);
            static_cast<void>(chdir("/"));
            static_cast<void>(write(ready[1], "r", 1));
            close(ready[1]);
        });
        _exit(status);
    }
    close(ready[1]);
    char byte = 0;
    if (read(ready[0], &byte, 1) == 1) return kSuccess;
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status)
               ? WEXITSTATUS(status)
               : complain(kSystem, fmt::format("the daemon died of signal {}", WTERMSIG(status)));
}

// The directory of policies' modules that an option names, absolute.
ipn::core::Result<std::string> policy_directory(const std::string& named) {
    std::array<char, PATH_MAX> absolute{};
    struct stat facts {};
    const bool there =
        realpath(named.c_str(), absolute.data()) != nullptr && stat(absolute.data(), &facts) == 0;
    if (there && !S_ISDIR(facts.st_mode)) errno = ENOTDIR;
    if (there && S_ISDIR(facts.st_mode)) return std::string(absolute.data());
    return ipn::core::fail(
        errno, "option policydir: " + named + ": " + std::generic_category().message(errno));
}

// The mount point, absolute, since the daemon leaves its directory.
ipn::core::Result<std::string> mount_point(const std::string& directory) {
    std::array<char, PATH_MAX> absolute{};
    struct stat facts {};
    if (realpath(directory.c_str(), absolute.data()) == nullptr ||
        stat(absolute.data(), &facts) != 0) {
        return ipn::core::fail(errno, directory + ": " + std::generic_category().message(errno));
    }
    if (!S_ISDIR(facts.st_mode)) return ipn::core::fail(ENOTDIR, directory + ": not a directory");

    const std::unique_ptr<FILE, int (*)(FILE*)> mounts(setmntent("/proc/self/mounts", "r"), fclose);
    while (const mntent* entry = mounts ? getmntent(mounts.get()) : nullptr) {
        if (std::string_view(entry->mnt_type) == "fuse.ipnfs" &&
            std::string_view(entry->mnt_dir) == absolute.data())
            return ipn::core::fail(EBUSY, directory + ": an ipnfs is mounted there already");
    }
    return std::string(absolute.data());
}

int run(int argc, char** argv) {
    CommandLine line;
    CLI::App app("Many-to-many packet networks between processes, as a file system.", "ipnfs");
    app.add_option("NAME", line.name, "name of the mount, as mount(8) lists it")->required();
    app.add_option("DIR", line.directory, "mount point")->required();
    app.add_option("-o", line.options, "mount options, comma-separated")->allow_extra_args(false);
    app.add_flag("-f", line.foreground, "stay in the foreground, log to stderr");
    app.set_version_flag("-V,--version", std::string("ipnfs ") + IPNFS_VERSION);
    app.footer(ipn::fs::mount_options_help());
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& shown) {  // --help, --version
        app.exit(shown);
        return std::cout.flush() ? kSuccess : complain(kSystem, "cannot write to standard output");
    } catch (const CLI::ParseError& error) {
        return complain(kUsage, std::string(error.what()) + " (see ipnfs --help)");
    }

    if (line.name.empty()) return complain(kUsage, "NAME is empty (see ipnfs --help)");
    auto options = ipn::fs::parse_mount_options(line.options);
    if (!options) return complain(kUsage, options.error().words);
    if (auto& named = options->policy_directory) {
        const auto modules = policy_directory(*named);
        if (!modules) return complain(kUsage, modules.error().words);
        named = *modules;
    }
    const auto directory = mount_point(line.directory);
    if (!directory) return complain(kMount, directory.error().words);
    line.directory = *directory;

    start_log(*options, line.foreground);
    return line.foreground ? serve(line, *options, [] {}) : serve_in_background(line, *options);
}

}  // namespace

int main(int argc, char** argv) {
    keep_standard_descriptors();
    return run(argc, argv);
}
