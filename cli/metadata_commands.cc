// metadata ...: backup, and what is done where metadata's folder is.
#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "lib/base/size.h"
#include "lib/embed/metadata_store.h"
#include "lib/embed/private_file.h"

namespace storpool::cli {
namespace {

constexpr char kDefaultClusterName[] = "local.one";
constexpr std::string_view kFolderHelp =
    "Is made unless it is there; one that holds a cluster, or that others may write in, is "
    "refused.";

absl::StatusOr<Output> Backup(Session& session, const Arguments& arguments) {
  const std::string path = arguments.Text("FILE");
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists; remove it, or name another file"));
  }
  const absl::StatusOr<std::unique_ptr<embed::PrivateFile>> file = embed::PrivateFile::Begin(path);
  if (!file.ok()) return file.status();
  uint64_t size = 0;
  absl::Status status = session.admin.Backup([&](const std::string& piece) {
    size += piece.size();
    return (*file)->Write(piece);
  });
  if (status.ok()) status = (*file)->Finish();
  if (!status.ok()) return status;
  return LocalOutput({{"ok", true}, {"file", path}, {"size", size}},
                     absl::StrCat("OK\n", path, ": ", FormatSize(size), "\n"));
}

absl::StatusOr<Output> Init(Session& session, const Arguments& arguments) {
  const std::string folder = arguments.Text("FOLDER");
  const std::string name = arguments.Has("name") ? arguments.Text("name") : kDefaultClusterName;
  const absl::StatusOr<embed::ClusterFile> cluster =
      embed::InitMetadata(folder, name, session.world.entropy);
  if (!cluster.ok()) return cluster.status();
  const std::string file = embed::ClusterFilePath(folder);
  const std::string uuid = embed::FormatUuid(cluster->uuid);
  return LocalOutput(
      {{"ok", true}, {"clusterName", cluster->name}, {"cluster", uuid}, {"file", file}},
      absl::StrCat("OK\ncluster ", cluster->name, ", ", uuid, "; copy ", file,
                   " to every machine of the cluster, and keep it secret\n"));
}

absl::StatusOr<Output> Restore(Session&, const Arguments& arguments) {
  const std::string folder = arguments.Text("FOLDER");
  if (absl::Status s = embed::RestoreMetadata(arguments.Text("FILE"), folder); !s.ok()) return s;
  std::string text = "OK\nmetadata decides nothing before every known node has registered\n";
  const std::string file = embed::ClusterFilePath(folder);
  if (!std::ifstream(file).good()) {
    absl::StrAppend(&text, "put the cluster file there: ", file, "\n");
  }
  return LocalOutput({{"ok", true}, {"folder", folder}}, text);
}

}  // namespace

std::vector<Command> MetadataCommands() {
  const auto path = [](std::string_view word, std::string_view help) {
    return Parameter{.word = word, .value = word, .kind = Kind::kPath, .help = help};
  };
  return {
      {.pattern = "metadata init FOLDER",
       .summary = "Make a cluster: its name, its secret, and where metadata keeps what it knows",
       .values = {path("FOLDER", kFolderHelp)},
       .parameters = {{.word = "name",
                       .value = "LOCATION.CLUSTER",
                       .help = "Small letters and digits, and one dot; else local.one. It begins "
                               "every global id."}},
       .details = "Needs no server. Writes FOLDER/cluster, the cluster file: whoever has it may "
                  "join, so it is for the operator's eyes only.",
       .example = "metadata init /var/lib/storpool name sofia.one",
       .run = Init},
      {.pattern = "metadata restore FILE FOLDER",
       .summary = "Make metadata's folder from a backup, after the loss of the first",
       .values = {path("FILE", "From metadata backup."), path("FOLDER", kFolderHelp)},
       .details = "Needs no server. Put the cluster file into FOLDER too, then start "
                  "storpool_metadata on it. Volumes stay attached meanwhile; nothing is changed "
                  "before every known node has registered.",
       .run = Restore},
      {.pattern = "metadata backup FILE",
       .summary = "Copy everything metadata knows into a file",
       .values = {path("FILE", "Must not exist.")},
       .details = "Take one after every change of disks or volumes. It holds the key made of the "
                  "cluster's secret, by which one may join: only you may read the file; guard it "
                  "like the cluster file, and keep that too, which restore needs beside it.",
       .example = "metadata backup storpool-monday",
       .run = Backup},
  };
}

}  // namespace storpool::cli
