#include "lib/embed/metadata_store.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/digest.h"
#include "lib/env/posix/file_log.h"
#include "lib/env/posix/posix_clock.h"
#include "lib/env/posix/posix_reactor.h"
#include "lib/env/rocksdb/rocks_database.h"
#include "lib/metadata/backup.h"
#include "lib/metadata/leader.h"

namespace storpool::embed {
namespace {

constexpr char kTermKey[] = "term";
constexpr Duration kPatience = Duration::Seconds(60);  // for the disk below the log

std::string StorePath(const std::string& folder) { return folder + "/store"; }

absl::StatusOr<uint64_t> NextTerm(env::KeyValueStore& store) {
  const absl::StatusOr<std::string> last = store.Get(kTermKey);
  uint64_t term = 0;
  if (last.ok() && !absl::SimpleAtoi(*last, &term)) {
    return absl::DataLossError(absl::StrCat("the term \"", *last, "\" is no number"));
  }
  if (!last.ok() && !absl::IsNotFound(last.status())) return last.status();
  env::KeyValueBatch batch;
  batch.Put(kTermKey, absl::StrCat(++term));
  if (absl::Status s = store.Write(batch, true); !s.ok()) return s;
  return term;
}

// A restored cluster is led in a term above any that its nodes and clients have seen, whom a lower
// one would tell nothing. How many there were is lost with the folder; there was none a second.
absl::Status BeginTermAnew(env::KeyValueStore& store) {
  env::KeyValueBatch batch;
  batch.Put(kTermKey, absl::StrCat(env::PosixClock().WallSeconds()));
  return store.Write(batch, true);
}

// Ours alone if it is made here. One that is there stays as it is: it may be /srv; what is secret
// in it (the cluster file, the token, the store) has a mode of its own. But who may write in it
// could put something else in their place.
absl::Status MakeFolder(const std::string& folder) {
  using std::filesystem::perms;
  std::error_code error;
  const bool there = std::filesystem::exists(folder, error);
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make the folder ", folder));
  }
  if (!there) {
    std::filesystem::permissions(folder, perms::owner_all, error);
  } else {
    const perms mode = std::filesystem::status(folder, error).permissions();
    if (!error && (mode & (perms::group_write | perms::others_write)) != perms::none) {
      return absl::PermissionDeniedError(
          absl::StrCat("others may write in the folder ", folder,
                       ": name a folder that is not there yet, or chmod go-w ", folder));
    }
  }
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot use the folder ", folder));
}

absl::Status HoldsStore(const std::string& folder) {
  return absl::AlreadyExistsError(absl::StrCat(
      folder, " holds the metadata of a cluster already; name another folder, or remove this one"));
}

// A store that is being made has another name, so that a half-made one is never taken for whole.
std::string UnfinishedPath(const std::string& folder) { return folder + "/store.unfinished"; }

// What RocksDB writes in it is readable by all, and the key of the cluster is among it.
absl::Status BeginStore(const std::string& folder) {
  std::error_code error;
  const std::string store = UnfinishedPath(folder);
  std::filesystem::remove_all(store, error);
  if (!error) std::filesystem::create_directory(store, error);
  if (!error) std::filesystem::permissions(store, std::filesystem::perms::owner_all, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot write in ", folder));
}

absl::Status FinishStore(const std::string& folder) {
  std::error_code error;
  std::filesystem::rename(UnfinishedPath(folder), StorePath(folder), error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot write in ", folder));
}

// The cluster file of the folder, made unless it is there.
absl::StatusOr<ClusterFile> TakeClusterFile(const std::string& folder, const std::string& name,
                                            env::Entropy& entropy) {
  const std::string path = ClusterFilePath(folder);
  absl::StatusOr<ClusterFile> there = LoadClusterFile(path);
  if (absl::IsNotFound(there.status())) return CreateClusterFile(path, name, entropy);
  if (there.ok() && there->name != name) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is of the cluster ", there->name, ", not ",
                                                 name, "; name another folder"));
  }
  return there;
}

// The first entry of the log, applied and durable.
absl::Status ProposeInit(const std::string& path, const ClusterFile& cluster) {
  env::PosixReactor reactor;
  auto database = env::RocksDatabase::Open(path, env::RocksDatabase::IfMissing::kCreate);
  if (!database.ok()) return database.status();
  auto state = (*database)->Store("state");
  if (!state.ok()) return state.status();
  auto log = (*database)->Log("log", reactor);
  if (!log.ok()) return log.status();
  const auto sink = env::FileLog::ToStderr(env::LogLevel::kWarning);
  metadata::Leader leader(reactor, **state, **log, *sink);
  if (absl::Status s = leader.Start(); !s.ok()) return s;
  metadata::Command command;
  metadata::InitCluster& init = *command.mutable_init();
  init.set_uuid(cluster.uuid.data(), cluster.uuid.size());
  init.set_name(cluster.name);
  init.set_secret(std::string(AsText(SecretKey(cluster.secret))));
  std::optional<absl::Status> done;
  leader.Propose(std::move(command), [&done](absl::StatusOr<metadata::CommandResult> result) {
    done = result.status();
  });
  if (!reactor.RunUntil([&done] { return done.has_value(); }, kPatience)) {
    return absl::DeadlineExceededError(
        absl::StrCat(path, " does not answer; look at the system's log"));
  }
  return *done;
}

}  // namespace

MetadataStore::MetadataStore() = default;
MetadataStore::~MetadataStore() = default;

std::string ClusterFilePath(const std::string& folder) { return folder + "/cluster"; }

absl::StatusOr<std::unique_ptr<MetadataStore>> OpenMetadataStore(const std::string& folder,
                                                                 env::Reactor& reactor) {
  if (!std::filesystem::exists(StorePath(folder))) {
    return absl::NotFoundError(absl::StrCat("there is no metadata in ", folder,
                                            "; make it: storpoolctl metadata init ", folder));
  }
  auto database = env::RocksDatabase::Open(StorePath(folder), env::RocksDatabase::IfMissing::kFail);
  if (!database.ok()) return database.status();
  std::unique_ptr<MetadataStore> store(new MetadataStore);
  store->database_ = *std::move(database);
  auto state = store->database_->Store("state");
  if (!state.ok()) return state.status();
  store->state_ = *std::move(state);
  auto daemon = store->database_->Store("daemon");
  if (!daemon.ok()) return daemon.status();
  store->daemon_ = *std::move(daemon);
  auto log = store->database_->Log("log", reactor);
  if (!log.ok()) return log.status();
  store->log_ = *std::move(log);
  const absl::StatusOr<uint64_t> term = NextTerm(*store->daemon_);
  if (!term.ok()) return term.status();
  store->term_ = *term;
  return store;
}

absl::StatusOr<ClusterFile> InitMetadata(const std::string& folder, const std::string& cluster_name,
                                         env::Entropy& entropy) {
  if (std::filesystem::exists(StorePath(folder))) return HoldsStore(folder);
  if (absl::Status s = MakeFolder(folder); !s.ok()) return s;
  absl::StatusOr<ClusterFile> cluster = TakeClusterFile(folder, cluster_name, entropy);
  if (!cluster.ok()) return cluster;
  if (absl::Status s = BeginStore(folder); !s.ok()) return s;
  if (absl::Status s = ProposeInit(UnfinishedPath(folder), *cluster); !s.ok()) return s;
  if (absl::Status s = FinishStore(folder); !s.ok()) return s;
  return cluster;
}

absl::Status RestoreMetadata(const std::string& backup_file, const std::string& folder) {
  if (std::filesystem::exists(StorePath(folder))) return HoldsStore(folder);
  std::ifstream file(backup_file, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("there is no backup ", backup_file));
  const std::string backup{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (absl::Status s = MakeFolder(folder); !s.ok()) return s;
  const absl::StatusOr<ClusterFile> cluster = LoadClusterFile(ClusterFilePath(folder));
  if (!cluster.ok() && !absl::IsNotFound(cluster.status())) return cluster.status();
  if (absl::Status s = BeginStore(folder); !s.ok()) return s;
  {
    auto database =
        env::RocksDatabase::Open(UnfinishedPath(folder), env::RocksDatabase::IfMissing::kCreate);
    if (!database.ok()) return database.status();
    auto state = (*database)->Store("state");
    if (!state.ok()) return state.status();
    const absl::Status restored = metadata::Restore(backup, **state);
    if (!restored.ok()) {
      return absl::Status(restored.code(), absl::StrCat(backup_file, ": ", restored.message()));
    }
    metadata::State loaded(**state);
    if (absl::Status s = loaded.Load(); !s.ok()) return s;
    if (cluster.ok() &&
        loaded.cluster().uuid() != std::string(cluster->uuid.begin(), cluster->uuid.end())) {
      return absl::FailedPreconditionError(
          absl::StrCat(backup_file, " is of another cluster than ", ClusterFilePath(folder)));
    }
    auto daemon = (*database)->Store("daemon");
    if (!daemon.ok()) return daemon.status();
    if (absl::Status s = BeginTermAnew(**daemon); !s.ok()) return s;
  }
  return FinishStore(folder);
}

}  // namespace storpool::embed
