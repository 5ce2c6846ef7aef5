#include "fs/oob_file.h"

#include <fmt/format.h>

#include <new>
#include <string_view>
#include <utility>

#include "core/text.h"
#include "fs/json_line.h"

namespace ipn::fs {
namespace {

std::string hex(std::span<const std::byte> bytes) {
    std::string digits;
    for (const std::byte byte : bytes) digits += fmt::format("{:02x}", byte);
    return digits;
}

}  // namespace

OobFile::OobFile(const Place& place, core::AccountRef payer, core::Network& network)
    : RecordFile(place, std::move(payer), Setting{}), network_(network) {
    counted();
    if (network.state() == core::Network::State::up)
        network.watch(*this);
    else
        end();
}

template <typename Make>
void OobFile::push_line(Make make) {
    try {
        push(json_line(make()));
    } catch (const std::bad_alloc&) {
        lose();
    }
}

void OobFile::counted() {
    push_line([this] {
        return Json{{"level", 0},
                    {"tag", "numnodes"},
                    {"readers", network_.readers()},
                    {"writers", network_.writers()}};
    });
}

void OobFile::sent(const core::Node& to, std::span<const std::byte> message) {
    push_line([&] {
        const std::string_view text(reinterpret_cast<const char*>(message.data()), message.size());
        Json line{{"level", 1}, {"tag", network_.policy().name()}, {"port", to.number()}};
        if (core::is_text(text))
            line["text"] = text;
        else
            line["hex"] = hex(message);
        return line;
    });
}

std::string OobFile::lost_record(std::uint64_t count) {
    return json_line({{"level", 0}, {"tag", "missed"}, {"count", count}});
}

}  // namespace ipn::fs
