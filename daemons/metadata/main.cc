// storpool_metadata: decides who is in the cluster and where everything lies; never touches data.
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "lib/embed/metadata_server.h"
#include "lib/embed/program.h"
#include "lib/env/posix/file_log.h"

ABSL_FLAG(std::string, folder, "", "folder made by 'storpoolctl metadata init'");
ABSL_FLAG(std::string, listen, std::string(storpool::embed::kMetadataAddress),
          "address for nodes, clients and storpoolctl; port 0: any");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error");

int main(int argc, char** argv) {
  using storpool::embed::StartFailed;
  constexpr char kProgram[] = "storpool_metadata";
  storpool::embed::Ending ending;
  absl::SetProgramUsageMessage(
      "Decides who is in the cluster and where everything lies.\n"
      "  storpool_metadata --folder=FOLDER [--listen=HOST:PORT]");
  absl::ParseCommandLine(argc, argv);
  const auto level = storpool::embed::ParseLogLevel(absl::GetFlag(FLAGS_log_level));
  if (!level.ok()) return StartFailed(kProgram, level.status());
  const auto log = storpool::env::FileLog::ToStderr(*level);
  const auto metadata = storpool::embed::MetadataServer::Start({
      .folder = absl::GetFlag(FLAGS_folder),
      .listen = absl::GetFlag(FLAGS_listen),
      .log = log.get(),
  });
  if (!metadata.ok()) return StartFailed(kProgram, metadata.status());
  log->Log(storpool::env::LogLevel::kInfo, kProgram,
           absl::StrCat("listens at ", (*metadata)->address()));
  return ending.Wait();
}
