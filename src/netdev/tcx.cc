#include "netdev/tcx.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace ipn::netdev {

using core::fail;
using core::Result;

namespace {

// Newer than our headers (Linux 6.6).
enum Attach : std::uint32_t { kIngress = 46, kEgress = 47 };  // BPF_TCX_INGRESS, BPF_TCX_EGRESS
constexpr std::int32_t kNext = -1;                            // TCX_NEXT
constexpr std::int32_t kDrop = 2;                             // TCX_DROP

constexpr std::string_view kName = "ipnfs_grab";

long bpf(bpf_cmd command, bpf_attr& attributes) {
    return syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

std::uint64_t address_of(const void* data) {
    return reinterpret_cast<std::uintptr_t>(data);
}

constexpr bpf_insn answer(std::int32_t verdict) {
    return {.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .off = 0, .imm = verdict};
}
constexpr bpf_insn kExit{.code = BPF_JMP | BPF_EXIT, .off = 0, .imm = 0};

Result<Fd> load(std::span<const bpf_insn> program) {
    constexpr const char* kLicense = "MIT";
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
    attributes.insns = address_of(program.data());
    attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
    attributes.license = address_of(kLicense);
    kName.copy(attributes.prog_name, sizeof attributes.prog_name - 1);
    Fd fd(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
    if (!fd.valid()) return system_failure("loading a program for the interface");
    return fd;
}

Result<Fd> load_constant(std::int32_t verdict) {
    return load(std::array{answer(verdict), kExit});
}

// Lets pass what bears the mark.
Result<Fd> load_filter(std::uint32_t mark) {
    constexpr auto kMark = static_cast<std::int16_t>(offsetof(__sk_buff, mark));
    return load(std::array{
        bpf_insn{.code = BPF_LDX | BPF_MEM | BPF_W,
                 .dst_reg = BPF_REG_2,
                 .src_reg = BPF_REG_1,
                 .off = kMark,
                 .imm = 0},
        answer(kNext),
        bpf_insn{.code = BPF_JMP32 | BPF_JEQ | BPF_K,
                 .dst_reg = BPF_REG_2,
                 .off = 1,
                 .imm = static_cast<std::int32_t>(mark)},
        answer(kDrop),
        kExit,
    });
}

Result<Fd> load_entrance(bool share) {
    return load_constant(share ? kNext : kDrop);
}
Result<Fd> load_exit(bool share, std::uint32_t mark) {
    return share ? load_constant(kNext) : load_filter(mark);
}

Result<Fd> link(const Result<Fd>& program, std::uint32_t index, Attach where) {
    if (!program) return tl::unexpected(program.error());
    bpf_attr attributes{};
    attributes.link_create.prog_fd = static_cast<std::uint32_t>(program->get());
    attributes.link_create.target_ifindex = index;
    attributes.link_create.attach_type = where;
    Fd fd(static_cast<int>(bpf(BPF_LINK_CREATE, attributes)));
    if (fd.valid()) return fd;
    if (errno != EINVAL) return system_failure("attaching a program to the interface");
    return fail(EOPNOTSUPP,
                "keeping the host away from an interface needs TCX, which Linux has since 6.6");
}

// Whether a program of ours is attached there, whoever attached it.
bool is_grabbed(std::uint32_t index) {
    constexpr std::uint32_t kProgramsMax = 64;
    std::array<std::uint32_t, kProgramsMax> programs{};
    bpf_attr query{};
    query.query.target_fd = index;  // as TCX has it
    query.query.attach_type = kIngress;
    query.query.prog_ids = address_of(programs.data());
    query.query.prog_cnt = kProgramsMax;
    if (bpf(BPF_PROG_QUERY, query) != 0) return false;
    for (std::uint32_t i = 0; i < std::min(query.query.prog_cnt, kProgramsMax); ++i) {
        bpf_attr get{};
        get.prog_id = programs[i];
        const Fd program(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, get)));
        bpf_prog_info info{};
        bpf_attr ask{};
        ask.info.bpf_fd = static_cast<std::uint32_t>(program.get());
        ask.info.info_len = sizeof info;
        ask.info.info = address_of(&info);
        if (program.valid() && bpf(BPF_OBJ_GET_INFO_BY_FD, ask) == 0 && kName == info.name)
            return true;
    }
    return false;
}

Result<void> replace(const Fd& link, const Result<Fd>& program) {
    if (!program) return tl::unexpected(program.error());
    bpf_attr attributes{};
    attributes.link_update.link_fd = static_cast<std::uint32_t>(link.get());
    attributes.link_update.new_prog_fd = static_cast<std::uint32_t>(program->get());
    if (bpf(BPF_LINK_UPDATE, attributes) == 0) return {};
    return system_failure("changing the program of the interface");
}

}  // namespace

Result<Tcx> Tcx::attach(std::uint32_t index, std::uint32_t mark, bool share) {
    if (is_grabbed(index)) return fail(EBUSY, "the interface is grabbed already");
    auto entrance = link(load_entrance(share), index, kIngress);
    if (!entrance) return tl::unexpected(entrance.error());
    auto exit = link(load_exit(share, mark), index, kEgress);
    if (!exit) return tl::unexpected(exit.error());
    return Tcx(std::move(*entrance), std::move(*exit), mark);
}

Result<void> Tcx::set_share(bool share) {
    if (auto changed = replace(entrance_, load_entrance(share)); !changed) return changed;
    return replace(exit_, load_exit(share, mark_));
}

}  // namespace ipn::netdev
