// CaptureFile: a pcapng file, parsed as strictly as its draft allows.
//
// Only what ipnfs writes is known: one section of this machine's byte order, one interface,
// Enhanced Packet Blocks and Interface Statistics Blocks. Everything else, and whatever does not
// add up, is a failure of the test that asks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ipn::test {

struct CaptureFile {
    struct Packet {
        std::uint64_t time_ns;
        std::string data;
        std::uint32_t length;
        std::string comment;
    };
    struct Statistics {
        std::size_t packets_before;  // where in the file it stands
        std::uint64_t seen, accepted, lost;
    };

    explicit CaptureFile(std::string_view bytes) { read(bytes); }

    std::string application;
    std::string name;
    std::string filter;
    std::uint16_t linktype = 0;
    std::uint32_t snaplen = 0;
    std::vector<Packet> packets;
    std::vector<Statistics> statistics;

    std::vector<std::string> comments() const;

  private:
    using Options = std::map<std::uint16_t, std::string>;

    void read(std::string_view bytes);
    void read_block(std::uint32_t type, std::string_view body);
    static Options options(std::string_view bytes);

    bool described_ = false;  // the interface was
};

}  // namespace ipn::test
