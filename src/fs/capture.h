// Capture: an open `capture.pcap`: every packet of a network from the open on, as pcapng.
//
// A packet is captured when the policy is through with it: once, however many nodes it went to. Its
// comment says from which port it came, to which it went, which lost it and why (describe()).
// Packets with offloads are captured as they are, up to 64 KiB in one, their checksum completed as
// the last device would do it: who reads captures takes a sum that is still to be completed for a
// wrong one.
// Snaplen, filter, link type and name are the network's at the time of the open.
// Limits: kBytesMax wait for the reader. Packets beyond are lost, to this capture only, and counted
// in an Interface Statistics Block where they are missing; one more stands at the end, when the
// network has ended. Threads: the loop only. Not done: sharing what is formatted between captures.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/network.h"
#include "core/packet_watch.h"
#include "fs/capture_filter.h"
#include "fs/record_file.h"

namespace ipn::fs {

// What became of the packet, in words:
//     [injected ]from PORT to PORT…[; dropped at PORT…: WHY]…[; dropped: WHY][; N frames in one]
// Where it came from may be `policy`, where it went `nobody`.
std::string describe(const core::Passage& passage);

class Capture final : public RecordFile, private core::PacketObserver {
  public:
    static constexpr std::size_t kBytesMax = 4 * 1024 * 1024;

    // EINVAL: the filter does not suit the network's link type. ENOMEM.
    static core::Result<std::unique_ptr<Capture>> open(core::Network& network, const Place& place,
                                                       core::AccountRef payer) IPN_ON_LOOP;

  private:
    Capture(const core::Network& network, const Place& place, core::AccountRef payer,
            CaptureFilter filter);

    void passed(const core::Passage& passage) noexcept override;
    void missed() noexcept override;
    void network_ended() override;
    std::string lost_record(std::uint64_t count) override;

    std::string header(const core::Network& network) const;
    // The packet as it would leave the last device. Valid until the next call.
    std::span<const std::byte> finished(const core::Packet& packet);
    std::uint64_t now_ns() const;

    const core::Clock& clock_;
    const std::uint32_t snaplen_;
    const CaptureFilter filter_;
    const std::uint64_t start_ns_;
    std::uint64_t seen_ = 0;
    std::uint64_t accepted_ = 0;
    std::vector<std::byte> finished_;
};

}  // namespace ipn::fs
