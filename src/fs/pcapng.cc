#include "fs/pcapng.h"

#include <algorithm>
#include <cstring>

namespace ipn::fs::pcapng {
namespace {

// Block types and option codes, section 4 of the draft.
constexpr std::uint32_t kSectionHeader = 0x0A0D0D0A, kInterfaceDescription = 1,
                        kInterfaceStatistics = 5, kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1A2B3C4D;
constexpr std::uint64_t kUnknownLength = UINT64_MAX;

constexpr std::uint16_t kEndOfOptions = 0, kComment = 1;
constexpr std::uint16_t kApplication = 4;                          // shb_userappl
constexpr std::uint16_t kName = 2, kResolution = 9, kFilter = 11;  // if_name, if_tsresol, if_filter
constexpr std::uint16_t kStartTime = 2, kEndTime = 3, kReceived = 4, kDropped = 5,
                        kFilterAccept = 6;  // isb_…

// Put together in the order of the calls; take() ends it.
class Block {
  public:
    // `room`: about how many bytes will be put.
    Block(std::uint32_t type, std::size_t room) {
        bytes_.reserve(room + kOverhead);
        put(type);
        put(std::uint32_t{0});  // the length, see take()
    }

    template <typename T>
    void put(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    // Times are two words, the higher first, in whatever byte order.
    void put_time(std::uint64_t time_ns) {
        put(static_cast<std::uint32_t>(time_ns >> 32));
        put(static_cast<std::uint32_t>(time_ns));
    }
    void put_padded(const void* data, std::size_t length) {
        bytes_.append(static_cast<const char*>(data), length);
        bytes_.append((4 - bytes_.size() % 4) % 4, '\0');
    }

    void option(std::uint16_t code, std::string_view value) {
        const std::size_t length = std::min<std::size_t>(value.size(), UINT16_MAX);
        put(code);
        put(static_cast<std::uint16_t>(length));
        put_padded(value.data(), length);
    }
    void number_option(std::uint16_t code, std::uint64_t value) {
        option(code, {reinterpret_cast<const char*>(&value), sizeof value});
    }
    void time_option(std::uint16_t code, std::uint64_t time_ns) {
        put(code);
        put(std::uint16_t{sizeof time_ns});
        put_time(time_ns);
    }

    std::string take() {
        option(kEndOfOptions, {});
        const auto length = static_cast<std::uint32_t>(bytes_.size() + sizeof(std::uint32_t));
        put(length);
        std::memcpy(bytes_.data() + sizeof(std::uint32_t), &length, sizeof length);
        return std::move(bytes_);
    }

  private:
    // Types, lengths, an option's header, padding.
    static constexpr std::size_t kOverhead = 64;
    std::string bytes_;
};

}  // namespace

std::string section_header(std::string_view application) {
    Block block(kSectionHeader, application.size());
    block.put(kByteOrderMagic);
    block.put(std::uint16_t{1});  // version 1.0
    block.put(std::uint16_t{0});
    block.put(kUnknownLength);
    block.option(kApplication, application);
    return block.take();
}

std::string interface_description(const Interface& interface) {
    constexpr char kNanoseconds = 9;      // ten to the minus ninth
    constexpr char kFilterIsText = '\0';  // before a filter in libpcap's syntax
    Block block(kInterfaceDescription, interface.name.size() + interface.filter.size());
    block.put(interface.linktype);
    block.put(std::uint16_t{0});
    block.put(interface.snaplen);
    block.option(kName, interface.name);
    block.option(kResolution, {&kNanoseconds, 1});
    if (!interface.filter.empty())
        block.option(kFilter, std::string(1, kFilterIsText).append(interface.filter));
    return block.take();
}

std::string enhanced_packet(const Packet& packet) {
    Block block(kEnhancedPacket, packet.data.size() + packet.comment.size());
    block.put(std::uint32_t{0});  // of the only interface
    block.put_time(packet.time_ns);
    block.put(static_cast<std::uint32_t>(packet.data.size()));
    block.put(packet.length);
    block.put_padded(packet.data.data(), packet.data.size());
    block.option(kComment, packet.comment);
    return block.take();
}

std::string interface_statistics(const Statistics& statistics) {
    Block block(kInterfaceStatistics, sizeof statistics);
    block.put(std::uint32_t{0});
    block.put_time(statistics.time_ns);
    block.time_option(kStartTime, statistics.start_ns);
    block.time_option(kEndTime, statistics.time_ns);
    block.number_option(kReceived, statistics.seen);
    block.number_option(kDropped, statistics.lost);
    block.number_option(kFilterAccept, statistics.accepted);
    return block.take();
}

}  // namespace ipn::fs::pcapng
