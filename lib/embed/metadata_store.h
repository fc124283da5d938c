// Where a metadata daemon keeps what it knows: FOLDER/cluster, the cluster file, and FOLDER/store,
// a RocksDB with the state and the embedded log (design 6.1, 8). `storpoolctl metadata init` and
// `metadata restore` make one; storpool_metadata opens it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/embed/cluster_file.h"
#include "lib/env/entropy.h"
#include "lib/env/key_value.h"
#include "lib/env/reactor.h"
#include "lib/env/replicated_log.h"

namespace storpool::env {
class RocksDatabase;
}  // namespace storpool::env

namespace storpool::embed {

class MetadataStore {
 public:
  ~MetadataStore();

  env::KeyValueStore& state() { return *state_; }
  env::ReplicatedLog& log() { return *log_; }
  // Higher than at every earlier open: the term of the leader that runs on it.
  uint64_t term() const { return term_; }

 private:
  friend absl::StatusOr<std::unique_ptr<MetadataStore>> OpenMetadataStore(const std::string& folder,
                                                                          env::Reactor& reactor);
  MetadataStore();

  std::unique_ptr<env::RocksDatabase> database_;  // outlives what it gave out
  std::unique_ptr<env::KeyValueStore> state_;
  std::unique_ptr<env::KeyValueStore> daemon_;  // what belongs to this daemon alone
  std::unique_ptr<env::ReplicatedLog> log_;
  uint64_t term_ = 0;
};

std::string ClusterFilePath(const std::string& folder);

// For one process at a time. `reactor` outlives it. kNotFound says how to make one.
absl::StatusOr<std::unique_ptr<MetadataStore>> OpenMetadataStore(const std::string& folder,
                                                                 env::Reactor& reactor);

// Makes the folder, the cluster file and the first entry of the log. kAlreadyExists if the folder
// holds a cluster. A folder with the cluster file alone, left by an attempt that failed, is
// finished with what that file says.
absl::StatusOr<ClusterFile> InitMetadata(const std::string& folder, const std::string& cluster_name,
                                         env::Entropy& entropy);

// Makes the store of `folder` from a backup. kAlreadyExists if there is one; a cluster file that is
// there must be that of the backup. The daemon names and grants nothing before every known node has
// registered (R22).
absl::Status RestoreMetadata(const std::string& backup_file, const std::string& folder);

}  // namespace storpool::embed
