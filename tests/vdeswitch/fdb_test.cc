// The table of stations by itself, against what it says in its header.
#include "fdb.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "random.h"

namespace ipn::vdeswitch {
namespace {

constexpr std::uint64_t kMinute = 60'000;

class FdbTest : public testing::Test {
  protected:
    void limit(std::uint32_t table_size, std::uint64_t now_ms = 0) {
        Fdb::Limits limits = fdb.limits();
        limits.table_size = table_size;
        fdb.set_limits(limits, now_ms);
    }
    Fdb fdb;
};

TEST_F(FdbTest, AStationIsWhereItWasHeard) {
    fdb.learn(0x020000000001, 0, 7, 1000);
    EXPECT_EQ(fdb.lookup(0x020000000001, 0, 1000), 7U);
    EXPECT_EQ(fdb.lookup(0x020000000002, 0, 1000), std::nullopt);
}

TEST_F(FdbTest, TheSameAddressInAnotherVlanIsAnotherStation) {
    fdb.learn(1, 10, 7, 0);
    EXPECT_EQ(fdb.lookup(1, 11, 0), std::nullopt);
    fdb.learn(1, 11, 8, 0);
    EXPECT_EQ(fdb.lookup(1, 10, 0), 7U);
    EXPECT_EQ(fdb.size(), 2U);
}

TEST_F(FdbTest, AgesToTheMillisecond) {
    fdb.learn(1, 0, 7, 0);
    EXPECT_EQ(fdb.lookup(1, 0, 5 * kMinute - 1), 7U);
    EXPECT_EQ(fdb.lookup(1, 0, 5 * kMinute), std::nullopt);
    EXPECT_EQ(fdb.size(), 1U) << "nobody has looked for what is aged";
    fdb.remove_aged(5 * kMinute);
    EXPECT_EQ(fdb.size(), 0U);
    EXPECT_EQ(fdb.counters().aged, 1U);
}

TEST_F(FdbTest, BeingHeardAgainMakesYoung) {
    fdb.learn(1, 0, 7, 0);
    fdb.learn(1, 0, 7, kMinute);
    EXPECT_EQ(fdb.lookup(1, 0, 6 * kMinute - 1), 7U);
    EXPECT_EQ(fdb.counters().learned, 1U);
}

TEST_F(FdbTest, WhatIsAgedMayBeHeardElsewhereAtOnce) {
    fdb.learn(1, 0, 7, 0);
    Fdb::Limits limits = fdb.limits();
    limits.persistence_ms = 10 * kMinute;
    fdb.set_limits(limits, 0);
    fdb.learn(1, 0, 8, 5 * kMinute);
    EXPECT_EQ(fdb.lookup(1, 0, 5 * kMinute), 8U);
    EXPECT_EQ(fdb.counters().moved, 0U);
    EXPECT_EQ(fdb.counters().learned, 2U);
}

TEST_F(FdbTest, MovesAfterThePersistence) {
    fdb.learn(1, 0, 7, 0);
    fdb.learn(1, 0, 8, 2999);
    EXPECT_EQ(fdb.lookup(1, 0, 2999), 7U);
    EXPECT_EQ(fdb.counters().moves_refused, 1U);
    fdb.learn(1, 0, 8, 3000);
    EXPECT_EQ(fdb.lookup(1, 0, 3000), 8U);
    EXPECT_EQ(fdb.counters().moved, 1U);
    EXPECT_EQ(fdb.size_of(7), 0U);
    EXPECT_EQ(fdb.size_of(8), 1U);
}

TEST_F(FdbTest, WhoeverHasMostLosesItsOldest) {
    limit(6);
    for (Mac mac = 1; mac <= 2; ++mac) fdb.learn(mac, 0, 1, mac);
    for (Mac mac = 11; mac <= 14; ++mac) fdb.learn(mac, 0, 2, mac);
    fdb.learn(11, 0, 2, 20);  // is not the oldest any more
    fdb.learn(3, 0, 1, 21);
    EXPECT_EQ(fdb.lookup(12, 0, 21), std::nullopt);
    EXPECT_EQ(fdb.lookup(11, 0, 21), 2U);
    EXPECT_EQ(fdb.lookup(3, 0, 21), 1U);
    EXPECT_EQ(fdb.size(), 6U);
    EXPECT_EQ(fdb.counters().evicted, 1U);
}

TEST_F(FdbTest, OfEqualsTheOneThatWantsMorePays) {
    limit(4);
    for (Mac mac = 1; mac <= 2; ++mac) fdb.learn(mac, 0, 1, 0);
    for (Mac mac = 11; mac <= 12; ++mac) fdb.learn(mac, 0, 2, 0);
    fdb.learn(13, 0, 2, 1);
    EXPECT_EQ(fdb.size_of(1), 2U);
    EXPECT_EQ(fdb.lookup(11, 0, 1), std::nullopt);
}

TEST_F(FdbTest, AFloodOfAMillionAddressesDisplacesItself) {
    constexpr std::uint32_t kShare = 100;
    limit(4096);
    for (std::uint32_t port = 0; port < 8; ++port)
        for (Mac mac = 0; mac < kShare; ++mac) fdb.learn(port << 12 | mac, 0, port, 0);
    for (Mac mac = 1; mac <= 1'000'000; ++mac) fdb.learn(mac << 20, 0, 9, 1);
    for (std::uint32_t port = 0; port < 8; ++port)
        for (Mac mac = 0; mac < kShare; ++mac) ASSERT_EQ(fdb.lookup(port << 12 | mac, 0, 1), port);
    EXPECT_EQ(fdb.size(), 4096U);
    EXPECT_EQ(fdb.size_of(9), 4096U - 8 * kShare);
}

TEST_F(FdbTest, ASmallerTableLosesWhatIsTooMuch) {
    for (Mac mac = 1; mac <= 100; ++mac) fdb.learn(mac, 0, 1, mac);
    limit(10, 100);
    EXPECT_EQ(fdb.size(), 10U);
    EXPECT_EQ(fdb.lookup(90, 0, 100), std::nullopt);
    EXPECT_EQ(fdb.lookup(91, 0, 100), 1U);
}

TEST_F(FdbTest, TheStationsOfAPortAreFlushed) {
    fdb.learn(1, 0, 1, 0);
    fdb.learn(2, 5, 1, 0);
    fdb.learn(3, 0, 2, 0);
    fdb.flush(1);
    fdb.flush(99);
    EXPECT_EQ(fdb.size(), 1U);
    EXPECT_EQ(fdb.lookup(3, 0, 0), 2U);
    EXPECT_EQ(fdb.counters().flushed, 2U);
}

// Many buckets, full ones among them, which what goes leaves holes in.
TEST_F(FdbTest, WhatIsForgottenHidesNoOther) {
    sim::Random random(1);
    std::map<Mac, std::uint32_t> known;
    for (int round = 0; round < 40; ++round) {
        const bool growing = round % 4 < 2;
        for (int step = 0; step < 1000; ++step) {
            const Mac mac = random.below(5000);
            if (random.chance(growing ? 90 : 10)) {
                fdb.learn(mac, 0, known.try_emplace(mac, random.below(9)).first->second, 0);
            } else {
                fdb.forget(mac, 0);
                known.erase(mac);
            }
        }
        ASSERT_EQ(fdb.size(), known.size());
        for (Mac mac = 0; mac < 5000; ++mac) {
            const auto found = known.find(mac);
            const auto expected =
                found == known.end() ? std::nullopt : std::optional(found->second);
            ASSERT_EQ(fdb.lookup(mac, 0, 0), expected) << "round " << round;
        }
    }
}

// The heap that tells who has most.
TEST(PortHeapTest, KnowsWhoHasMost) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        sim::Random random(seed);
        PortHeap heap;
        std::map<std::uint32_t, std::uint32_t> counts;
        for (int step = 0; step < 500; ++step) {
            const std::uint32_t port = random.below(20);
            if (random.chance(55) || counts[port] == 0) {
                heap.prepare(port);
                heap.increase(port);
                ++counts[port];
            } else {
                heap.decrease(port);
                --counts[port];
            }
            std::uint32_t most = 0;
            std::size_t any = 0;
            for (const auto& [number, count] : counts) {
                ASSERT_EQ(heap.count(number), count);
                most = std::max(most, count);
                any += count > 0 ? 1 : 0;
            }
            ASSERT_EQ(heap.ports().size(), any);
            if (any == 0) continue;
            ASSERT_EQ(counts[heap.fullest()], most) << "seed " << seed;
        }
    }
}

// The same in the simplest way: everything is looked for everywhere.
class NaiveFdb {
  public:
    struct Station {
        std::uint32_t port;
        std::uint64_t heard;
        std::uint64_t order;  // of being heard: the port's oldest has the least
    };
    std::map<std::pair<Mac, Vlan>, Station> stations;
    Fdb::Limits limits;

    void remove_aged(std::uint64_t now) {
        std::erase_if(stations, [&](const auto& s) { return aged(s.second, now); });
    }
    void remove_aged_of(std::uint32_t port, std::uint64_t now) {
        std::erase_if(stations,
                      [&](const auto& s) { return s.second.port == port && aged(s.second, now); });
    }
    void learn(Mac mac, Vlan vlan, std::uint32_t port, std::uint64_t now) {
        auto found = stations.find({mac, vlan});
        if (found != stations.end() && aged(found->second, now)) {
            stations.erase(found);
            found = stations.end();
        }
        if (found == stations.end()) {
            remove_aged_of(port, now);
            stations[{mac, vlan}] = {port, now, ++order_};
            if (stations.size() > limits.table_size) evict();
        } else if (found->second.port == port) {
            if (found->second.heard != now) found->second = {port, now, ++order_};
        } else if (now - found->second.heard >= limits.persistence_ms) {
            found->second = {port, now, ++order_};
        }
    }

    // How many each port has.
    std::map<std::uint32_t, std::uint32_t> counts() const {
        std::map<std::uint32_t, std::uint32_t> counts;
        for (const auto& [key, station] : stations) ++counts[station.port];
        return counts;
    }

    bool aged(const Station& station, std::uint64_t now) const {
        return now - station.heard >= limits.ageing_ms;
    }

  private:
    void evict() {
        // Of ports that have equally many, any may pay: see the test.
        const auto by_count = counts();
        const auto fullest =
            std::max_element(by_count.begin(), by_count.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; });
        auto oldest = stations.end();
        for (auto at = stations.begin(); at != stations.end(); ++at)
            if (at->second.port == fullest->first &&
                (oldest == stations.end() || at->second.order < oldest->second.order))
                oldest = at;
        stations.erase(oldest);
    }
    std::uint64_t order_ = 0;
};

// Odd numbers of ports and a table that is always full; ports are told apart by how many of their
// stations are known, so that ties are rare, and where they happen the story starts anew.
TEST(FdbModel, AgreesWithTheNaiveOne) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        sim::Random random(seed);
        Fdb fdb;
        NaiveFdb naive;
        naive.limits = {random.between(1, 50), random.between(0, 20), 1 + random.below(40)};
        fdb.set_limits(naive.limits, 0);
        std::uint64_t now = 0;
        for (int step = 0; step < 400; ++step) {
            now += random.below(4);
            const Mac mac = random.below(60);
            const auto vlan = static_cast<Vlan>(random.below(2));
            const std::uint32_t port = random.below(5);
            if (random.chance(1)) {
                fdb.remove_aged(now);
                naive.remove_aged(now);
            }
            const std::size_t before = naive.stations.size();
            naive.learn(mac, vlan, port, now);
            fdb.learn(mac, vlan, port, now);
            if (naive.stations.size() == naive.limits.table_size &&
                before == naive.limits.table_size) {
                // Where two had equally many the table may have taken the other's.
                bool agree = true;
                for (const auto& [number, count] : naive.counts())
                    agree = agree && fdb.size_of(number) == count;
                if (!agree) break;
            }
            for (const auto& [key, station] : naive.stations) {
                const auto found = fdb.lookup(key.first, key.second, now);
                if (naive.aged(station, now))
                    ASSERT_EQ(found, std::nullopt);
                else
                    ASSERT_EQ(found, station.port) << "step " << step;
            }
            ASSERT_EQ(fdb.size(), naive.stations.size()) << "step " << step;
            ASSERT_LE(fdb.size(), naive.limits.table_size);
        }
    }
}

}  // namespace
}  // namespace ipn::vdeswitch
