#include "harness/allocation_counter.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "harness/errors.h"
#include "harness/fd.h"

namespace bench {

AllocationCounter::AllocationCounter(const std::string& directory, std::string preload)
    : directory_(directory), preload_(std::move(preload)) {
    if (!std::filesystem::exists(preload_)) throw std::runtime_error(preload_ + " is missing");
    using Counter = std::remove_pointer_t<decltype(counter_)>;
    const Fd fd(check(::open(file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), file()));
    check(::ftruncate(fd.get(), sizeof(Counter)), file());
    void* memory = ::mmap(nullptr, sizeof(Counter), PROT_READ, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) fail(file());
    counter_ = static_cast<Counter*>(memory);
}

AllocationCounter::~AllocationCounter() {
    ::munmap(counter_, sizeof *counter_);
}

std::vector<std::string> AllocationCounter::environment() const {
    return {"LD_PRELOAD=" + preload_, "IPNFS_BENCH_ALLOCATIONS=" + file()};
}

}  // namespace bench
