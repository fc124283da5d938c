// storpool_client: attaches volumes on this machine and exports them over NBD.
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/embed/client_server.h"
#include "lib/embed/flag_settings.h"
#include "lib/embed/program.h"
#include "lib/env/posix/file_log.h"

ABSL_FLAG(std::string, id, "", "id of this client, 1..4095; one process of an id at a time");
ABSL_FLAG(std::string, name, "", "name of this client, for people");
ABSL_FLAG(std::string, cluster, "", "cluster file, made by 'storpoolctl metadata init'");
ABSL_FLAG(std::string, metadata, std::string(storpool::embed::kMetadataAddress),
          "address of the metadata daemon, HOST:PORT[,HOST:PORT...]: tried in turn");
ABSL_FLAG(
    std::string, nbd, "127.0.0.1:10809",
    "address to export volumes at, the one that others use: attach says it; whoever reaches it "
    "may read and write what is attached here; port 0: any");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error");

namespace {

using storpool::embed::StartFailed;
constexpr char kProgram[] = "storpool_client";
constexpr char kUsage[] =
    "Attaches volumes on this machine and exports them over NBD, each under its name.\n"
    "  storpool_client --id=1 --cluster=FILE --metadata=HOST:PORT [--nbd=HOST:PORT]";

absl::StatusOr<storpool::embed::ClientServerOptions> Options() {
  storpool::embed::ClientServerOptions options;
  const auto id = storpool::embed::TakeId(absl::GetFlag(FLAGS_id), 1, storpool::kClientIdMax);
  if (!id.ok()) return id.status();
  options.id = storpool::ClientId(*id);
  options.name = absl::GetFlag(FLAGS_name);
  SP_RETURN_IF_ERROR(storpool::embed::CheckGiven(absl::GetFlag(FLAGS_cluster), "--cluster=FILE"));
  auto cluster = storpool::embed::LoadClusterFile(absl::GetFlag(FLAGS_cluster));
  if (!cluster.ok()) return cluster.status();
  options.cluster = *cluster;
  options.metadata = storpool::embed::SplitAddresses(absl::GetFlag(FLAGS_metadata));
  if (options.metadata.empty()) {
    return absl::InvalidArgumentError("--metadata names no address");
  }
  options.nbd = absl::GetFlag(FLAGS_nbd);
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
    ending.Fail(absl::StrCat(kProgram, ": metadata refuses client ", options->id.value(), ": ",
                             std::string(reason)));
  };
  const auto client = storpool::embed::ClientServer::Start(*options);
  if (!client.ok()) return StartFailed(kProgram, client.status());
  log->Log(storpool::env::LogLevel::kInfo, kProgram,
           absl::StrCat("client ", options->id.value(), " exports at ", (*client)->nbd_address()));
  return ending.Wait();
}
