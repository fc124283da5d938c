// The cluster map as its readers get it: sections with versions of their own (design 6.6).
//
//   "disks"            nodes and disks
//   "table/ID"         the newest named config of each chain; pages of at most kConfigsPerPage
//   "line/LINEAGE"     a line; of one that is gone: dropped, with the highest version. The
//   section's
//                      version is the line's, so a reader of a long line gets what changed since
//   "attachments/ID"   of that client, with lines and volumes
//
// A page that is not the last one carries the version that its reader had before, so that a reader
// that misses the rest asks for all of it again.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/metadata/state.h"
#include "proto/control.pb.h"

namespace storpool::metadata {

inline constexpr int kConfigsPerPage = 256;
inline constexpr size_t kSubscriptionsMax = 65536;
inline constexpr size_t kNodeSubscriptionsMax = 1 << 24;  // a node follows every line it has

std::string TableSectionName(uint32_t table);
std::string LineSectionName(uint64_t lineage);
bool IsSection(const std::string& name);
// Whether it is the section of a line that was lost by a restore (State::IsLost).
bool IsOfLostLine(const State& state, const std::string& section);
std::string AttachmentsSectionName(uint32_t client);

// A line for a reader that has version `known` of it (0: nothing): only what changed, if that is
// worth it.
Line LineFor(const State& state, uint64_t lineage, uint32_t known);

// What a reader that has version `known` of this section (0: nothing) must get; nothing if that is
// the newest or no such section exists.
std::vector<Section> SectionsAbove(const State& state, const std::string& name, uint64_t known);

// What one peer follows, and what it has been sent.
class Subscriptions {
 public:
  // False if it asks for more than `max`, or if that is no section (IsSection).
  bool Add(const SectionVersion& wanted, size_t max);
  // As if all were added once more: what could not be told may be by now.
  void AskAgain();
  // Of the sections that `changed` and those that were added since: what is newer than what was
  // sent; counts it as sent. Nothing comes after a line that was dropped: that one is followed no
  // more.
  std::vector<Section> TakeNews(const State& state, const std::set<std::string>& changed);
  size_t size() const { return sent_.size(); }

 private:
  std::map<std::string, uint64_t> sent_;
  std::set<std::string> added_;
};

}  // namespace storpool::metadata
