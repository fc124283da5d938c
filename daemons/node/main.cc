// storpool_node: gives the disks of this machine to the cluster.
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/embed/flag_settings.h"
#include "lib/embed/node_server.h"
#include "lib/embed/program.h"
#include "lib/env/posix/file_log.h"

ABSL_FLAG(std::string, id, "", "id of this node, 0..63");
ABSL_FLAG(std::string, name, "", "name of this node, for people");
ABSL_FLAG(std::string, fault_set, "",
          "name of the fault set that this node is in: nodes that may fail together");
ABSL_FLAG(std::string, cluster, "", "cluster file, made by 'storpoolctl metadata init'");
ABSL_FLAG(std::string, metadata, std::string(storpool::embed::kMetadataAddress),
          "address of the metadata daemon, HOST:PORT[,HOST:PORT...]: tried in turn");
ABSL_FLAG(
    std::string, listen, "127.0.0.1:0",
    "address of this machine that clients and other nodes use, IPv4:PORT or [IPv6]:PORT; they "
    "are told it, so it may not be 0.0.0.0; port 0: any");
ABSL_FLAG(
    std::string, disks, "",
    "files or block devices made by 'storpoolctl disk init', PATH[,PATH...]; of a large drive "
    "also ranges of bytes, PATH@OFFSET+SIZE");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error");

namespace {

using storpool::embed::StartFailed;
constexpr char kProgram[] = "storpool_node";
constexpr char kUsage[] =
    "Gives the disks of this machine to the cluster.\n"
    "  storpool_node --id=1 --cluster=FILE --metadata=HOST:PORT --listen=HOST:PORT\n"
    "    --disks=PATH[,PATH...]";

absl::StatusOr<storpool::embed::NodeServerOptions> Options() {
  storpool::embed::NodeServerOptions options;
  const auto id = storpool::embed::TakeId(absl::GetFlag(FLAGS_id), 0, storpool::kNodeIdMax);
  if (!id.ok()) return id.status();
  options.id = storpool::NodeId(*id);
  options.name = absl::GetFlag(FLAGS_name);
  options.fault_set = absl::GetFlag(FLAGS_fault_set);
  SP_RETURN_IF_ERROR(storpool::embed::CheckGiven(absl::GetFlag(FLAGS_cluster), "--cluster=FILE"));
  auto cluster = storpool::embed::LoadClusterFile(absl::GetFlag(FLAGS_cluster));
  if (!cluster.ok()) return cluster.status();
  options.cluster = *cluster;
  options.metadata = storpool::embed::SplitAddresses(absl::GetFlag(FLAGS_metadata));
  if (options.metadata.empty()) {
    return absl::InvalidArgumentError("--metadata names no address");
  }
  options.listen = absl::GetFlag(FLAGS_listen);
  options.disks = storpool::embed::SplitPaths(absl::GetFlag(FLAGS_disks));
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  storpool::embed::Ending ending;
  const absl::Status set =
      storpool::embed::SetFlags({{"SP_OURID", "id"}, {"STORPOOL_METADATA", "metadata"}});
  if (!set.ok()) return StartFailed(kProgram, set);
  storpool::embed::ParseFlags(kProgram, kUsage, argc, argv);
  const auto level = storpool::embed::ParseLogLevel(absl::GetFlag(FLAGS_log_level));
  if (!level.ok()) return StartFailed(kProgram, level.status());
  const auto log = storpool::env::FileLog::ToStderr(*level);
  auto options = Options();
  if (!options.ok()) return StartFailed(kProgram, options.status());
  options->log = log.get();
  options->on_refused = [&](std::string_view reason) {
    ending.Fail(absl::StrCat(kProgram, ": metadata refuses node ", options->id.value(), ": ",
                             std::string(reason)));
  };
  const auto node = storpool::embed::NodeServer::Start(*options);
  if (!node.ok()) return StartFailed(kProgram, node.status());
  log->Log(storpool::env::LogLevel::kInfo, kProgram,
           absl::StrCat("node ", options->id.value(), " listens at ", (*node)->address()));
  return ending.Wait();
}
