// Writes and reads the fields of messages: one description of a message (message_fields.h) serves
// both directions, so that they cannot differ.
//
// FieldWriter: the caller's buffer is large enough for every body (checked). FieldReader: nothing
// is read past the end; after the first error all further fields are zero and ok() is false.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "lib/base/buffer.h"
#include "lib/base/check.h"
#include "lib/base/checksums.h"
#include "lib/base/types.h"
#include "lib/wire/frame.h"

namespace storpool::wire {

// Parts of a payload in order; one, unless it is a RepairAnswer's.
using Payload = absl::InlinedVector<Buffer, 1>;

class FieldWriter {
 public:
  static constexpr bool kWriting = true;
  FieldWriter(FrameHeader& header, std::span<uint8_t> body)
      : header_(header), begin_(body.data()), at_(body.data()), end_(at_ + body.size()) {}

  template <class T, class U>
  void Slot(T& slot, const U& value) {
    slot = static_cast<T>(Raw(value));
  }
  FrameHeader& header() { return header_; }

  template <class T>
  void operator()(const T& value) {
    const auto raw = Raw(value);
    Put(&raw, sizeof raw);
  }
  template <class E>
  void Enum(const E& value, E, E) {
    (*this)(static_cast<uint8_t>(value));
  }
  template <class B>
  void Bytes(const B& bytes) {
    Put(bytes.data(), sizeof bytes);
  }
  void Sums(const Checksums& sums, size_t count) {
    SP_CHECK(sums.size() == count);
    Put(sums.span().data(), count * sizeof(uint32_t));
  }
  void Blocks(const Buffer& payload, size_t size_bytes) {
    SP_CHECK(payload.size() == size_bytes);
    if (size_bytes > 0) payload_.push_back(payload);
  }
  // A list in the list part. Items beyond what fits are left out if `may_cut`.
  template <class V, class Fn>
  void List(const V& items, size_t item_bytes_max, bool may_cut, Fn fn) {
    any_item_ |= !items.empty();
    size_t count = items.size();
    const size_t room = (kFramePayloadBytesMax - list_.size() - sizeof(uint32_t)) / item_bytes_max;
    SP_CHECK(count <= room || may_cut);
    if (count > room) count = room;
    in_list_ = true;
    (*this)(static_cast<uint32_t>(count));
    for (size_t i = 0; i < count; ++i) fn(*this, items[i]);
    in_list_ = false;
  }
  bool ok() const { return true; }
  void Fail() { SP_CHECK(false); }

  size_t body_bytes() const { return static_cast<size_t>(at_ - begin_); }
  // The list part; empty if all lists are.
  std::span<const uint8_t> list() const {
    return any_item_ ? std::span<const uint8_t>(list_) : std::span<const uint8_t>();
  }
  Payload& payload() { return payload_; }

 private:
  template <class T>
  static auto Raw(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      return static_cast<uint8_t>(value);
    } else if constexpr (std::is_integral_v<T>) {
      return value;
    } else if constexpr (requires { value.raw(); }) {
      return value.raw();
    } else {
      return value.value();
    }
  }
  void Put(const void* from, size_t size_bytes) {
    if (size_bytes == 0) return;
    if (in_list_) {
      const auto* bytes = static_cast<const uint8_t*>(from);
      list_.insert(list_.end(), bytes, bytes + size_bytes);
      return;
    }
    SP_CHECK(size_bytes <= static_cast<size_t>(end_ - at_));
    std::memcpy(at_, from, size_bytes);
    at_ += size_bytes;
  }

  FrameHeader& header_;
  uint8_t* begin_;
  uint8_t* at_;
  uint8_t* end_;
  bool in_list_ = false;
  bool any_item_ = false;
  std::vector<uint8_t> list_;
  Payload payload_;
};

class FieldReader {
 public:
  static constexpr bool kWriting = false;
  FieldReader(const FrameHeader& header, std::span<const uint8_t> body, Buffer payload,
              BufferPool& pool)
      : header_(header), body_(body), payload_(std::move(payload)), pool_(pool) {
    if ((header.flags & kFlagBlocks) == 0) list_ = payload_.span();
  }

  template <class T, class U>
  void Slot(const T& slot, U& value) {
    Assign(value, slot);
  }
  const FrameHeader& header() { return header_; }

  template <class T>
  void operator()(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      uint8_t raw = 0;
      Get(&raw, sizeof raw);
      if (raw > 1) Fail();
      value = raw == 1;
    } else if constexpr (std::is_integral_v<T>) {
      Get(&value, sizeof value);
    } else if constexpr (requires { T::FromRaw(0); }) {
      decltype(value.raw()) raw = 0;
      Get(&raw, sizeof raw);
      value = T::FromRaw(raw);
    } else {
      typename T::rep raw = 0;
      Get(&raw, sizeof raw);
      value = T(raw);
    }
  }
  template <class E>
  void Enum(E& value, E lowest, E highest) {
    uint8_t raw = 0;
    Get(&raw, sizeof raw);
    if (raw < static_cast<uint8_t>(lowest) || raw > static_cast<uint8_t>(highest)) {
      Fail();
      raw = static_cast<uint8_t>(lowest);
    }
    value = static_cast<E>(raw);
  }
  template <class B>
  void Bytes(B& bytes) {
    Get(bytes.data(), sizeof bytes);
  }
  // `count` was bounded by the caller.
  void Sums(Checksums& sums, size_t count) {
    if (!ok_ || count * sizeof(uint32_t) > body_.size()) return Fail();
    sums = Checksums(count, pool_);
    Get(sums.span().data(), count * sizeof(uint32_t));
  }
  // The next bytes of the payload, which must be data.
  void Blocks(Buffer& payload, size_t size_bytes) {
    if (!ok_) return;
    if (size_bytes == 0) return;
    if ((header_.flags & kFlagBlocks) == 0 || size_bytes > payload_.size() - blocks_used_) {
      return Fail();
    }
    const bool all = blocks_used_ == 0 && size_bytes == payload_.size();
    payload = all ? payload_ : payload_.Slice(blocks_used_, size_bytes);
    blocks_used_ += size_bytes;
  }
  template <class V, class Fn>
  void List(V& items, size_t, bool, Fn fn) {
    if (!ok_ || payload_.empty()) return;
    std::swap(body_, list_);
    uint32_t count = 0;
    (*this)(count);
    // Every item has at least one byte: a count above that is refused before anything is made.
    if (count > body_.size()) Fail();
    any_item_ |= count > 0;
    for (uint32_t i = 0; i < count && ok_; ++i) {
      items.resize(i + 1);
      fn(*this, items.back());
    }
    std::swap(body_, list_);
  }
  bool ok() const { return ok_; }
  void Fail() { ok_ = false; }
  // Nothing may be left over.
  bool AtEnd() const {
    const bool blocks = (header_.flags & kFlagBlocks) != 0;
    if (!ok_ || !body_.empty() || !list_.empty()) return false;
    return blocks ? !payload_.empty() && blocks_used_ == payload_.size()
                  : payload_.empty() || any_item_;
  }

 private:
  template <class U, class T>
  static void Assign(U& value, T raw) {
    if constexpr (std::is_integral_v<U>) {
      value = static_cast<U>(raw);
    } else if constexpr (requires { U::FromRaw(0); }) {
      value = U::FromRaw(raw);
    } else {
      value = U(static_cast<typename U::rep>(raw));
    }
  }
  void Get(void* to, size_t size_bytes) {
    if (size_bytes == 0) return;
    if (!ok_ || size_bytes > body_.size()) {
      ok_ = false;
      std::memset(to, 0, size_bytes);
      return;
    }
    std::memcpy(to, body_.data(), size_bytes);
    body_ = body_.subspan(size_bytes);
  }

  const FrameHeader& header_;
  std::span<const uint8_t> body_;
  std::span<const uint8_t> list_;
  Buffer payload_;
  size_t blocks_used_ = 0;
  bool any_item_ = false;
  BufferPool& pool_;
  bool ok_ = true;
};

}  // namespace storpool::wire
