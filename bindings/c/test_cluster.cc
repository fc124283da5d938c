// A cluster of one metadata daemon and three nodes, on sparse files: started by a test, ended when
// the test closes standard input.
//
//   test_cluster FOLDER
//
// Prints "METADATA_ADDRESS CLUSTER_FILE" when the volumes "data" and "other" (64 MiB each, three
// mirrors) can be attached. Then it obeys lines: "stop NODE" ends that node, "detach NAME" detaches
// the volume from client 1 by force. Each is answered by "done".
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/embed/disk_init.h"
#include "lib/embed/metadata_server.h"
#include "lib/embed/metadata_store.h"
#include "lib/embed/node_server.h"
#include "lib/env/posix/file_log.h"
#include "lib/env/posix/posix_entropy.h"

namespace sp = storpool;

namespace {

template <class T>
T Must(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::cerr << "test_cluster: " << result.status().message() << '\n';
  std::exit(1);
}

class Cluster {
 public:
  explicit Cluster(const std::string& folder)
      : folder_(folder), log_(sp::env::FileLog::ToStderr(sp::env::LogLevel::kError)) {
    file_ = Must(sp::embed::InitMetadata(folder + "/metadata", "test.a", entropy_));
    sp::embed::MetadataServerOptions options;
    options.folder = folder + "/metadata";
    options.log = log_.get();
    metadata_ = Must(sp::embed::MetadataServer::Start(options));
    for (int node = 1; node <= 3; ++node) StartNode(node);
    const absl::Status status = metadata_->WaitForServices({.nodes = 3, .clients = 0});
    Must(status.ok() ? absl::StatusOr<int>(0) : status);
    MakeVolumes();
  }

  const std::string& address() const { return metadata_->address(); }
  std::string file() const { return sp::embed::ClusterFilePath(folder_ + "/metadata"); }
  void Stop(int node) { nodes_.erase(node); }
  void Detach(const std::string& volume) {
    sp::DetachRequest detach;
    detach.set_volume(volume);
    detach.set_client(1);
    detach.set_force(true);
    Must(metadata_->Call<sp::ChangeAnswer>(detach));
  }

 private:
  void StartNode(int node) {
    sp::embed::DiskInitOptions disk;
    disk.path = folder_ + "/disk" + std::to_string(node);
    disk.disk = sp::DiskId(static_cast<uint16_t>(100 * node + 1));
    disk.cluster = file_.uuid;
    disk.size_bytes = 512 << 20;
    disk.sparse = true;
    Must(sp::embed::InitDisk(disk, entropy_));
    sp::embed::NodeServerOptions options;
    options.id = sp::NodeId(static_cast<uint16_t>(node));
    options.cluster = file_;
    options.metadata = {metadata_->address()};
    options.disks = {disk.path};
    options.log = log_.get();
    nodes_[node] = Must(sp::embed::NodeServer::Start(options));
  }
  void MakeVolumes() {
    sp::PlacementGroupUpdateRequest group;
    group.set_name("default");
    for (int disk : {101, 201, 301}) group.add_add_disks(static_cast<uint32_t>(disk));
    Must(metadata_->Call<sp::ChangeAnswer>(group));
    sp::TemplateCreateRequest three;
    three.set_name("three");
    three.set_replication(3);
    Must(metadata_->Call<sp::ChangeAnswer>(three));
    for (const char* name : {"data", "other"}) {
      sp::VolumeCreateRequest volume;
      volume.set_name(name);
      volume.set_size_bytes(64 << 20);
      volume.set_template_name("three");
      Must(metadata_->Call<sp::VolumeCreateAnswer>(volume));
    }
  }

  const std::string folder_;
  sp::env::PosixEntropy entropy_;
  const std::unique_ptr<sp::env::FileLog> log_;
  sp::embed::ClusterFile file_;
  std::unique_ptr<sp::embed::MetadataServer> metadata_;
  std::map<int, std::unique_ptr<sp::embed::NodeServer>> nodes_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("test_cluster FOLDER\n", stderr), 2;
  Cluster cluster(argv[1]);
  std::cout << cluster.address() << ' ' << cluster.file() << std::endl;
  std::string command, what;
  while (std::cin >> command >> what) {
    if (command == "stop") cluster.Stop(std::stoi(what));
    if (command == "detach") cluster.Detach(what);
    std::cout << "done" << std::endl;
  }
  return 0;
}
