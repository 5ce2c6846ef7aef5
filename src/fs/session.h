// Session: the conversation with the kernel about one mount.
//
// READ, WRITE, POLL and INTERRUPT take the own lane: decoded here, in place, and answered through
// Channel. Every other request goes through libfuse to the functions of Filesystem.
// Lifecycle: made; mount() or, in tests, attach(); handle_one() until it says ended.
// With it go the files that are still open. By then the commit gate must have finished every change
// that came from here.
// Threads: the loop only. Not done: waiting; the loop polls descriptor() and calls handle_one().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "fs/channel.h"
#include "fs/filesystem.h"

namespace ipn::fs {

class Session {
  public:
    enum class Handled : std::uint8_t {
        request,
        nothing,  // there is none now
        ended,    // unmounted
    };

    // What the kernel and we agreed on, once the first request (INIT) was handled.
    struct Protocol {
        unsigned major = 0;
        unsigned minor = 0;
    };

    // `ready` is called when the kernel has said INIT: the tree is usable.
    // Throws std::system_error if libfuse refuses `fuse_options` (comma-separated, may be empty).
    Session(Filesystem& filesystem, const std::string& fuse_options,
            std::function<void(Protocol)> ready);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Fails with libfuse's and fusermount3's own words.
    core::Result<void> mount(const std::string& directory);
    // Talks to `fd`, a SOCK_SEQPACKET socket, instead of a kernel. Takes it over.
    void attach(int fd);
    // Detaches the mount from the tree and ends the conversation.
    void unmount();

    int descriptor() const { return descriptor_; }
    Handled handle_one();

  private:
    struct Callbacks;
    struct Deleter {
        void operator()(fuse_session* session) const { fuse_session_destroy(session); }
    };
    struct Free {
        void operator()(void* pointer) const;
    };

    void take_over(int fd);
    void handle(std::size_t length) IPN_ON_LOOP;
    // The own lane. The request's arguments follow its header.
    void handle_read(const fuse_in_header& header, const std::byte* arguments, std::size_t length);
    void handle_write(const fuse_in_header& header, const std::byte* arguments, std::size_t length);
    void handle_poll(const fuse_in_header& header, const std::byte* arguments, std::size_t length);
    void handle_interrupt(const std::byte* arguments, std::size_t length);

    Filesystem& filesystem_;
    std::function<void(Protocol)> ready_;
    Channel channel_;
    std::unique_ptr<fuse_session, Deleter> session_;
    std::unique_ptr<std::byte, Free> request_;
    int descriptor_ = -1;
    bool mounted_ = false;
};

}  // namespace ipn::fs
