// A whole cluster in one process: metadata, three nodes and a client, on files in a temporary
// folder. Writes to a volume with three mirrors, loses a node, and reads everything back.
//
// This is what linking libstorpool into an appliance looks like: the daemons are these same
// classes, each with a main around it.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lib/embed/client_server.h"
#include "lib/embed/disk_init.h"
#include "lib/embed/metadata_server.h"
#include "lib/embed/metadata_store.h"
#include "lib/embed/node_server.h"
#include "lib/env/posix/file_log.h"
#include "lib/env/posix/posix_entropy.h"

namespace sp = storpool;

namespace {

// Errors are values with a sentence that names the thing and the way out.
template <class T>
T Must(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "%s\n", std::string(result.status().message()).c_str());
  std::exit(1);
}

void Must(const absl::Status& status) { Must(status.ok() ? absl::StatusOr<int>(0) : status); }

std::string DiskPath(const std::string& folder, int node) {
  return folder + "/disk" + std::to_string(100 * node + 1);
}

// A placement group gathers disks, a template says how volumes are kept.
void MakeVolume(sp::embed::MetadataServer& metadata, const std::vector<int>& disks) {
  sp::PlacementGroupUpdateRequest group;
  group.set_name("default");
  for (const int disk : disks) group.add_add_disks(disk);
  Must(metadata.Call<sp::ChangeAnswer>(group));

  sp::TemplateCreateRequest three_mirrors;
  three_mirrors.set_name("three");
  three_mirrors.set_replication(3);
  Must(metadata.Call<sp::ChangeAnswer>(three_mirrors));

  sp::VolumeCreateRequest volume;
  volume.set_name("demo");
  volume.set_size_bytes(64 << 20);
  volume.set_template_name("three");
  Must(metadata.Call<sp::VolumeCreateAnswer>(volume));

  sp::AttachRequest attach;
  attach.set_volume("demo");
  attach.set_client(1);
  Must(metadata.Call<sp::AttachAnswer>(attach));
}

}  // namespace

int main() {
  const std::string folder = std::filesystem::temp_directory_path() / "storpool-embedded";
  std::filesystem::remove_all(folder);
  sp::env::PosixEntropy entropy;
  const auto log = sp::env::FileLog::ToStderr(sp::env::LogLevel::kError);

  const auto cluster = Must(sp::embed::InitMetadata(folder + "/metadata", "demo.a", entropy));
  const auto metadata = Must(sp::embed::MetadataServer::Start(
      {.folder = folder + "/metadata", .listen = "127.0.0.1:0", .log = log.get()}));

  std::vector<std::unique_ptr<sp::embed::NodeServer>> nodes;
  std::vector<int> disks;
  for (int node = 1; node <= 3; ++node) {
    disks.push_back(100 * node + 1);
    sp::embed::DiskInitOptions disk;
    disk.path = DiskPath(folder, node);
    disk.disk = sp::DiskId(static_cast<uint16_t>(disks.back()));
    disk.cluster = cluster.uuid;
    disk.size_bytes = 256 << 20;
    disk.sparse = true;
    Must(sp::embed::InitDisk(disk, entropy));

    sp::embed::NodeServerOptions options;
    options.id = sp::NodeId(static_cast<uint16_t>(node));
    options.cluster = cluster;
    options.metadata = {metadata->address()};
    options.disks = {disk.path};
    options.log = log.get();
    nodes.push_back(Must(sp::embed::NodeServer::Start(options)));
  }

  sp::embed::ClientServerOptions options;
  options.id = sp::ClientId(1);
  options.cluster = cluster;
  options.metadata = {metadata->address()};
  options.log = log.get();
  const auto client = Must(sp::embed::ClientServer::Start(options));

  Must(metadata->WaitForServices({.nodes = 3, .clients = 1}));
  MakeVolume(*metadata, disks);
  auto volume = Must(client->Open("demo"));

  std::vector<uint8_t> written(1 << 20);
  for (uint64_t at = 0; at < volume.size_bytes(); at += written.size()) {
    entropy.Fill(written);
    Must(volume.Write(at, written));  // durable on three nodes when it returns
    if (at == volume.size_bytes() / 2) nodes[1].reset();  // one of them leaves
    std::vector<uint8_t> read(written.size());
    Must(volume.Read(at, read));
    if (read != written) return std::puts("what was read differs from what was written"), 1;
  }
  std::puts("64 MiB written and read back; one of three nodes was lost on the way");
  return 0;
}
