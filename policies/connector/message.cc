#include "message.h"

#include <cstring>

namespace ipn::connector {
namespace {

constexpr std::uint32_t aligned(std::uint32_t length) {
    return (length + 3) & ~std::uint32_t{3};
}

template <typename T>
T copy_of(Bytes bytes) {
    T value;
    std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof value);
    return value;
}

}  // namespace

const char* parse_packet(Bytes packet, std::vector<Message>& messages) {
    messages.clear();
    const auto total = static_cast<std::uint32_t>(packet.size());
    std::uint32_t at = 0;
    do {
        if (total - at < kHeader) return "a message begins with a header of 20 bytes";
        const auto header = copy_of<cn_msg>(packet.subspan(at, kHeader));
        if (header.len > total - at - kHeader)
            return "a message's header says more bytes than follow it";
        messages.push_back(
            {{header.id.idx, header.id.val}, header.seq, header.ack, at, header.len});
        at = aligned(at + kHeader + header.len);
    } while (at < total);
    return nullptr;
}

void write_header(unsigned char* to, const Message& message) {
    cn_msg header{};
    header.id = {message.id.idx, message.id.val};
    header.seq = message.seq;
    header.ack = message.ack;
    header.len = static_cast<std::uint16_t>(message.length);
    std::memcpy(to, &header, kHeader);
}

const char* parse_ranges(Bytes payload, std::vector<Range>& ranges) {
    struct Written {
        std::uint32_t first_idx, last_idx, first_val, last_val;
    };
    ranges.clear();
    if (payload.size() % sizeof(Written) != 0)
        return "a range of ids is four numbers: first and last idx, first and last val";
    if (payload.size() / sizeof(Written) > kRangesMax) return "there are at most 64 ranges of ids";
    for (; !payload.empty(); payload = payload.subspan(sizeof(Written))) {
        const auto range = copy_of<Written>(payload);
        if (range.first_idx > range.last_idx || range.first_val > range.last_val)
            return "a range of ids ends before it begins";
        ranges.push_back({{range.first_idx, range.first_val}, {range.last_idx, range.last_val}});
    }
    return nullptr;
}

}  // namespace ipn::connector
