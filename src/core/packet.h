// Packet: some bytes on their way from one node to others, held once however many will read them.
//
// Lifecycle: PacketPool::allocate() makes one, whoever allocated it fills data(), then it enters a
// network and is immutable. PacketRef counts the references: queues, a module that holds it, an I/O
// operation under way. With the last one the memory goes back to the pool, what was charged to its
// payer is refunded, and its network's backlog shrinks (which is what lets blocked writers go on).
// A *receiving* packet is memory that an interface lets the kernel write to, allocated before it is
// known what will come and who pays for it: set_length() and `offload` say afterwards what came,
// and Network::send() takes it over, or a copy of the right size.
// Invariants: (1) 1 <= length <= capacity; (2) a *transient* packet borrows its data for the time
// of one dispatch and can never be held: nodes count it as dropped; (3) `offload` is that of a
// frame of this length: Offload::from_wire() judged it, or it is plain.
// Headroom: the kHeadroom bytes before data() are nobody's; whoever hands a packet to the kernel in
// one piece writes its frame header there, so that header and data are contiguous without a copy.
// That is only for a synchronous write: the next reader's header goes to the same place.
// Threads: the loop only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "core/check.h"
#include "core/list.h"
#include "core/memory.h"
#include "core/offload.h"

namespace ipn::core {

class Backlog;
class PacketPool;
class PacketRef;
struct BacklogTag;

class Packet : public ListHook<BacklogTag> {
  public:
    static constexpr std::size_t kHeadroom = 16;

    std::byte* data() { return data_; }
    const std::byte* data() const { return data_; }
    std::uint32_t length() const { return length_; }
    // How long it can be made before it enters a network: at least what was asked for.
    inline std::uint32_t capacity() const;
    inline void set_length(std::uint32_t length);
    std::byte* headroom() { return data_ - kHeadroom; }

    bool transient() const { return pool_ == nullptr; }
    bool receiving() const { return purpose_ == Memory::Purpose::receiving; }
    bool retained() const { return purpose_ == Memory::Purpose::retained; }
    Memory::Purpose purpose() const { return purpose_; }
    // REQUIRES: not transient().
    Account& payer() const {
        IPN_CHECK(payer_ != nullptr);
        return *payer_;
    }

    // What is left to do on a packet like this one but with `add` bytes instead of its first `cut`;
    // none if these bytes are part of what it is about.
    std::optional<Offload> offload_behind(std::uint32_t cut, std::uint32_t add) const;
    // Makes this, a new packet, such a one; its first `add` bytes are zeroes.
    void derive_from(const Packet& original, std::uint32_t cut, std::uint32_t add,
                     const Offload& moved);

    // The ordinary frames that a packet with offloads stands for, if they were made (see frames.h),
    // hang on it in a row: the packet's next one is the first. They are released with it.
    Packet* next_frame() const { return next_frame_; }
    inline void hang_on(PacketRef frames);

    // A policy keeps a reference, or gives one back; see Backlog::held(). False if it has none.
    inline void note_held();
    [[nodiscard]] inline bool note_put();

    // No other packet of its pool has, had or will have the same.
    std::uint64_t serial() const { return serial_; }

    std::uint32_t from = 0;  // the port that sent it
    Offload offload;         // what is left to do before it is an ordinary frame

    // A transient packet over somebody else's bytes. It must outlive the dispatch, not more.
    static Packet borrow(std::span<const std::byte> data) { return Packet(data); }

  private:
    friend class PacketPool;
    friend class PacketRef;
    friend class Backlog;

    explicit Packet(std::span<const std::byte> borrowed)
        : data_(const_cast<std::byte*>(borrowed.data())),
          length_(static_cast<std::uint32_t>(borrowed.size())) {}
    Packet(PacketPool& pool, Account& payer, Memory::Purpose purpose, std::byte* data,
           std::uint32_t length, std::uint8_t size_class, std::uint64_t serial)
        : size_class_(size_class),
          purpose_(purpose),
          pool_(&pool),
          payer_(&payer),
          data_(data),
          length_(length),
          serial_(serial) {}

    std::uint8_t size_class_ = 0;
    Memory::Purpose purpose_ = Memory::Purpose::packet;
    std::uint32_t references_ = 0;
    PacketPool* pool_ = nullptr;
    Account* payer_ = nullptr;
    Backlog* backlog_ = nullptr;    // set while the packet belongs to a network
    Packet* next_frame_ = nullptr;  // counted in its references
    std::byte* data_;
    std::uint32_t length_;
    std::uint64_t serial_ = 0;
};

// A counted reference to a packet; null when moved from.
class PacketRef {
  public:
    PacketRef() = default;
    explicit PacketRef(Packet& packet) : packet_(&packet) { ++packet.references_; }
    PacketRef(const PacketRef& other) : packet_(other.packet_) {
        if (packet_ != nullptr) ++packet_->references_;
    }
    PacketRef(PacketRef&& other) noexcept : packet_(std::exchange(other.packet_, nullptr)) {}
    PacketRef& operator=(PacketRef other) noexcept {
        std::swap(packet_, other.packet_);
        return *this;
    }
    inline ~PacketRef();

    Packet* get() const { return packet_; }
    Packet& operator*() const { return *packet_; }
    Packet* operator->() const { return packet_; }
    explicit operator bool() const { return packet_ != nullptr; }

    // For C callers, which count by hand: release() gives the reference away, adopt() takes it
    // over.
    Packet* release() { return std::exchange(packet_, nullptr); }
    static PacketRef adopt(Packet* packet) {
        PacketRef reference;
        reference.packet_ = packet;
        return reference;
    }

  private:
    Packet* packet_ = nullptr;
};

// Backlog: the packets of one network that somebody still holds, oldest first.
//
// It outlives its network while such packets exist: shared between both, it goes with the last.
class Backlog {
  public:
    // Told when a packet left; not after detach().
    class Owner {
      public:
        virtual void packet_left(bool was_oldest) = 0;

      protected:
        ~Owner() = default;
    };
    struct Detach {
        void operator()(Backlog* backlog) const { backlog->detach(); }
    };
    using Ptr = std::unique_ptr<Backlog, Detach>;

    static Ptr make(Owner& owner) { return Ptr(new Backlog(owner)); }

    std::uint32_t packets() const { return packets_; }
    std::uint32_t packets_peak() const { return packets_peak_; }
    std::uint64_t bytes() const { return bytes_; }
    // References that the network's policy keeps.
    std::uint32_t held() const { return held_; }
    const Packet* oldest() const { return live_.empty() ? nullptr : &live_.front(); }

    void enter(Packet& packet) {
        packet.backlog_ = this;
        live_.push_back(packet);
        ++packets_;
        packets_peak_ = std::max(packets_peak_, packets_);
        bytes_ += packet.length_;
    }

  private:
    friend class Packet;
    friend class PacketPool;
    explicit Backlog(Owner& owner) : owner_(&owner) {}

    void leave(Packet& packet) {
        const bool was_oldest = oldest() == &packet;
        packet.ListHook<BacklogTag>::unlink();
        --packets_;
        bytes_ -= packet.length_;
        if (owner_ != nullptr)
            owner_->packet_left(was_oldest);
        else if (packets_ == 0)
            delete this;
    }
    void detach() {
        owner_ = nullptr;
        if (packets_ == 0) delete this;
    }

    Owner* owner_;
    std::uint32_t packets_ = 0;
    std::uint32_t packets_peak_ = 0;
    std::uint32_t held_ = 0;
    std::uint64_t bytes_ = 0;
    List<Packet, BacklogTag> live_;
};

inline void Packet::set_length(std::uint32_t length) {
    IPN_CHECK(length >= 1 && length <= capacity());
    if (backlog_ != nullptr) backlog_->bytes_ += length - std::uint64_t{length_};
    length_ = length;
}

inline void Packet::hang_on(PacketRef frames) {
    IPN_CHECK(next_frame_ == nullptr);
    next_frame_ = frames.release();
}

inline void Packet::note_held() {
    if (backlog_ != nullptr) ++backlog_->held_;
}

inline bool Packet::note_put() {
    if (backlog_ == nullptr || backlog_->held_ == 0) return false;
    --backlog_->held_;
    return true;
}

// PacketPool: memory for packets in size classes, so that a warm network allocates nothing.
//
// Limits: what is in use is bounded by Memory (charged by the size of the class); what is kept for
// reuse by kCacheBytes, until trim(). Lengths up to kLengthMax.
class PacketPool {
  public:
    static constexpr std::uint32_t kLengthMax = 1024 * 1024;
    static constexpr std::size_t kCacheBytes = 32 * 1024 * 1024;

    explicit PacketPool(Memory& memory) : memory_(memory) {}
    ~PacketPool();
    PacketPool(const PacketPool&) = delete;
    PacketPool& operator=(const PacketPool&) = delete;

    // Null if `payer` or the whole mount holds too much already. May throw std::bad_alloc.
    PacketRef allocate(std::uint32_t length, Account& payer,
                       Memory::Purpose purpose = Memory::Purpose::packet);

    // Never null, and charged whatever the limits. May throw std::bad_alloc.
    PacketRef allocate_beyond_limit(std::uint32_t length, Account& payer);

    // What was received, as a packet on its way that `payer` pays for: `received` itself, or a copy
    // if that is short, so that `received` can receive again. Null, and nothing changed, if `payer`
    // or the whole mount holds too much already. May throw std::bad_alloc.
    PacketRef take_over(const PacketRef& received, Account& payer);

    // What a packet of that length costs, and whether `payer` can be charged so much.
    static std::size_t cost(std::uint32_t length) { return class_bytes(class_of(length)); }
    bool can_charge(std::size_t cost, const Account& payer,
                    Memory::Purpose purpose = Memory::Purpose::packet) const {
        return cost <= memory_.left(payer, purpose);
    }

    // Gives back what is kept for reuse: for a daemon that has nothing to do.
    void trim();

    // Whether allocate() would get a packet of that length, or as long a one as it ever could.
    bool has_room(std::uint32_t length, const Account& payer) const {
        return memory_.has_room(payer, class_bytes(class_of(length)));
    }
    bool could_ever_fit(std::uint32_t length) const {
        return memory_.could_ever_fit(class_bytes(class_of(length)));
    }

  private:
    friend class Packet;
    friend class PacketRef;
    struct Free {
        Free* next;
    };
    // Two classes per power of two: 128, 192, 256, 384, … bytes, packet and headroom included.
    static constexpr std::size_t kSmallest = 128;
    static constexpr std::size_t kClasses = 28;
    static constexpr std::size_t kOverhead = sizeof(Packet) + Packet::kHeadroom;

    static constexpr std::size_t class_bytes(std::size_t size_class) {
        return (size_class % 2 == 0 ? kSmallest : kSmallest + kSmallest / 2) << (size_class / 2);
    }
    // What is received and not longer than this is copied, which costs 20 ns for 1.5 KiB and 200 ns
    // for 16 KiB: a short packet must not hold a long one's memory while it waits.
    static constexpr std::uint32_t kCopiedMax = 16 * 1024;

    static std::uint8_t class_of(std::uint32_t length);
    PacketRef make(std::uint32_t length, Account& payer, Memory::Purpose purpose);
    void recycle(Packet* packet);
    static void release_frames(Packet& packet);
    bool recharge(Packet& packet, Account& payer);

    Memory& memory_;
    std::array<Free*, kClasses> free_{};
    std::size_t cached_ = 0;
    std::uint64_t last_serial_ = 0;
};

inline std::uint32_t Packet::capacity() const {
    if (transient()) return length_;
    return static_cast<std::uint32_t>(PacketPool::class_bytes(size_class_) - PacketPool::kOverhead);
}

inline PacketRef::~PacketRef() {
    if (packet_ == nullptr) return;
    IPN_CHECK(packet_->references_ > 0);
    if (--packet_->references_ == 0 && !packet_->transient()) packet_->pool_->recycle(packet_);
}

}  // namespace ipn::core
