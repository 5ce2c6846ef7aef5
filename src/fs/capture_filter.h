// CaptureFilter: which packets a capture is about, in the syntax of tcpdump (pcap-filter(7)).
//
// libpcap compiles the text, and its interpreter runs it, here in the daemon.
// Limits: names are refused. libpcap would look them up, of hosts in the DNS, with everybody's
// packets waiting meanwhile; so addresses, ports and protocols are numbers, and of words only those
// that belong to the language for Ethernet are let through. A program has at most kProgramMax
// instructions, which bounds what a filter costs each packet.
// Errors: EINVAL, with libpcap's words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

struct bpf_program;

namespace ipn::fs {

class CaptureFilter {
  public:
    static constexpr unsigned kProgramMax = 4096;  // as in the kernel

    // For packets of that LINKTYPE_. An empty text accepts all.
    static core::Result<CaptureFilter> compile(std::string_view text, std::uint16_t linktype,
                                               std::uint32_t snaplen);

    bool accepts(std::span<const std::byte> packet) const;

  private:
    struct Free {
        void operator()(bpf_program* program) const;
    };
    std::unique_ptr<bpf_program, Free> program_;  // null: accepts all
};

// Whether the text is a filter at all: whether there is any network that it suits.
core::Result<void> check_capture_filter(std::string_view text);

}  // namespace ipn::fs
