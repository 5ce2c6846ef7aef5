// Stream: `cat FILE > port` to four `cat port > /dev/null`, beside coreutils' tee to FIFOs.
// Target 4.
#include "measure/stream.h"

#include <fmt/core.h>

#include <deque>
#include <fstream>

#include "harness/temporary_directory.h"
#include "sections/sections.h"
#include "transports/ipnfs.h"

namespace bench {

namespace {

struct StreamCase {
    std::size_t mtu;
    double target;  // on all cores
    Placement placement;
};

IpnfsMount::Options options_of(const StreamCase& each, const StreamSetup& stream) {
    return {{"type", "stream"},
            {"lossless", "1"},
            {"mtu", std::to_string(each.mtu)},
            {"minreaders", std::to_string(stream.readers)},
            {"eof", "last-writer"}};
}

void measure(Suite& suite, const StreamCase& each) {
    constexpr double mb = 1e6;
    constexpr std::size_t mib = 1 << 20;
    constexpr const char* tee_name = "tee";
    const Cores cores(each.placement);
    const std::size_t bytes = (suite.quick() ? 64 : 256) * mib;
    const TemporaryDirectory directory(suite.setup().directory);
    const StreamSetup stream{.file = directory.path() + "/big"};
    std::ofstream(stream.file) << std::string(bytes, 'x');
    const double delivered_mb = static_cast<double>(bytes) * stream.readers / mb;

    Figure& figure = suite.results().add_figure({.title = "stream, cat to 4 cat",
                                                 .placement = each.placement,
                                                 .row = fmt::format("MTU {}", each.mtu),
                                                 .unit = "MB/s",
                                                 .better = Better::higher});
    std::vector<Subject> subjects = {
        {tee_name, [&] { return delivered_mb / seconds_of_tee(suite.setup().directory, stream); }}};
    std::deque<IpnfsMount> mounts;
    const auto name = [](const IpnfsPlace& place) { return ipnfs_name(IpnfsKind::port, place); };
    for (const IpnfsPlace& place : suite.setup().ipnfs) {
        const std::string network =
            mounts.emplace_back(place).make_network("stream", options_of(each, stream));
        subjects.push_back({name(place), [&stream, delivered_mb, network] {
                                return delivered_mb / seconds_of_ipnfs_stream(network, stream);
                            }});
    }
    suite.measure_rounds(figure, subjects);
    for (const IpnfsPlace& place : suite.setup().ipnfs) {
        const bool judged = each.placement == Placement::all_cores && place.mount_options.empty();
        suite.results().compare(figure, name(place), tee_name,
                                judged ? std::optional(each.target) : std::nullopt);
    }
    suite.compare_mounts(figure, name);
}

}  // namespace

void stream(Suite& suite) {
    for (const Placement placement : suite.placements()) {
        measure(suite, {.mtu = 65535, .target = 1.2, .placement = placement});
        measure(suite, {.mtu = 1514, .target = 0.5, .placement = placement});
    }
}

}  // namespace bench
