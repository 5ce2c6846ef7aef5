// naive_hub: the simplest FUSE hub there is, for comparison. `naive_hub DIR` serves two files in
// DIR until it is killed or unmounted:
//
//   port   each write is delivered to every other open at once, inside the write, one packet a
//   call;
//          only then is the writer answered. A reader that is not waiting has a queue of 128
//          packets; while one is full, writers wait: nothing is lost.
//   null   a write or read of it does nothing and is answered at once: the price of FUSE itself.
//
// One thread, libfuse's own loop, no batching, no pooling: deliberately what anybody would write
// first. Not done: poll, O_NONBLOCK, several reads at a time on one open, anything with attributes.
#define FUSE_USE_VERSION 31

#include <fcntl.h>
#include <fuse_lowlevel.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t queue_packets_max = 128;
constexpr fuse_ino_t root_inode = FUSE_ROOT_ID;
constexpr fuse_ino_t port_inode = 2;
constexpr fuse_ino_t null_inode = 3;

using Packet = std::shared_ptr<const std::string>;

struct Open {
    bool reads = false;
    std::deque<Packet> queue;
    fuse_req_t waiting_read = nullptr;
    std::size_t read_bytes = 0;
};

struct WaitingWrite {
    fuse_req_t request;
    Open* sender;
    Packet packet;
};

std::list<Open> opens;
std::deque<WaitingWrite> waiting_writes;

Open* open_of(const fuse_file_info* file) {
    return reinterpret_cast<Open*>(file->fh);
}

bool room_for_packet_from(const Open* sender) {
    return std::all_of(opens.begin(), opens.end(), [sender](const Open& open) {
        return &open == sender || !open.reads || open.queue.size() < queue_packets_max;
    });
}

void reply_packet(fuse_req_t request, std::string_view packet, std::size_t bytes_max) {
    fuse_reply_buf(request, packet.data(), std::min(packet.size(), bytes_max));
}

// REQUIRES: room_for_packet_from(sender).
void deliver(const Open* sender, const Packet& packet) {
    for (Open& open : opens) {
        if (&open == sender || !open.reads) continue;
        if (open.waiting_read != nullptr) {
            reply_packet(std::exchange(open.waiting_read, nullptr), *packet, open.read_bytes);
        } else {
            open.queue.push_back(packet);
        }
    }
}

void admit_waiting_writes() {
    while (!waiting_writes.empty() && room_for_packet_from(waiting_writes.front().sender)) {
        const WaitingWrite write = waiting_writes.front();
        waiting_writes.pop_front();
        deliver(write.sender, write.packet);
        fuse_reply_write(write.request, write.packet->size());
    }
}

void on_interrupted_read(fuse_req_t request, void* data) {
    auto* open = static_cast<Open*>(data);
    if (open->waiting_read != request) return;
    open->waiting_read = nullptr;
    fuse_reply_err(request, EINTR);
}

void on_interrupted_write(fuse_req_t request, void* /*data*/) {
    const auto write =
        std::find_if(waiting_writes.begin(), waiting_writes.end(),
                     [request](const WaitingWrite& each) { return each.request == request; });
    if (write == waiting_writes.end()) return;
    waiting_writes.erase(write);
    fuse_reply_err(request, EINTR);
}

struct stat attributes_of(fuse_ino_t inode) {
    struct stat attributes {};
    attributes.st_ino = inode;
    attributes.st_mode = inode == root_inode ? S_IFDIR | 0755 : S_IFREG | 0666;
    attributes.st_nlink = 1;
    return attributes;
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    fuse_entry_param entry{};
    if (parent == root_inode && std::strcmp(name, "port") == 0) entry.ino = port_inode;
    if (parent == root_inode && std::strcmp(name, "null") == 0) entry.ino = null_inode;
    if (entry.ino == 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    entry.attr = attributes_of(entry.ino);
    fuse_reply_entry(request, &entry);
}

void on_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info* /*file*/) {
    const struct stat attributes = attributes_of(inode);
    fuse_reply_attr(request, &attributes, 0);
}

void on_open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
    file->direct_io = 1;
    file->nonseekable = 1;
    if (inode == port_inode) {
        Open& open = opens.emplace_back();
        open.reads = (file->flags & O_ACCMODE) != O_WRONLY;
        file->fh = reinterpret_cast<std::uintptr_t>(&open);
    }
    fuse_reply_open(request, file);
}

void on_release(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
    if (inode == port_inode) {
        const Open* gone = open_of(file);
        opens.remove_if([gone](const Open& open) { return &open == gone; });
        admit_waiting_writes();
    }
    fuse_reply_err(request, 0);
}

void on_write(fuse_req_t request, fuse_ino_t inode, const char* data, std::size_t bytes,
              off_t /*offset*/, fuse_file_info* file) {
    if (inode == null_inode) {
        fuse_reply_write(request, bytes);
        return;
    }
    const Open* sender = open_of(file);
    auto packet = std::make_shared<const std::string>(data, bytes);
    if (!room_for_packet_from(sender)) {
        waiting_writes.push_back({request, open_of(file), std::move(packet)});
        fuse_req_interrupt_func(request, on_interrupted_write, nullptr);
        return;
    }
    deliver(sender, packet);
    fuse_reply_write(request, bytes);
}

void on_read(fuse_req_t request, fuse_ino_t inode, std::size_t bytes, off_t /*offset*/,
             fuse_file_info* file) {
    if (inode == null_inode) {
        static const std::vector<char> zeros(1 << 20);
        fuse_reply_buf(request, zeros.data(), std::min(bytes, zeros.size()));
        return;
    }
    Open* open = open_of(file);
    if (open->queue.empty()) {
        open->waiting_read = request;
        open->read_bytes = bytes;
        fuse_req_interrupt_func(request, on_interrupted_read, open);
        return;
    }
    reply_packet(request, *open->queue.front(), bytes);
    open->queue.pop_front();
    admit_waiting_writes();
}

fuse_lowlevel_ops operations() {
    fuse_lowlevel_ops table{};
    table.lookup = on_lookup;
    table.getattr = on_getattr;
    table.open = on_open;
    table.release = on_release;
    table.read = on_read;
    table.write = on_write;
    return table;
}

int serve(char* program, const char* directory) {
    fuse_args arguments = FUSE_ARGS_INIT(1, &program);
    const fuse_lowlevel_ops table = operations();
    fuse_session* session = fuse_session_new(&arguments, &table, sizeof table, nullptr);
    if (session == nullptr) return 1;
    int status = 1;
    if (fuse_session_mount(session, directory) == 0) {
        status = fuse_session_loop(session) == 0 ? 0 : 1;
        fuse_session_unmount(session);
    }
    fuse_session_destroy(session);
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    return serve(argv[0], argv[1]);
}
