// Session: the conversation with the kernel about one mount.
//
// READ, WRITE, POLL and INTERRUPT take the own lane: decoded here, in place, and answered through
// their Reply. Every other request goes through libfuse to the functions of Filesystem.
// Two transports: /dev/fuse, and besides it FUSE over io_uring, if there is a ring for it and the
// kernel offers it. Which one a request came by is known only where it comes in and goes out.
// Lifecycle: made; perhaps offer(); mount() or, in tests, attach(); handle_one() until it says
// ended; if there was a ring, close_ring() before it goes, and it goes before the mount does.
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
#include "fs/command_ring.h"
#include "fs/filesystem.h"
#include "fs/message.h"
#include "fs/ring_transport.h"

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
        bool over_ring = false;
    };

    // `ready` is called when the kernel has said INIT: the tree is usable.
    // Throws std::system_error if libfuse refuses `fuse_options` (comma-separated, may be empty).
    Session(Filesystem& filesystem, const std::string& fuse_options,
            std::function<void(Protocol)> ready);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // From now on FUSE over io_uring is used where the kernel offers it. Before INIT.
    void offer(CommandRing& ring, core::Registry& registry);
    // Fails with libfuse's and fusermount3's own words.
    core::Result<void> mount(const std::string& directory);
    // Talks to `fd`, a SOCK_SEQPACKET socket, instead of a kernel. Takes it over.
    void attach(int fd);
    // Detaches the mount from the tree and ends the conversation.
    void unmount();

    int descriptor() const { return descriptor_; }
    // One from the descriptor. Those over the ring are handled in its turns.
    Handled handle_one();

    // Whether requests come over the ring, and hardly any from the descriptor.
    bool over_ring() const { return over_ring_; }
    // See ring_transport.h.
    void attend_ring() {
        if (over_ring_) ring_->attend();
    }
    void trim_ring() {
        if (ring_) ring_->trim();
    }
    void close_ring() {
        if (ring_) ring_->close();
    }

  private:
    struct Callbacks;
    struct Deleter {
        void operator()(fuse_session* session) const { fuse_session_destroy(session); }
    };
    struct Free {
        void operator()(void* pointer) const;
    };

    void take_over(int fd);
    void handle_device(std::size_t length) IPN_ON_LOOP;
    void handle(const Message& message) IPN_ON_LOOP;
    void handle_by_libfuse(const Message& message) IPN_ON_LOOP;
    ssize_t answer_by_libfuse(int fd, std::span<iovec> parts);
    void handle_init(const Message& message) IPN_ON_LOOP;
    // The own lane.
    void handle_read(const Message& message);
    void handle_write(const Message& message);
    void handle_poll(const Message& message);
    void handle_interrupt(const Message& message);

    Filesystem& filesystem_;
    std::function<void(Protocol)> ready_;
    Channel channel_;
    std::unique_ptr<RingTransport> ring_;  // perhaps only offered
    std::unique_ptr<fuse_session, Deleter> session_;
    std::unique_ptr<std::byte, Free> request_;
    int descriptor_ = -1;
    bool mounted_ = false;
    Protocol agreed_;
    bool offering_ring_ = false;  // in the answer to INIT that is under way
    bool over_ring_ = false;
};

}  // namespace ipn::fs
