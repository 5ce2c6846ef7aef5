#include "fs/channel.h"

#include <unistd.h>

#include <array>
#include <cerrno>
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

// ENOENT: the request is gone. ENODEV, EBADF, EPIPE: so is the whole mount, as reading will tell.
bool is_nobodys_failure(int error) {
    return error == ENOENT || error == ENODEV || error == EBADF || error == EPIPE ||
           error == ENOMEM || error == EAGAIN || error == ECONNRESET;
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
    memo_.forget();
    return {buffer_.get() + kPage, kDataMax};
}

FrameSpace Channel::frame_space() {
    return {{buffer_.get() + kPage, kDataMax}, &memo_};
}

void Channel::gathered(std::uint64_t unique, std::size_t length) {
    std::byte* start = buffer_.get() + kPage - kHeaderSize;
    put_header(start, unique, 0, length);
    send(start, kHeaderSize + length);
}

template <typename Notice>
int Channel::notify(fuse_notify_code code, const Notice& notice) {
    std::array<std::byte, kHeaderSize + sizeof notice> message;
    put_header(message.data(), 0, code, sizeof notice);
    std::memcpy(message.data() + kHeaderSize, &notice, sizeof notice);
    return write(message.data(), message.size());
}

void Channel::wake_pollers(std::uint64_t poll_handle) {
    const int error = notify(FUSE_NOTIFY_POLL, fuse_notify_poll_wakeup_out{.kh = poll_handle});
    IPN_CHECK(error == 0 || is_nobodys_failure(error));
}

bool Channel::ask_back(std::uint64_t unique, std::uint64_t node) {
    return notify(FUSE_NOTIFY_RETRIEVE, fuse_notify_retrieve_out{.notify_unique = unique,
                                                                 .nodeid = node,
                                                                 .offset = 0,
                                                                 .size = 0,
                                                                 .padding = 0}) == 0;
}

int Channel::write(const void* bytes, std::size_t length) {
    ssize_t written;
    do {
        written = ::write(fd_, bytes, length);
    } while (written < 0 && errno == EINTR);
    return written < 0 ? errno : 0;
}

void Channel::send(const void* bytes, std::size_t length) {
    const int error = write(bytes, length);
    IPN_CHECK(error == 0 || is_nobodys_failure(error));
}

}  // namespace ipn::fs
