#include "fs/channel.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

namespace ipn::fs {
namespace {

constexpr std::size_t kPage = 4096;

void put_header(std::byte* at, std::uint64_t unique, int error, std::size_t data) {
    const fuse_out_header header{
        .len = static_cast<std::uint32_t>(kHeaderSize + data), .error = error, .unique = unique};
    std::memcpy(at, &header, sizeof header);
}

}  // namespace

static_assert(core::Packet::kHeadroom >= kHeaderSize);

void Channel::Free::operator()(void* pointer) const {
    std::free(pointer);
}

Channel::Channel() : buffer_(static_cast<std::byte*>(std::aligned_alloc(kPage, kPage + kDataMax))) {
    if (!buffer_) throw std::bad_alloc();
}

void Channel::error(std::uint64_t unique, int code) {
    std::array<std::byte, kHeaderSize> reply;
    put_header(reply.data(), unique, -wire_errno(code), 0);
    send(reply.data(), reply.size());
}

void Channel::small(std::uint64_t unique, std::span<const std::byte> data) {
    std::array<std::byte, kHeaderSize + 512> reply;
    IPN_CHECK(kHeaderSize + data.size() <= reply.size());
    put_header(reply.data(), unique, 0, data.size());
    if (!data.empty()) std::memcpy(reply.data() + kHeaderSize, data.data(), data.size());
    send(reply.data(), kHeaderSize + data.size());
}

void Channel::packet(std::uint64_t unique, core::Packet& packet, std::uint32_t offset,
                     std::uint32_t length) {
    if (offset == 0) {
        std::byte* start = packet.headroom() + core::Packet::kHeadroom - kHeaderSize;
        put_header(start, unique, 0, length);
        send(start, kHeaderSize + length);
        return;
    }
    std::memcpy(gather_space().data(), packet.data() + offset, length);
    gathered(unique, length);
}

std::span<std::byte> Channel::gather_space() {
    return {buffer_.get() + kPage, kDataMax};
}

void Channel::gathered(std::uint64_t unique, std::size_t length) {
    std::byte* start = buffer_.get() + kPage - kHeaderSize;
    put_header(start, unique, 0, length);
    send(start, kHeaderSize + length);
}

void Channel::wake_pollers(std::uint64_t poll_handle) {
    std::array<std::byte, kHeaderSize + sizeof(fuse_notify_poll_wakeup_out)> notice;
    put_header(notice.data(), 0, FUSE_NOTIFY_POLL, sizeof(fuse_notify_poll_wakeup_out));
    const fuse_notify_poll_wakeup_out wakeup{.kh = poll_handle};
    std::memcpy(notice.data() + kHeaderSize, &wakeup, sizeof wakeup);
    send(notice.data(), notice.size());
}

void Channel::send(const void* bytes, std::size_t length) {
    ssize_t written;
    do {
        written = ::write(fd_, bytes, length);
    } while (written < 0 && errno == EINTR);
    // ENOENT: the request is gone. ENODEV, EBADF, EPIPE: so is the whole mount, as reading will
    // tell.
    IPN_CHECK(written >= 0 || errno == ENOENT || errno == ENODEV || errno == EBADF ||
              errno == EPIPE || errno == ENOMEM || errno == EAGAIN || errno == ECONNRESET);
}

}  // namespace ipn::fs
