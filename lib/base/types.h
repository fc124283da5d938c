// The strong types that all of libstorpool shares. Two ids of different kinds never mix, and a
// number without a unit in its type carries it in its name.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "lib/base/limits.h"

namespace storpool {

template <class Tag, class Rep>
class Id {
 public:
  using rep = Rep;
  constexpr Id() = default;
  explicit constexpr Id(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr auto operator<=>(const Id&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  Rep value_{};
};

using NodeId = Id<struct NodeTag, uint16_t>;      // 0..kNodeIdMax
using DiskId = Id<struct DiskTag, uint16_t>;      // 0..kDiskIdMax; never a path (design 6.5)
using ClientId = Id<struct ClientTag, uint16_t>;  // 1..kClientIdMax
using TableId = Id<struct TableTag, uint16_t>;    // one chain table for each template
using VolumeId = Id<struct VolumeTag, uint64_t>;  // stays through rename and revert; never reused
using LineageId = Id<struct LineageTag, uint64_t>;
using LayerId = Id<struct LayerTag, uint32_t>;    // grows along a line, never reused in a lineage
using LineVersion = Id<struct LineVersionTag, uint32_t>;  // of a lineage's line of layers (4.7)
using ChunkIndex = Id<struct ChunkTag, uint32_t>;         // within a volume
using Epoch = Id<struct EpochTag, uint32_t>;              // of a chain; 24 bits are used
using Generation = Id<struct GenerationTag, uint32_t>;    // fencing number of a session (5.9)
using Incarnation = Id<struct IncarnationTag, uint64_t>;  // one life of a process or of a store
using StoreId = Id<struct StoreIdTag, uint64_t>;          // random, made at `disk init`

// A chain: one row of a template's chain table.
class ChainId {
 public:
  constexpr ChainId() = default;
  constexpr ChainId(TableId table, uint16_t index)
      : raw_(uint32_t{table.value()} << 16 | index) {}
  static constexpr ChainId FromRaw(uint32_t raw) {
    ChainId id;
    id.raw_ = raw;
    return id;
  }
  constexpr uint32_t raw() const { return raw_; }
  constexpr TableId table() const { return TableId(static_cast<uint16_t>(raw_ >> 16)); }
  constexpr uint16_t index() const { return static_cast<uint16_t>(raw_); }
  constexpr auto operator<=>(const ChainId&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const ChainId& id) {
    return H::combine(std::move(h), id.raw_);
  }

 private:
  uint32_t raw_ = 0;
};

// A version of a block: (epoch of the head that ordered it, sequence), compared as a pair
// (design 5.1). Sequence counts from 1 in every epoch; the default, 0, is below every write.
class Version {
 public:
  constexpr Version() = default;
  constexpr Version(Epoch epoch, uint32_t sequence)
      : raw_(uint64_t{epoch.value()} << 32 | sequence) {}
  static constexpr Version FromRaw(uint64_t raw) {
    Version v;
    v.raw_ = raw;
    return v;
  }
  constexpr uint64_t raw() const { return raw_; }
  constexpr Epoch epoch() const { return Epoch(static_cast<uint32_t>(raw_ >> 32)); }
  constexpr uint32_t sequence() const { return static_cast<uint32_t>(raw_); }
  constexpr auto operator<=>(const Version&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const Version& v) {
    return H::combine(std::move(h), v.raw_);
  }

 private:
  uint64_t raw_ = 0;
};

inline constexpr uint32_t kEpochMax = (1u << 24) - 1;

// Blocks [first, first + count) of one chunk.
struct BlockRange {
  uint32_t first = 0;
  uint32_t count = 0;

  constexpr uint32_t end() const { return first + count; }
  constexpr bool Contains(uint32_t block) const { return block >= first && block < end(); }
  constexpr bool Overlaps(const BlockRange& o) const {
    return first < o.end() && o.first < end();
  }
  constexpr auto operator<=>(const BlockRange&) const = default;
};

// One life of a client on a volume (design 5.8). Every start of a client process is a new one.
struct Session {
  VolumeId volume;
  ClientId client;
  Generation generation;

  constexpr auto operator<=>(const Session&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const Session& s) {
    return H::combine(std::move(h), s.volume, s.client, s.generation);
  }
};

// For logs and error texts: "3.17" for epoch 3, sequence 17; "2:5" for chain 5 of table 2.
std::string ToString(Version version);
std::string ToString(ChainId chain);
std::string ToString(const Session& session);

// A point on a clock that counts suspension, and a length of time. Nanoseconds.
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration Nanos(int64_t ns) { return Duration(ns); }
  static constexpr Duration Micros(int64_t us) { return Duration(us * 1000); }
  static constexpr Duration Millis(int64_t ms) { return Duration(ms * 1000000); }
  static constexpr Duration Seconds(int64_t s) { return Duration(s * 1000000000); }
  constexpr int64_t nanos() const { return ns_; }
  constexpr int64_t millis() const { return ns_ / 1000000; }
  constexpr auto operator<=>(const Duration&) const = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return Duration(a.ns_ + b.ns_); }
  friend constexpr Duration operator-(Duration a, Duration b) { return Duration(a.ns_ - b.ns_); }
  friend constexpr Duration operator*(Duration a, int64_t n) { return Duration(a.ns_ * n); }
  friend constexpr Duration operator/(Duration a, int64_t n) { return Duration(a.ns_ / n); }

 private:
  explicit constexpr Duration(int64_t ns) : ns_(ns) {}
  int64_t ns_ = 0;
};

class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant FromNanos(int64_t ns) {
    Instant t;
    t.ns_ = ns;
    return t;
  }
  static constexpr Instant Max() { return FromNanos(INT64_MAX); }
  constexpr int64_t nanos() const { return ns_; }
  constexpr auto operator<=>(const Instant&) const = default;
  friend constexpr Instant operator+(Instant t, Duration d) {
    return FromNanos(t.ns_ + d.nanos());
  }
  friend constexpr Instant operator-(Instant t, Duration d) {
    return FromNanos(t.ns_ - d.nanos());
  }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return Duration::Nanos(a.ns_ - b.ns_);
  }

 private:
  int64_t ns_ = 0;
};

}  // namespace storpool
