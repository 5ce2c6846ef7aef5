#include "fs/capture.h"

#include <algorithm>
#include <new>

#include "core/registry.h"
#include "core/segmentation.h"
#include "fs/pcapng.h"

namespace ipn::fs {

using core::Fate;
using core::Linktype;
using core::Node;
using core::Offload;
using core::Passage;

namespace {

// LINKTYPE_ETHERNET and LINKTYPE_USER0 of libpcap's list.
std::uint16_t linktype_of(Linktype linktype) {
    switch (linktype) {
        case Linktype::ethernet:
            return 1;
        case Linktype::user0:
            return 147;
    }
    return 147;
}

std::uint64_t nanoseconds(core::WallTime time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

const char* why(Fate fate) {
    switch (fate) {
        case Fate::queue_full:
            return "queue full";
        case Fate::no_memory:
            return "out of memory";
        case Fate::too_long:
            return "too long for framed";
        case Fate::queued:
        case Fate::unwanted:
            break;
    }
    return "";
}

// Appends ports one by one, but no more than a comment can say.
class Ports {
  public:
    explicit Ports(std::string& text) : text_(text) {}
    ~Ports() = default;
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;

    void add(std::uint32_t port) {
        if (++count_ <= kShownMax) text_.append(" ").append(std::to_string(port));
    }
    std::size_t end() {
        if (count_ > kShownMax)
            text_.append(" and ").append(std::to_string(count_ - kShownMax)).append(" more");
        return count_;
    }

  private:
    static constexpr std::size_t kShownMax = 2000;  // a comment has four such lists at most
    std::string& text_;
    std::size_t count_ = 0;
};

void append_drops(std::string& text, const Passage& passage, Fate fate) {
    const auto lost_so = [fate](const Passage::Drop& drop) { return drop.fate == fate; };
    if (std::none_of(passage.drops.begin(), passage.drops.end(), lost_so)) return;
    text += "; dropped at";
    Ports ports(text);
    for (const Passage::Drop& drop : passage.drops)
        if (lost_so(drop)) ports.add(drop.port);
    ports.end();
    text.append(": ").append(why(fate));
}

}  // namespace

std::string describe(const Passage& passage) {
    std::string text = passage.injected ? "injected from " : "from ";
    text += passage.from == Node::kNobody ? "policy" : std::to_string(passage.from);
    text += " to";
    Ports ports(text);
    for (const std::uint32_t port : passage.to) ports.add(port);
    if (ports.end() == 0) text += " nobody";
    for (const Fate fate : {Fate::queue_full, Fate::no_memory, Fate::too_long})
        append_drops(text, passage, fate);
    if (!passage.refused.empty()) text.append("; dropped: ").append(passage.refused);
    const core::Packet& packet = *passage.packet;
    if (const std::uint32_t frames = packet.offload.frames(packet.length()); frames > 1)
        text.append("; ").append(std::to_string(frames)).append(" frames in one");
    return text;
}

core::Result<std::unique_ptr<Capture>> Capture::open(core::Network& network, const Place& place,
                                                     core::AccountRef payer) {
    const core::NetworkOptions& options = network.options();
    auto filter = CaptureFilter::compile(options.capture_filter, linktype_of(options.linktype),
                                         options.capture_snaplen);
    if (!filter) return tl::unexpected(std::move(filter.error()));
    std::unique_ptr<Capture> capture(
        new Capture(network, place, std::move(payer), std::move(*filter)));
    capture->push(capture->header(network));
    if (capture->lost_in_all() > 0)
        return core::fail(ENOMEM, "too much is waiting for this user to be read or written");
    network.observe(*capture);
    return capture;
}

Capture::Capture(const core::Network& network, const Place& place, core::AccountRef payer,
                 CaptureFilter filter)
    : RecordFile(place, std::move(payer),
                 {.read = Read::many, .bytes_max = kBytesMax, .loss_told_at_end = true}),
      clock_(network.registry().clock()),
      snaplen_(network.options().capture_snaplen),
      filter_(std::move(filter)),
      start_ns_(now_ns()) {}

std::string Capture::header(const core::Network& network) const {
    const core::NetworkOptions& options = network.options();
    return pcapng::section_header("ipnfs " IPNFS_VERSION) +
           pcapng::interface_description({.name = network.name(),
                                          .linktype = linktype_of(options.linktype),
                                          .snaplen = snaplen_,
                                          .filter = options.capture_filter});
}

void Capture::passed(const Passage& passage) noexcept {
    const core::AssumeLoop here;
    const core::Packet& packet = *passage.packet;
    ++seen_;
    if (!filter_.accepts({packet.data(), packet.length()})) return;
    ++accepted_;
    try {
        const auto data = finished(packet);
        push(pcapng::enhanced_packet(
            {.time_ns = nanoseconds(passage.time),
             .data = data.first(std::min<std::size_t>(data.size(), snaplen_)),
             .length = packet.length(),
             .comment = describe(passage)}));
    } catch (const std::bad_alloc&) {
        lose();
    }
}

void Capture::missed() noexcept {
    const core::AssumeLoop here;
    ++seen_;
    ++accepted_;
    lose();
}

void Capture::network_ended() {
    const core::AssumeLoop here;
    end();
}

std::string Capture::lost_record(std::uint64_t) {
    return pcapng::interface_statistics({.start_ns = start_ns_,
                                         .time_ns = now_ns(),
                                         .seen = seen_,
                                         .accepted = accepted_,
                                         .lost = lost_in_all()});
}

std::span<const std::byte> Capture::finished(const core::Packet& packet) {
    const std::span<const std::byte> frame(packet.data(), packet.length());
    if (packet.offload.plain()) return frame;
    Offload checksum_only = packet.offload;
    checksum_only.segmentation = Offload::Segmentation::none;
    const core::Segmenter whole(frame, checksum_only);
    finished_.resize(frame.size());
    whole.write(0, finished_.data());
    return finished_;
}

std::uint64_t Capture::now_ns() const {
    return nanoseconds(clock_.exact_wall());
}

}  // namespace ipn::fs
