// Memory: how much all waiting packets may hold, and how much of it each user.
//
// Lifecycle: one per mount. An Account belongs to one user id and lives while something is charged
// to it or somebody holds it (AccountRef).
// Limits: `limit` bytes in all, half of it for one user id: one user's stopped readers cannot take
// the others' memory. Writes that wait for room must hold their data somewhere even when the limit
// is reached. That is counted apart, since a packet that could only be had when they have gone
// would never be: one eighth of the limit for each user id, one quarter in all. Memory that
// interfaces have handed to the kernel for what they will receive is counted apart as well, so that
// full queues never stop an interface for ever: one quarter in all, whoever it is for. And what
// networks retain for readers yet to come, so that it takes no room from packets on their way: like
// what blocked writes hold, one eighth for each user id, one quarter in all. What one
// packet with offloads is cut into on a lossless network may exceed the limit (see frames.h).
// Threads: the loop only. Not done: it allocates nothing, it only counts.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

#include "core/check.h"

namespace ipn::core {

class Memory;

class Account {
  public:
    explicit Account(std::uint32_t uid) : uid_(uid) {}
    std::uint32_t uid() const { return uid_; }

  private:
    friend class Memory;
    friend class AccountRef;
    std::uint32_t uid_;
    std::uint32_t holders_ = 0;
    std::array<std::size_t, 4> use_{};  // by Memory::Purpose
};

// Keeps an account alive.
class AccountRef {
  public:
    AccountRef() = default;
    AccountRef(Memory& memory, Account& account) : memory_(&memory), account_(&account) {
        ++account.holders_;
    }
    AccountRef(AccountRef&& other) noexcept
        : memory_(other.memory_), account_(std::exchange(other.account_, nullptr)) {}
    AccountRef& operator=(AccountRef&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(account_, other.account_);
        return *this;
    }
    inline ~AccountRef();

    Account& operator*() const { return *account_; }
    Account* operator->() const { return account_; }
    explicit operator bool() const { return account_ != nullptr; }

  private:
    Memory* memory_ = nullptr;
    Account* account_ = nullptr;
};

class Memory {
  public:
    explicit Memory(std::size_t limit) : limit_(limit) {}

    // May throw std::bad_alloc.
    AccountRef account(std::uint32_t uid) {
        return {*this, accounts_.try_emplace(uid, uid).first->second};
    }

    enum class Purpose : std::uint8_t {
        packet,     // on its way to somebody
        waiting,    // held by a write that waits for room
        receiving,  // the kernel's, for what an interface will receive
        retained,   // by a network, for readers that join later
    };

    bool could_ever_fit(std::size_t bytes) const { return bytes <= limit_ / 2; }

    // Whether a packet of `bytes`, or of as many as could ever fit, can be charged now.
    bool has_room(const Account& account, std::size_t bytes) const {
        return std::min(bytes, limit_ / 2) <= left(account, Purpose::packet);
    }

    // How much more can be charged now.
    std::size_t left(const Account& account, Purpose purpose) const {
        const auto left_of = [](std::size_t limit, std::size_t used) {
            return limit - std::min(limit, used);  // see charge_beyond_limit()
        };
        const Share share = share_of(purpose);
        return std::min(left_of(limit_ / share.all, use_[index(purpose)]),
                        left_of(limit_ / share.own, account.use_[index(purpose)]));
    }

    [[nodiscard]] bool charge(Account& account, std::size_t bytes, Purpose purpose) {
        if (bytes > left(account, purpose)) return false;
        use_[index(purpose)] += bytes;
        account.use_[index(purpose)] += bytes;
        return true;
    }

    // For what must not be lost any more, a packet that a lossless network took: beyond any limit,
    // so that whoever comes next waits the longer.
    void charge_beyond_limit(Account& account, std::size_t bytes) {
        use_[index(Purpose::packet)] += bytes;
        account.use_[index(Purpose::packet)] += bytes;
    }

    // Gives back what was charged. May end the account.
    void refund(Account& account, std::size_t bytes, Purpose purpose) {
        Use& all = use_[index(purpose)];
        Use& own = account.use_[index(purpose)];
        IPN_CHECK(own >= bytes && all >= bytes);
        all -= bytes;
        own -= bytes;
        forget_if_idle(account);
        if (purpose == Purpose::packet && std::exchange(awaited_, false)) on_room_();
    }

    std::size_t used(Purpose purpose = Purpose::packet) const { return use_[index(purpose)]; }
    std::size_t limit() const { return limit_; }
    std::size_t accounts() const { return accounts_.size(); }

    // `callback` is called by the first refund after await_room(); it must not charge or refund.
    void on_room(std::function<void()> callback) { on_room_ = std::move(callback); }
    void await_room() { awaited_ = static_cast<bool>(on_room_); }

  private:
    friend class AccountRef;
    using Use = std::size_t;
    using Uses = std::array<Use, 4>;

    // What may be charged, as divisors of the limit: by all users together, by one of them.
    struct Share {
        std::size_t all;
        std::size_t own;
    };
    static constexpr Share share_of(Purpose purpose) {
        switch (purpose) {
            case Purpose::packet:
                return {1, 2};
            case Purpose::waiting:
            case Purpose::retained:
                return {4, 8};
            case Purpose::receiving:
                return {4, 4};
        }
        return {1, 1};
    }

    static constexpr std::size_t index(Purpose purpose) {
        return static_cast<std::size_t>(purpose);
    }

    void forget_if_idle(const Account& account) {
        if (account.use_ == Uses{} && account.holders_ == 0) accounts_.erase(account.uid_);
    }

    const std::size_t limit_;
    Uses use_{};
    std::unordered_map<std::uint32_t, Account> accounts_;
    std::function<void()> on_room_;
    bool awaited_ = false;
};

inline AccountRef::~AccountRef() {
    if (account_ == nullptr) return;
    --account_->holders_;
    memory_->forget_if_idle(*account_);
}

}  // namespace ipn::core
