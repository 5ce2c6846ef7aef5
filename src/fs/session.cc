#include "fs/session.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#include "fs/well_formed.h"

namespace ipn::fs {
namespace {

constexpr std::size_t kPage = 4096;
// The largest request: a write of 1 MiB behind a page of headers.
constexpr std::size_t kRequestMax = 1024 * 1024 + kPage;

// The kernel copies headers and arguments side by side, so they are read by memcpy, not by pointer.
template <typename T>
bool decode(std::span<const std::byte> from, T& to) {
    if (from.size() < sizeof to) return false;
    std::memcpy(&to, from.data(), sizeof to);
    return true;
}

// What libfuse and fusermount3 say on stderr while they mount, as one line for our own error.
class CapturedStderr {
  public:
    CapturedStderr() : file_(memfd_create("stderr", MFD_CLOEXEC)), saved_(dup(STDERR_FILENO)) {
        if (file_ >= 0 && saved_ >= 0) dup2(file_, STDERR_FILENO);
    }
    ~CapturedStderr() {
        restore();
        if (file_ >= 0) close(file_);
    }
    CapturedStderr(const CapturedStderr&) = delete;
    CapturedStderr& operator=(const CapturedStderr&) = delete;

    std::string words() {
        restore();
        std::string text(1024, '\0');
        const ssize_t length = pread(file_, text.data(), text.size(), 0);
        text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
        while (!text.empty() && text.back() == '\n') text.pop_back();
        for (char& c : text)
            if (c == '\n') c = ';';
        return text.empty() ? "no reason given" : text;
    }

  private:
    void restore() {
        if (saved_ < 0) return;
        dup2(saved_, STDERR_FILENO);
        close(saved_);
        saved_ = -1;
    }

    int file_;
    int saved_;
};

}  // namespace

// libfuse's table of C functions, each of which hands its arguments to Filesystem. No exception may
// cross libfuse: if memory runs out, the request answers for itself while the exception passes it.
struct Session::Callbacks {
    static Session& session(fuse_req_t request) {
        return *static_cast<Session*>(fuse_req_userdata(request));
    }

    template <typename... Parameters, typename... Arguments>
    static void call(fuse_req_t request, void (Filesystem::*handler)(Request, Parameters...),
                     Arguments&&... arguments) try {
        (session(request).filesystem_.*handler)(Request(request),
                                                std::forward<Arguments>(arguments)...);
    } catch (const std::bad_alloc&) {
    }

    static void init(void* data, fuse_conn_info* connection) {
        constexpr unsigned kBackgroundMax = 8192;  // RELEASE is a background request
        connection->want &= ~static_cast<unsigned>(
            FUSE_CAP_ASYNC_DIO |  // would make unkillable reads of ports, see the manual
            FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE |
            FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
            FUSE_CAP_DONT_MASK);
        connection->want |= connection->capable & FUSE_CAP_ATOMIC_O_TRUNC;
        connection->max_background = kBackgroundMax;
        connection->congestion_threshold = kBackgroundMax;
        auto& self = *static_cast<Session*>(data);
        self.agreed_ = {.major = connection->proto_major, .minor = connection->proto_minor};
    }
    static void lookup(fuse_req_t r, fuse_ino_t parent, const char* name) {
        call(r, &Filesystem::lookup, parent, name);
    }
    static void forget(fuse_req_t r, fuse_ino_t node, std::uint64_t lookups) {
        session(r).filesystem_.forget(node, lookups);
        fuse_reply_none(r);
    }
    static void forget_multi(fuse_req_t r, std::size_t count, fuse_forget_data* forgets) {
        for (std::size_t i = 0; i < count; ++i)
            session(r).filesystem_.forget(forgets[i].ino, forgets[i].nlookup);
        fuse_reply_none(r);
    }
    static void getattr(fuse_req_t r, fuse_ino_t node, fuse_file_info*) {
        call(r, &Filesystem::getattr, node);
    }
    static void setattr(fuse_req_t r, fuse_ino_t node, struct stat* wanted, int what,
                        fuse_file_info*) {
        call(r, &Filesystem::setattr, node, *wanted, what);
    }
    static void mknod(fuse_req_t r, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
        call(r, &Filesystem::mknod, parent, name, mode);
    }
    static void mkdir(fuse_req_t r, fuse_ino_t parent, const char* name, mode_t mode) {
        call(r, &Filesystem::mkdir, parent, name, mode);
    }
    static void unlink(fuse_req_t r, fuse_ino_t parent, const char* name) {
        call(r, &Filesystem::unlink, parent, name);
    }
    static void rmdir(fuse_req_t r, fuse_ino_t parent, const char* name) {
        call(r, &Filesystem::rmdir, parent, name);
    }
    static void readlink(fuse_req_t r, fuse_ino_t node) { call(r, &Filesystem::readlink, node); }
    static void symlink(fuse_req_t r, const char* target, fuse_ino_t parent, const char* name) {
        call(r, &Filesystem::symlink, parent, name, target);
    }
    static void link(fuse_req_t r, fuse_ino_t, fuse_ino_t parent, const char*) {
        call(r, &Filesystem::refuse_creation, parent);
    }
    static void rename(fuse_req_t r, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
                       const char* new_name, unsigned flags) {
        call(r, &Filesystem::rename, parent, name, new_parent, new_name, flags);
    }
    static void open(fuse_req_t r, fuse_ino_t node, fuse_file_info* file) {
        call(r, &Filesystem::open, node, file->flags);
    }
    static void create(fuse_req_t r, fuse_ino_t parent, const char* name, mode_t mode,
                       fuse_file_info* file) {
        call(r, &Filesystem::create, parent, name, mode, file->flags);
    }
    static void release(fuse_req_t r, fuse_ino_t, fuse_file_info* file) {
        call(r, &Filesystem::release, file->fh);
    }
    static void opendir(fuse_req_t r, fuse_ino_t node, fuse_file_info*) {
        call(r, &Filesystem::opendir, node);
    }
    static void readdir(fuse_req_t r, fuse_ino_t, std::size_t size, off_t offset,
                        fuse_file_info* file) {
        call(r, &Filesystem::readdir, file->fh, size, offset);
    }
    static void releasedir(fuse_req_t r, fuse_ino_t, fuse_file_info* file) {
        call(r, &Filesystem::releasedir, file->fh);
    }
    static void statfs(fuse_req_t r, fuse_ino_t) { call(r, &Filesystem::statfs); }
    static void setxattr(fuse_req_t r, fuse_ino_t node, const char* name, const char* value,
                         std::size_t size, int flags) {
        call(r, &Filesystem::setxattr, node, name, std::string_view(value, size), flags);
    }
    static void getxattr(fuse_req_t r, fuse_ino_t node, const char* name, std::size_t size) {
        call(r, &Filesystem::getxattr, node, name, size);
    }
    static void listxattr(fuse_req_t r, fuse_ino_t node, std::size_t size) {
        call(r, &Filesystem::listxattr, node, size);
    }
    static void removexattr(fuse_req_t r, fuse_ino_t node, const char* name) {
        call(r, &Filesystem::removexattr, node, name);
    }
    static void ioctl(fuse_req_t r, fuse_ino_t node, unsigned command, void*, fuse_file_info* file,
                      unsigned, const void* in, std::size_t in_size, std::size_t out_size) {
        call(r, &Filesystem::ioctl, node, file->fh, command,
             std::span(static_cast<const char*>(in), in_size), out_size);
    }

    static fuse_lowlevel_ops table() {
        fuse_lowlevel_ops ops{};
        ops.init = init;
        ops.lookup = lookup;
        ops.forget = forget;
        ops.forget_multi = forget_multi;
        ops.getattr = getattr;
        ops.setattr = setattr;
        ops.mknod = mknod;
        ops.mkdir = mkdir;
        ops.unlink = unlink;
        ops.rmdir = rmdir;
        ops.readlink = readlink;
        ops.symlink = symlink;
        ops.link = link;
        ops.rename = rename;
        ops.open = open;
        ops.create = create;
        ops.release = release;
        ops.opendir = opendir;
        ops.readdir = readdir;
        ops.releasedir = releasedir;
        ops.statfs = statfs;
        ops.setxattr = setxattr;
        ops.getxattr = getxattr;
        ops.listxattr = listxattr;
        ops.removexattr = removexattr;
        ops.ioctl = ioctl;
        return ops;
    }
};

void Session::Free::operator()(void* pointer) const {
    std::free(pointer);
}

Session::Session(Filesystem& filesystem, const std::string& fuse_options,
                 std::function<void(Protocol)> ready)
    : filesystem_(filesystem),
      ready_(std::move(ready)),
      request_(static_cast<std::byte*>(std::aligned_alloc(kPage, kRequestMax))) {
    if (!request_) throw std::bad_alloc();
    const fuse_lowlevel_ops ops = Callbacks::table();
    fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
    fuse_opt_add_arg(&arguments, "ipnfs");
    if (!fuse_options.empty()) {
        fuse_opt_add_arg(&arguments, "-o");
        fuse_opt_add_arg(&arguments, fuse_options.c_str());
    }
    CapturedStderr said;
    session_.reset(fuse_session_new(&arguments, &ops, sizeof ops, this));
    fuse_opt_free_args(&arguments);
    if (!session_) throw std::system_error(EINVAL, std::generic_category(), said.words());
}

Session::~Session() {
    filesystem_.close_files();  // what waits in them answers through the channel
    unmount();
}

void Session::offer(CommandRing& ring, core::Registry& registry) {
    ring_ = std::make_unique<RingTransport>(
        ring, registry, channel_,
        RingTransport::Handlers{
            .request =
                [this](const Message& message) {
                    const core::AssumeLoop here;
                    handle(message);
                },
            .interrupt = [this](std::uint64_t unique) { filesystem_.interrupt(unique); }});
}

core::Result<void> Session::mount(const std::string& directory) {
    CapturedStderr said;
    if (fuse_session_mount(session_.get(), directory.c_str()) != 0)
        return core::fail(EIO, said.words());
    mounted_ = true;
    take_over(fuse_session_fd(session_.get()));
    return {};
}

void Session::attach(int fd) {
    take_over(fd);
}

void Session::take_over(int fd) {
    fuse_custom_io io{};
    io.read = [](int from, void* to, std::size_t size, void*) { return ::read(from, to, size); };
    io.writev = [](int to, iovec* parts, int count, void* self) {
        return static_cast<Session*>(self)->answer_by_libfuse(
            to, {parts, static_cast<std::size_t>(count)});
    };
    const int result = fuse_session_custom_io(session_.get(), &io, fd);
    IPN_CHECK(result == 0);
    descriptor_ = fd;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    channel_.attach(fd);
}

void Session::unmount() {
    if (!std::exchange(mounted_, false)) return;
    fuse_session_unmount(session_.get());
    channel_.attach(-1);  // libfuse has closed the descriptor
}

Session::Handled Session::handle_one() {
    const ssize_t length = ::read(descriptor_, request_.get(), kRequestMax);
    if (length > 0) {
        const core::AssumeLoop here;
        handle_device(static_cast<std::size_t>(length));
        return Handled::request;
    }
    if (length == 0) return Handled::ended;  // a socket whose other end closed
    switch (errno) {
        case EAGAIN:
            return Handled::nothing;
        case EINTR:
        case ENOENT:
            return Handled::request;  // interrupted before we got it: look for the next
        case ENODEV:
        case ECONNABORTED:  // it ended while we took a request
            return Handled::ended;
        default:
            throw std::system_error(errno, std::generic_category(), "reading from /dev/fuse");
    }
}

void Session::handle_device(std::size_t length) {
    fuse_in_header header;
    if (!decode({request_.get(), length}, header)) return;
    const std::span<const std::byte> all(request_.get() + sizeof header, length - sizeof header);
    const std::size_t fixed =
        header.opcode == FUSE_WRITE ? std::min(all.size(), sizeof(fuse_write_in)) : all.size();
    handle({header, all.first(fixed), all.subspan(fixed), channel_});
}

void Session::handle(const Message& message) {
    try {
        switch (message.header.opcode) {
            case FUSE_READ:
                return handle_read(message);
            case FUSE_WRITE:
                return handle_write(message);
            case FUSE_POLL:
                return handle_poll(message);
            case FUSE_INTERRUPT:
                return handle_interrupt(message);
            case FUSE_INIT:
                return handle_init(message);
            default:
                break;
        }
    } catch (const std::bad_alloc&) {
        return;  // the request has answered for itself
    }
    handle_by_libfuse(message);
}

void Session::handle_by_libfuse(const Message& message) {
    // libfuse wants it in one piece.
    const fuse_in_header& header = message.header;
    std::byte* const arguments = request_.get() + sizeof header;
    const std::size_t length = message.arguments.size() + message.rest.size();
    if (message.arguments.data() != arguments) {
        std::memcpy(request_.get(), &header, sizeof header);
        std::copy(message.arguments.begin(), message.arguments.end(), arguments);
        std::copy(message.rest.begin(), message.rest.end(), arguments + message.arguments.size());
    }
    const Form form = form_of(header, {arguments, length});
    if (form != Form::good) {
        if (wants_answer(header))
            message.reply.error(header.unique, form == Form::bad ? EINVAL : ENOSYS);
        return;
    }
    fuse_buf buffer{};
    buffer.size = sizeof header + length;
    buffer.mem = request_.get();
    fuse_session_process_buf(session_.get(), &buffer);
}

// libfuse 3.14 does not know of FUSE over io_uring: it is agreed on between the lines.
void Session::handle_init(const Message& message) {
    fuse_init_in in;
    offering_ring_ = ring_ && decode(message.arguments, in) && (in.flags & kInitExtended) != 0 &&
                     (in.flags2 & kOverIoUring) != 0;
    agreed_ = {};
    handle_by_libfuse(message);
    const bool offered = std::exchange(offering_ring_, false);
    if (agreed_.major == 0) return;  // refused
    over_ring_ = offered && ring_->start(descriptor_);
    agreed_.over_ring = over_ring_;
    if (ready_) ready_(agreed_);
}

ssize_t Session::answer_by_libfuse(int fd, std::span<iovec> parts) {
    if (offering_ring_ && parts.size() > 1 && parts[1].iov_len >= sizeof(fuse_init_out)) {
        fuse_init_out out;
        std::memcpy(&out, parts[1].iov_base, sizeof out);
        out.flags |= kInitExtended;
        out.flags2 |= kOverIoUring;
        std::memcpy(parts[1].iov_base, &out, sizeof out);
    }
    // Requests come as soon as the ring starts, before anybody here knows that it has.
    const auto answered = ring_ ? ring_->answer(parts) : RingTransport::Answered::not_here;
    switch (answered) {
        case RingTransport::Answered::not_here:
            return ::writev(fd, parts.data(), static_cast<int>(parts.size()));
        case RingTransport::Answered::gone:
            errno = ENOENT;
            return -1;
        case RingTransport::Answered::sent:
            break;
    }
    ssize_t length = 0;
    for (const iovec& part : parts) length += static_cast<ssize_t>(part.iov_len);
    return length;
}

void Session::handle_read(const Message& message) {
    fuse_read_in in;
    if (!decode(message.arguments, in)) return message.reply.error(message.header.unique, EINVAL);
    OpenFile* file = filesystem_.open_file(in.fh);
    if (file == nullptr) return message.reply.error(message.header.unique, EBADF);
    file->read({.request = LaneRequest(message.reply, message.header.unique),
                .offset = in.offset,
                .size = in.size,
                .nonblocking = (in.flags & O_NONBLOCK) != 0});
}

void Session::handle_write(const Message& message) {
    fuse_write_in in;
    if (!decode(message.arguments, in) || message.rest.size() < in.size)
        return message.reply.error(message.header.unique, EINVAL);
    OpenFile* file = filesystem_.open_file(in.fh);
    if (file == nullptr) return message.reply.error(message.header.unique, EBADF);
    // The offset says nothing. A write(2) begins at 0 (FOPEN_STREAM), but one with O_APPEND at the
    // size that the kernel believes in, and splice(2) counts up. And the kernel goes on with a
    // write that it had to cut only if the first part, 1 MiB, was taken: by a stream.
    file->write({.request = LaneRequest(message.reply, message.header.unique),
                 .data = message.rest.first(in.size),
                 .nonblocking = (in.flags & O_NONBLOCK) != 0});
}

void Session::handle_poll(const Message& message) {
    fuse_poll_in in;
    if (!decode(message.arguments, in)) return message.reply.error(message.header.unique, EINVAL);
    OpenFile* file = filesystem_.open_file(in.fh);
    if (file == nullptr) return message.reply.error(message.header.unique, EBADF);
    file->poll({.request = LaneRequest(message.reply, message.header.unique),
                .channel = channel_,
                .poll_handle = in.kh,
                .events = in.events,
                .wants_wakeup = (in.flags & FUSE_POLL_SCHEDULE_NOTIFY) != 0});
}

void Session::handle_interrupt(const Message& message) {
    fuse_interrupt_in in;
    if (decode(message.arguments, in)) filesystem_.interrupt(in.unique);
}

}  // namespace ipn::fs
