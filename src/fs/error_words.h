// ErrorWords: `user.ipn.error`, the reason behind the last error that a user id got on a name.
//
// Limits: kNamesMax names per user id and kUsersMax user ids, the oldest forgotten first, so that
// nobody can make it grow, nor push out another's while few users are active.
// Threads: the loop only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

namespace ipn::fs {

class ErrorWords {
  public:
    static constexpr std::size_t kNamesMax = 32;
    static constexpr std::size_t kUsersMax = 256;

    // `name` is the inode number that is shown for it.
    void record(std::uint32_t uid, std::uint64_t name, std::string words) {
        if (!users_.contains(uid)) {
            if (order_.size() >= kUsersMax) {
                users_.erase(order_.front());
                order_.pop_front();
            }
            order_.push_back(uid);
        }
        auto& names = users_[uid];
        for (auto& entry : names) {
            if (entry.first != name) continue;
            entry.second = std::move(words);
            return;
        }
        if (names.size() >= kNamesMax) names.pop_front();
        names.emplace_back(name, std::move(words));
    }

    // Null if there is none.
    const std::string* find(std::uint32_t uid, std::uint64_t name) const {
        const auto user = users_.find(uid);
        if (user == users_.end()) return nullptr;
        for (const auto& entry : user->second)
            if (entry.first == name) return &entry.second;
        return nullptr;
    }

  private:
    using Names = std::deque<std::pair<std::uint64_t, std::string>>;
    std::unordered_map<std::uint32_t, Names> users_;
    std::deque<std::uint32_t> order_;
};

// Where the words behind what one name refuses go.
class ErrorWordsOf {
  public:
    ErrorWordsOf(ErrorWords& words, std::uint64_t name) : words_(words), name_(name) {}

    void record(std::uint32_t uid, std::string words) const {
        words_.record(uid, name_, std::move(words));
    }

  private:
    ErrorWords& words_;
    std::uint64_t name_;
};

}  // namespace ipn::fs
