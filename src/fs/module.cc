#include "fs/module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

namespace ipn::fs {

using core::fail;
using core::Result;

namespace {

class Fd {
  public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&&) = delete;
    ~Fd() {
        if (fd_ >= 0) close(fd_);
    }

    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }

  private:
    int fd_;
};

std::string name_of(int fd) {
    return "/proc/self/fd/" + std::to_string(fd);
}

auto system_error() {
    return fail(errno, std::generic_category().message(errno));
}

// Whether what was opened may be loaded.
Result<void> judge(int fd) {
    constexpr std::string_view kTrusted =
        "a policy's module belongs to the daemon's user or to root";
    struct stat facts {};
    struct statfs where {};
    if (fstat(fd, &facts) != 0 || fstatfs(fd, &where) != 0) return system_error();
    if (!S_ISREG(facts.st_mode)) return fail(EINVAL, "not a regular file");
    if (facts.st_uid != 0 && facts.st_uid != geteuid()) {
        return fail(EPERM, std::string(kTrusted) + ", not to user " + std::to_string(facts.st_uid));
    }
    if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(EPERM, "others than its owner may write to it");
    if (where.f_type == FUSE_SUPER_MAGIC)
        return fail(EPERM, "it is on a FUSE file system, whose server could change it");
    return {};
}

// Opens without side effects what is then looked at, and only then for reading.
Result<Fd> open_trusted(const std::string& path) {
    if (!path.starts_with('/')) return fail(EINVAL, "not an absolute path");
    const Fd found(open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!found.valid()) return system_error();
    if (auto good = judge(found.get()); !good) return tl::unexpected(std::move(good.error()));
    Fd file(open(name_of(found.get()).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return system_error();
    return file;
}

// The words of dlerror(3), about `path` instead of our name for it.
std::string loading_error(const std::string& own_name) {
    const char* error = dlerror();
    const std::string_view words = error == nullptr ? "it cannot be loaded" : error;
    const std::string prefix = own_name + ": ";
    return std::string(words.substr(words.starts_with(prefix) ? prefix.size() : 0));
}

// A path to an open file that no other call has returned. The dynamic linker goes by names before
// it looks at files, and remembers each that it was ever given for an object: with the same name
// again one module would be taken for another. So the number of the load is in the path, in binary,
// as components that mean nothing.
std::string unique_name_of(int fd, std::uint64_t number) {
    std::string name = "/proc/self/fd/";
    for (; number != 0; number >>= 1) name += (number & 1) != 0 ? "./" : "/";
    return name + std::to_string(fd);
}

class SharedObject final : public Module {
  public:
    SharedObject(void* handle, Start its_start) : handle_(handle), start_(its_start) {}
    ~SharedObject() override { dlclose(handle_); }
    SharedObject(const SharedObject&) = delete;
    SharedObject& operator=(const SharedObject&) = delete;

    Start start() const override { return start_; }

  private:
    void* const handle_;
    const Start start_;
};

Result<std::unique_ptr<Module>> load_object(const std::string& name) {
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return fail(EPROTO, loading_error(name));
    const auto start = reinterpret_cast<Module::Start>(dlsym(handle, "ipn_policy_module"));
    auto object = std::make_unique<SharedObject>(handle, start);
    if (start == nullptr) return fail(EPROTO, "it has no function ipn_policy_module()");
    return object;
}

}  // namespace

Result<std::unique_ptr<Module>> SharedObjectLoader::load(const std::string& path) {
    Result<std::unique_ptr<Module>> module;
    if (const auto file = open_trusted(path))
        module = load_object(unique_name_of(file->get(), ++loads_));
    else
        module = tl::unexpected(file.error());
    if (!module) return fail(module.error().code, path + ": " + module.error().words);
    return module;
}

}  // namespace ipn::fs
