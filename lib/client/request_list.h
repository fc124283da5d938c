// Intrusive, doubly linked lists: putting a request into one, or taking it out from anywhere,
// allocates nothing. An element is in at most one list.
#pragma once

#include "lib/base/check.h"

namespace storpool::client {

template <class T>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  bool listed() const { return listed_; }

 private:
  template <class U>
  friend class List;
  T* prev_ = nullptr;
  T* next_ = nullptr;
  bool listed_ = false;
};

// T derives from ListNode<T>.
template <class T>
class List {
 public:
  bool empty() const { return front_ == nullptr; }
  T* front() const { return front_; }
  T* back() const { return back_; }
  static T* After(const T* element) { return Node(element)->next_; }
  static T* Before(const T* element) { return Node(element)->prev_; }

  void PushBack(T* element) { InsertAfter(back_, element); }

  // Behind `place`, or at the front if that is nullptr.
  void InsertAfter(T* place, T* element) {
    ListNode<T>* node = Node(element);
    SP_CHECK(!node->listed_);
    node->listed_ = true;
    node->prev_ = place;
    node->next_ = place == nullptr ? front_ : Node(place)->next_;
    (node->prev_ == nullptr ? front_ : Node(node->prev_)->next_) = element;
    (node->next_ == nullptr ? back_ : Node(node->next_)->prev_) = element;
  }

  void Remove(T* element) {
    ListNode<T>* node = Node(element);
    SP_CHECK(node->listed_);
    (node->prev_ == nullptr ? front_ : Node(node->prev_)->next_) = node->next_;
    (node->next_ == nullptr ? back_ : Node(node->next_)->prev_) = node->prev_;
    node->prev_ = node->next_ = nullptr;
    node->listed_ = false;
  }

  T* PopFront() {
    T* element = front_;
    if (element != nullptr) Remove(element);
    return element;
  }

 private:
  static ListNode<T>* Node(T* element) { return element; }
  static const ListNode<T>* Node(const T* element) { return element; }

  T* front_ = nullptr;
  T* back_ = nullptr;
};

}  // namespace storpool::client
