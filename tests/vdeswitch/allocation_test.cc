// A warm switch takes no memory for a frame: every allocation of this program is counted.
#include <cstdlib>
#include <new>

#include "bytes.h"
#include "core/on_loop.h"
#include "switch_world.h"

namespace {

std::size_t allocations = 0;

}  // namespace

// Not inlined: the compiler would take a free() of what new returned for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
// The sanitizers have one of their own.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size);
}
// Buckets of the table of stations are whole lines of the cache.
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    ++allocations;
    if (void* memory = std::aligned_alloc(static_cast<std::size_t>(alignment), size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}

namespace ipn::test {
namespace {

class AllocationTest : public SwitchTest {
  protected:
    // How many allocations there are while each of these frames is sent by port 0 and read by all,
    // once everything is warm.
    std::size_t count(const std::vector<std::string>& frames) {
        pass(frames);
        const std::size_t before = allocations;
        pass(frames);
        return allocations - before;
    }
    void pass(const std::vector<std::string>& frames) {
        const core::AssumeLoop here;
        for (const std::string& each : frames) {
            lab().send(ports[0]->node(), bytes(each));
            for (TestEndpoint* port : ports)
                while (port->node().receive(2000).packet) continue;
        }
    }
};

TEST_F(AllocationTest, ToAKnownStationOrToAll) {
    join(4);
    hear(2, 0xb);
    EXPECT_EQ(
        count({frame(mac(0xb), mac(0xa)), frame(kEverybody, mac(0xa)), frame(mac(0xc), mac(0xa))}),
        0U);
}

TEST_F(AllocationTest, WhereTheFormChanges) {
    join(4);
    set_port(0, "untagged", "10");
    set_port(1, "untagged", "10");
    set_port(2, "untagged", "none");
    set_port(2, "tagged", "10");
    EXPECT_EQ(count({frame(kEverybody, mac(0xa))}), 0U);
}

TEST_F(AllocationTest, FromAlwaysNewStationsOnceTheTableWasFull) {
    join(4);
    set_net("table_size", "100");
    std::vector<std::string> frames;
    for (std::uint32_t station = 0; station < 1000; ++station)
        frames.push_back(frame(kEverybody, mac(station)));
    EXPECT_EQ(count(frames), 0U);
    EXPECT_EQ(stat("stations"), 100U);
    EXPECT_EQ(stat("evicted"), 1900U);
}

}  // namespace
}  // namespace ipn::test
