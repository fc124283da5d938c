// storpool_metadata: decides who is in the cluster and where everything lies; never touches data.
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "lib/embed/metadata_server.h"
#include "lib/embed/program.h"
#include "lib/env/posix/file_log.h"

ABSL_FLAG(std::string, folder, "", "folder made by 'storpoolctl metadata init'");
ABSL_FLAG(std::string, listen, std::string(storpool::embed::kMetadataAddress),
          "address for nodes, clients and storpoolctl, the one that others use; it asks for no "
          "password: only on a network that you trust; port 0: any");
ABSL_FLAG(std::string, http, "",
          "address of the JSON API; port 0: any; none: no API; unless given: 127.0.0.1:81, or "
          "127.0.0.1:7481 for a user who may not have port 81");
ABSL_FLAG(std::string, http_certificate, "", "PEM file: the JSON API speaks TLS");
ABSL_FLAG(std::string, http_key, "", "PEM file: the key of --http_certificate");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error");

namespace {

// Of the JSON API: StorPool's port, and one that needs no privilege.
constexpr char kHttpAddress[] = "127.0.0.1:81";
constexpr char kHttpAddressUnprivileged[] = "127.0.0.1:7481";

constexpr char kProgram[] = "storpool_metadata";
constexpr char kUsage[] =
    "Decides who is in the cluster and where everything lies.\n"
    "  storpool_metadata --folder=FOLDER [--listen=HOST:PORT] [--http=HOST:PORT]";

}  // namespace

int main(int argc, char** argv) {
  using storpool::embed::StartFailed;
  storpool::embed::Ending ending;
  storpool::embed::ParseFlags(kProgram, kUsage, argc, argv);
  const auto level = storpool::embed::ParseLogLevel(absl::GetFlag(FLAGS_log_level));
  if (!level.ok()) return StartFailed(kProgram, level.status());
  const auto log = storpool::env::FileLog::ToStderr(*level);
  const absl::Status given =
      storpool::embed::CheckGiven(absl::GetFlag(FLAGS_folder), "--folder=FOLDER");
  if (!given.ok()) return StartFailed(kProgram, given);
  storpool::embed::MetadataServerOptions options{
      .folder = absl::GetFlag(FLAGS_folder),
      .listen = absl::GetFlag(FLAGS_listen),
      .http = absl::GetFlag(FLAGS_http),
      .http_certificate = absl::GetFlag(FLAGS_http_certificate),
      .http_key = absl::GetFlag(FLAGS_http_key),
      .log = log.get(),
  };
  const bool http_by_default = options.http.empty();
  if (http_by_default) options.http = kHttpAddress;
  if (options.http == "none") options.http.clear();
  auto metadata = storpool::embed::MetadataServer::Start(options);
  if (absl::IsPermissionDenied(metadata.status()) && http_by_default) {
    options.http = kHttpAddressUnprivileged;
    metadata = storpool::embed::MetadataServer::Start(options);
  }
  if (!metadata.ok()) return StartFailed(kProgram, metadata.status());
  log->Log(storpool::env::LogLevel::kInfo, kProgram,
           absl::StrCat("listens at ", (*metadata)->address(), ", JSON API at ",
                        options.http.empty() ? "none" : (*metadata)->http_address()));
  return ending.Wait();
}
