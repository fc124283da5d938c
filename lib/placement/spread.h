// How full each disk is with chains of one table, and which disk is next: private to placement.
//
// Loads are compared by capacity. Within a table chains hold about equally much; other tables may
// hold anything, so theirs decide only where this table's do not.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/placement/policy.h"

namespace storpool::placement {

class Spread {
 public:
  // All arguments outlive it.
  Spread(const std::vector<Disk>& disks, const Policy& policy,
         const std::map<DiskId, Load>& elsewhere);

  const Disk* Find(DiskId id) const;  // nullptr: it is not known
  bool InGroup(DiskId id, Part part) const { return groups_[Index(part)].contains(id); }
  // It may stay in that part of a row.
  bool MayStay(DiskId id, Part part) const;
  const std::vector<const Disk*>& Of(Part part) const { return by_part_[Index(part)]; }

  void Add(const Row& row) { Change(row, 1); }
  void Remove(const Row& row) { Change(row, -1); }
  // A chain of this plan goes to a disk that has nothing of it, or after all does not.
  void TakeRoom(DiskId id) { --room_[id]; }
  void GiveRoom(DiskId id) { ++room_[id]; }
  bool MayTake(const Disk& disk) const;

  // Chains (or tails) by capacity, for comparisons; UINT64_MAX for a disk that is not known.
  uint64_t Fullness(DiskId id) const;
  // One chain (tail) less on `from` and one more on `to` is better: also by how much of a margin,
  // so that nothing moves to and fro for next to nothing.
  bool Relieves(DiskId from, DiskId to, bool margin) const;
  bool RelievesTails(DiskId from, DiskId to, bool margin) const;

  // Chooses a disk for each position of `row` that has none, of those that may be given more and
  // are not `barred`; false if there is no way.
  bool Complete(std::vector<const Disk*>& row, const std::vector<DiskId>& barred) const;

  // Why a row of `replication` cannot be completed.
  absl::Status Missing() const;

 private:
  static size_t Index(Part part) { return static_cast<size_t>(part); }
  void Change(const Row& row, int by);
  Load LoadOf(DiskId id) const;
  // Of a row that has nothing yet the tail goes where few tails are; else order can be changed
  // later.
  bool Less(Part part, bool empty, const Disk& a, const Disk& b) const;
  std::vector<const Disk*> Candidates(Part part, bool empty,
                                      const std::vector<DiskId>& barred) const;
  bool Choose(std::vector<const Disk*>& row, const std::vector<size_t>& order, size_t next,
              std::set<std::string>& used, const std::vector<DiskId>& barred) const;

  const Policy& policy_;
  const std::map<DiskId, Load>& elsewhere_;
  std::map<DiskId, const Disk*> disks_;
  std::map<DiskId, Load> load_;
  std::map<DiskId, int64_t> room_;
  std::array<std::set<DiskId>, 3> groups_;
  std::array<std::vector<const Disk*>, 3> by_part_;  // disks of the group that are known
};

}  // namespace storpool::placement
