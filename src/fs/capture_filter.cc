#include "fs/capture_filter.h"

#include <arpa/inet.h>
#include <pcap/dlt.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>

#include "core/options.h"
#include "core/text.h"

namespace ipn::fs {

using core::Result;

namespace {

// What pcap-filter(7) has for Ethernet. A word that is missing here is refused; one too many would
// be looked up.
constexpr std::array kWords{"aarp",
                            "ah",
                            "and",
                            "arp",
                            "atalk",
                            "broadcast",
                            "byte",
                            "clnp",
                            "decnet",
                            "dst",
                            "esis",
                            "esp",
                            "ether",
                            "geneve",
                            "greater",
                            "host",
                            "icmp",
                            "icmp-echo",
                            "icmp-echoreply",
                            "icmp-ireq",
                            "icmp-ireqreply",
                            "icmp-maskreply",
                            "icmp-maskreq",
                            "icmp-paramprob",
                            "icmp-redirect",
                            "icmp-routeradvert",
                            "icmp-routersolicit",
                            "icmp-sourcequench",
                            "icmp-timxceed",
                            "icmp-tstamp",
                            "icmp-tstampreply",
                            "icmp-unreach",
                            "icmp6",
                            "icmp6-destinationunreach",
                            "icmp6-echo",
                            "icmp6-echoreply",
                            "icmp6-multicastlistenerdone",
                            "icmp6-multicastlistenerquery",
                            "icmp6-multicastlistenerreportv1",
                            "icmp6-neighboradvert",
                            "icmp6-neighborsolicit",
                            "icmp6-packettoobig",
                            "icmp6-parameterproblem",
                            "icmp6-redirect",
                            "icmp6-routeradvert",
                            "icmp6-routersolicit",
                            "icmp6-timeexceeded",
                            "icmp6code",
                            "icmp6type",
                            "icmpcode",
                            "icmptype",
                            "igmp",
                            "igrp",
                            "inbound",
                            "ip",
                            "ip6",
                            "ipx",
                            "isis",
                            "iso",
                            "lat",
                            "len",
                            "length",
                            "less",
                            "link",
                            "mask",
                            "moprc",
                            "mopdl",
                            "mpls",
                            "multicast",
                            "net",
                            "netbeui",
                            "not",
                            "or",
                            "outbound",
                            "pim",
                            "port",
                            "portrange",
                            "pppoed",
                            "pppoes",
                            "proto",
                            "rarp",
                            "sca",
                            "sctp",
                            "src",
                            "stp",
                            "tcp",
                            "tcp-ack",
                            "tcp-cwr",
                            "tcp-ece",
                            "tcp-fin",
                            "tcp-push",
                            "tcp-rst",
                            "tcp-syn",
                            "tcp-urg",
                            "tcpflags",
                            "udp",
                            "vlan",
                            "vrrp"};

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHexDigits = "0123456789abcdefABCDEF";
// What libpcap's scanner may take for parts of a name, and `\\`, which makes a name of any word.
constexpr std::string_view kWordLetters =
    "\\$0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.:-";

bool all_of(std::string_view text, std::string_view letters) {
    return !text.empty() && text.find_first_not_of(letters) == text.npos;
}

bool is_number(std::string_view word) {
    const bool hexadecimal = word.starts_with("0x") || word.starts_with("0X");
    return hexadecimal ? all_of(word.substr(2), kHexDigits) : all_of(word, kDigits);
}

// How many parts there are between `separator`s, if each of them is made of `letters`; else 0.
std::size_t parts(std::string_view word, char separator, std::string_view letters) {
    std::size_t count = 0;
    for (;;) {
        const std::size_t end = std::min(word.find(separator), word.size());
        if (!all_of(word.substr(0, end), letters)) return 0;
        ++count;
        if (end == word.size()) return count;
        word.remove_prefix(end + 1);
    }
}

bool is_pair_of_numbers(std::string_view word, char separator) {
    const std::size_t middle = word.find(separator);
    return middle != word.npos && is_number(word.substr(0, middle)) &&
           is_number(word.substr(middle + 1));
}

bool is_address(std::string_view word) {
    constexpr std::size_t kIpv4Parts = 4, kMacParts = 6;
    const std::size_t ipv4 = parts(word, '.', kDigits);
    if (ipv4 >= 2 && ipv4 <= kIpv4Parts) return true;
    if (parts(word, ':', kHexDigits) == kMacParts) return true;
    in6_addr address{};
    return inet_pton(AF_INET6, std::string(word).c_str(), &address) == 1;
}

// Whether libpcap takes this for what it is without asking anybody.
bool is_known(std::string_view word) {
    return std::find(kWords.begin(), kWords.end(), word) != kWords.end() || is_number(word) ||
           is_pair_of_numbers(word, '-') || is_pair_of_numbers(word, ':') || is_address(word);
}

Result<void> refuse_names(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = std::min(text.find_first_of(kWordLetters, at), text.size());
        const std::size_t end = std::min(text.find_first_not_of(kWordLetters, start), text.size());
        std::string_view word = text.substr(start, end - start);
        at = end;
        while (word.starts_with('-')) word.remove_prefix(1);  // minus, before a number
        if (word.empty() || is_known(word)) continue;
        return core::fail(EINVAL, core::quoted(word) +
                                      " is no word of a filter; and no name is looked up: write "
                                      "addresses, ports and protocols as numbers");
    }
    return {};
}

struct Close {
    void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};

}  // namespace

void CaptureFilter::Free::operator()(bpf_program* program) const {
    pcap_freecode(program);
    delete program;
}

Result<CaptureFilter> CaptureFilter::compile(std::string_view text, std::uint16_t linktype,
                                             std::uint32_t snaplen) {
    CaptureFilter filter;
    if (text.empty()) return filter;
    const std::string name = std::string(core::kCaptureFilter) + ": " + core::quoted(text) + ": ";
    if (auto without_names = refuse_names(text); !without_names)
        return core::fail(EINVAL, name + without_names.error().words);

    const std::unique_ptr<pcap_t, Close> pcap(pcap_open_dead(linktype, static_cast<int>(snaplen)));
    if (pcap == nullptr) throw std::bad_alloc();
    filter.program_.reset(new bpf_program{});
    const bool compiled = pcap_compile(pcap.get(), filter.program_.get(), std::string(text).c_str(),
                                       1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!compiled) return core::fail(EINVAL, name + pcap_geterr(pcap.get()));
    if (filter.program_->bf_len > kProgramMax)
        return core::fail(EINVAL, name + "it takes too long for each packet");
    return filter;
}

bool CaptureFilter::accepts(std::span<const std::byte> packet) const {
    if (program_ == nullptr) return true;
    pcap_pkthdr header{};
    header.caplen = header.len = static_cast<bpf_u_int32>(packet.size());
    return pcap_offline_filter(program_.get(), &header,
                               reinterpret_cast<const u_char*>(packet.data())) != 0;
}

Result<void> check_capture_filter(std::string_view text) {
    constexpr std::uint32_t kSnaplen = 262144;
    auto compiled = CaptureFilter::compile(text, DLT_EN10MB, kSnaplen);
    if (!compiled) return tl::unexpected(std::move(compiled.error()));
    return {};
}

}  // namespace ipn::fs
