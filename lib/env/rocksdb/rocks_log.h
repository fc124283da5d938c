// The embedded metadata log: one column family of a RocksDB (design 8). One daemon, which leads
// always.
//
// Keys: "e" and the index, big-endian: an entry; "t": up to which index entries were trimmed.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/env/reactor.h"
#include "lib/env/replicated_log.h"

namespace storpool::env {

class RocksLog : public ReplicatedLog, private PhaseHook {
 public:
  // `db` and `reactor` outlive this; `name` is for error texts.
  static absl::StatusOr<std::unique_ptr<RocksLog>> Open(rocksdb::DB* db,
                                                        rocksdb::ColumnFamilyHandle* family,
                                                        std::string name, Reactor& reactor);
  ~RocksLog() override;

  void Append(std::vector<std::string> commands,
              absl::AnyInvocable<void(absl::Status)> done) override;
  void Subscribe(uint64_t from_index, absl::AnyInvocable<void(const LogEntry&)> on_entry) override;
  absl::Status Trim(uint64_t index) override;
  uint64_t last_index() const override { return last_index_; }

 private:
  struct Waiting {
    std::vector<std::string> commands;
    absl::AnyInvocable<void(absl::Status)> done;
  };
  RocksLog(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, std::string name,
           Reactor& reactor);
  absl::Status FindEnds();
  void OnPhase(Phase phase) override;
  absl::Status WriteAll(const std::vector<Waiting>& batch);
  void GiveNew();

  rocksdb::DB* db_;
  rocksdb::ColumnFamilyHandle* family_;
  const std::string name_;
  Reactor& reactor_;
  uint64_t last_index_ = 0;
  uint64_t trimmed_ = 0;
  std::vector<Waiting> waiting_;
  uint64_t next_to_give_ = 0;  // 0: nobody has subscribed
  absl::AnyInvocable<void(const LogEntry&)> on_entry_;
};

}  // namespace storpool::env
