// List: a doubly linked list through its elements, so that joining and leaving cost O(1) and never
// allocate.
//
// An element derives from ListHook<Tag>, one tag for each list that it can be on at once. The list
// owns nothing. An element that is destroyed leaves its list by itself; a list that is destroyed
// lets its elements go.
#pragma once

#include <cstddef>

#include "core/check.h"

namespace ipn::core {

template <typename Tag>
class ListHook {
  public:
    ListHook() = default;
    ~ListHook() { unlink(); }
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;

    bool linked() const { return next_ != nullptr; }

    void unlink() {
        if (!linked()) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

  private:
    template <typename T, typename U>
    friend class List;

    ListHook* next_ = nullptr;
    ListHook* previous_ = nullptr;
};

template <typename T, typename Tag>
class List {
  public:
    List() { head_.next_ = head_.previous_ = &head_; }
    ~List() {
        while (!empty()) front().Hook::unlink();
        head_.next_ = head_.previous_ = nullptr;
    }
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    bool empty() const { return head_.next_ == &head_; }
    T& front() const {
        IPN_CHECK(!empty());
        return static_cast<T&>(*head_.next_);
    }

    void push_back(T& element) {
        Hook& hook = element;
        IPN_CHECK(!hook.linked());
        hook.previous_ = head_.previous_;
        hook.next_ = &head_;
        head_.previous_->next_ = &hook;
        head_.previous_ = &hook;
    }

    T& pop_front() {
        T& element = front();
        static_cast<Hook&>(element).unlink();
        return element;
    }

    // The first element that satisfies `predicate`, or null.
    template <typename Predicate>
    T* find_if(Predicate predicate) const {
        for (Hook* hook = head_.next_; hook != &head_; hook = hook->next_)
            if (T& element = static_cast<T&>(*hook); predicate(element)) return &element;
        return nullptr;
    }

    // For every element; the function must not change the list.
    template <typename Function>
    void for_each(Function function) const {
        for (Hook* hook = head_.next_; hook != &head_; hook = hook->next_)
            function(static_cast<T&>(*hook));
    }

    // Moves every element of `other` behind this list's.
    void take_all(List& other) {
        while (!other.empty()) push_back(other.pop_front());
    }

  private:
    using Hook = ListHook<Tag>;
    Hook head_;
};

}  // namespace ipn::core
