// Two volumes, two clients, and what tests of snapshots and clones ask of them.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {

class SnapshotsTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster.Standard();
    ASSERT_TRUE(cluster.CreateVolume("v").ok());
    ASSERT_TRUE(cluster.CreateVolume("w").ok());
    cluster.AddClient(1);
    cluster.AddClient(2);
    cluster.Run(Duration::Millis(200));
  }
  void Attach(const std::string& volume, uint32_t client, Rights rights = READ_WRITE) {
    Command command;
    command.mutable_attach()->set_volume(volume);
    command.mutable_attach()->set_client(client);
    command.mutable_attach()->set_rights(rights);
    ASSERT_TRUE(cluster.Do(command).ok());
    cluster.Run(Duration::Millis(200));
  }
  void Detach(const std::string& volume) {
    Command command;
    command.mutable_detach()->set_volume(volume);
    command.mutable_detach()->set_all(true);
    ASSERT_TRUE(cluster.Do(command).ok());
    cluster.Run(Duration::Seconds(1));
    ASSERT_TRUE(cluster.state().attachments().empty());
  }
  absl::Status Delete(const std::string& name, bool snapshot) {
    Command command;
    command.mutable_delete_volume()->mutable_remove()->set_name(name);
    command.mutable_delete_volume()->mutable_remove()->set_snapshot(snapshot);
    return cluster.Do(command).status();
  }
  absl::StatusOr<CommandResult> Clone(const std::string& name, const std::string& parent,
                                      uint64_t size_bytes = 0) {
    Command command;
    VolumeCreateRequest& create = *command.mutable_create_volume()->mutable_create();
    create.set_name(name);
    create.set_parent(parent);
    create.set_size_bytes(size_bytes);
    return cluster.Do(command);
  }
  absl::Status Revert(const std::string& volume, const std::string& snapshot, bool size = false) {
    Command command;
    VolumeRevertRequest& revert = *command.mutable_revert_volume()->mutable_revert();
    revert.set_name(volume);
    revert.set_to_snapshot(snapshot);
    revert.set_revert_size(size);
    return cluster.Do(command).status();
  }
  bool Exists(const std::string& name) { return cluster.state().FindVolume(name).ok(); }
  Volume Get(const std::string& name) { return *cluster.state().FindVolume(name); }
  Line LineOf(const std::string& name) { return cluster.state().WholeLine(Get(name).lineage()); }
  const Attachment& At(const std::string& volume, uint32_t client) {
    return cluster.state().attachments().at({Get(volume).id(), client}).attachment();
  }
  FakeCluster cluster;
};

}  // namespace storpool::metadata
