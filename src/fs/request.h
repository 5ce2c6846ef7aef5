// Request: a FUSE request that came through libfuse, answered exactly once.
//
// Move-only, so that a handler can keep it until a change is safe (see core/commit.h). One that is
// destroyed unanswered is a bug, unless an exception is on its way: then memory ran out.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "core/node.h"
#include "fs/wire.h"

namespace ipn::fs {

class Request {
  public:
    explicit Request(fuse_req_t request) : request_(request) {}
    Request(Request&& other) noexcept : request_(std::exchange(other.request_, nullptr)) {}
    Request& operator=(Request&&) = delete;
    ~Request() {
        if (request_ == nullptr) return;
        IPN_CHECK(std::uncaught_exceptions() > 0);
        error(ENOMEM);
    }

    core::Credentials caller() const {
        const fuse_ctx* context = fuse_req_ctx(request_);
        return {.uid = context->uid,
                .gid = context->gid,
                .pid = context->pid < 0 ? 0 : static_cast<std::uint32_t>(context->pid)};
    }

    void error(int code) { fuse_reply_err(take(), wire_errno(code)); }
    void ok() { error(0); }
    void entry(const fuse_entry_param& entry) { fuse_reply_entry(take(), &entry); }
    void attributes(const struct stat& attributes) { fuse_reply_attr(take(), &attributes, 0); }
    void bytes(std::span<const char> bytes) { fuse_reply_buf(take(), bytes.data(), bytes.size()); }
    void link(const std::string& target) { fuse_reply_readlink(take(), target.c_str()); }
    void xattr_size(std::size_t size) { fuse_reply_xattr(take(), size); }
    void statfs(const struct statvfs& facts) { fuse_reply_statfs(take(), &facts); }
    // `result`: what ioctl(2) returns.
    void ioctl(std::span<const char> out, int result = 0) {
        fuse_reply_ioctl(take(), result, out.data(), out.size());
    }

    // False if the kernel does not want the file any more: then it will not release it either.
    [[nodiscard]] bool opened(const fuse_open_out& open) {
        return fuse_reply_buf(take(), reinterpret_cast<const char*>(&open), sizeof open) == 0;
    }
    [[nodiscard]] bool created(const fuse_entry_out& entry, const fuse_open_out& open) {
        char reply[sizeof entry + sizeof open];
        std::memcpy(reply, &entry, sizeof entry);
        std::memcpy(reply + sizeof entry, &open, sizeof open);
        return fuse_reply_buf(take(), reply, sizeof reply) == 0;
    }

    // For fuse_add_direntry(), which asks for it without using it.
    fuse_req_t handle() const { return request_; }

  private:
    fuse_req_t take() {
        IPN_CHECK(request_ != nullptr);
        return std::exchange(request_, nullptr);
    }

    fuse_req_t request_;
};

}  // namespace ipn::fs
