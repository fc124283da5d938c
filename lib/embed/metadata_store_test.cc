#include "lib/embed/metadata_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lib/base/digest.h"
#include "lib/env/posix/posix_entropy.h"
#include "lib/env/posix/posix_reactor.h"
#include "lib/metadata/backup.h"
#include "lib/metadata/state.h"

namespace storpool::embed {
namespace {

class MetadataStoreTest : public testing::Test {
 protected:
  static std::string FolderOf(const std::string& name) {
    const std::string path = testing::TempDir() + "/" + name;
    std::filesystem::remove_all(path);
    return path;
  }
  // Into `path`, of an initialised folder.
  void Backup(const std::string& folder, const std::string& path) {
    env::PosixReactor reactor;
    const auto store = OpenMetadataStore(folder, reactor);
    ASSERT_TRUE(store.ok()) << store.status();
    std::ofstream file(path, std::ios::binary);
    ASSERT_TRUE(metadata::Backup((*store)->state(), [&file](std::string_view piece) {
                  file << piece;
                }).ok());
  }

  env::PosixEntropy entropy_;
};

TEST_F(MetadataStoreTest, InitMakesAClusterThatIsThereAfterwards) {
  const std::string folder = FolderOf("init");
  const absl::StatusOr<ClusterFile> cluster = InitMetadata(folder, "sofia.one", entropy_);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_TRUE(absl::IsAlreadyExists(InitMetadata(folder, "sofia.one", entropy_).status()));

  env::PosixReactor reactor;
  const auto store = OpenMetadataStore(folder, reactor);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->log().last_index(), 1u);
  metadata::State state((*store)->state());
  ASSERT_TRUE(state.Load().ok());
  EXPECT_EQ(state.cluster().name(), "sofia.one");
  EXPECT_EQ(state.cluster().uuid(), std::string(cluster->uuid.begin(), cluster->uuid.end()));
  EXPECT_EQ(state.cluster().secret(), AsText(SecretKey(cluster->secret)));
}

TEST_F(MetadataStoreTest, AFolderThatIsThereKeepsItsModeAndTheStoreIsOurs) {
  using std::filesystem::perms;
  const auto mode = [](const std::string& path) {
    return std::filesystem::status(path).permissions();
  };
  const std::string folder = FolderOf("mine"), again = FolderOf("again"), made = FolderOf("made");
  const std::string backup = testing::TempDir() + "/backup3";
  for (const std::string& path : {folder, again}) {
    std::filesystem::create_directories(path);
    std::filesystem::permissions(path, perms(0755));
  }
  ASSERT_TRUE(InitMetadata(folder, "sofia.one", entropy_).ok());
  Backup(folder, backup);
  ASSERT_TRUE(RestoreMetadata(backup, again).ok());
  ASSERT_TRUE(RestoreMetadata(backup, made).ok());
  for (const std::string& path : {folder, again}) {
    EXPECT_EQ(mode(path), perms(0755));
    EXPECT_EQ(mode(path + "/store"), perms(0700));
  }
  EXPECT_EQ(mode(made), perms(0700));
}

TEST_F(MetadataStoreTest, AFolderThatOthersMayWriteInIsRefused) {
  using std::filesystem::perms;
  const std::string folder = FolderOf("shared");
  std::filesystem::create_directories(folder);
  for (const perms mode : {perms(0777) | perms::sticky_bit, perms(0770), perms(0702)}) {
    std::filesystem::permissions(folder, mode);
    const absl::Status refused = InitMetadata(folder, "sofia.one", entropy_).status();
    EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
    EXPECT_NE(refused.message().find("chmod go-w " + folder), absl::string_view::npos) << refused;
    EXPECT_EQ(std::filesystem::status(folder).permissions(), mode);
    EXPECT_TRUE(std::filesystem::is_empty(folder));
  }
}

TEST_F(MetadataStoreTest, EveryOpenIsAHigherTermAndOnlyOneAtATime) {
  const std::string folder = FolderOf("terms");
  ASSERT_TRUE(InitMetadata(folder, "sofia.one", entropy_).ok());
  env::PosixReactor reactor;
  uint64_t term = 0;
  for (int life = 0; life < 3; ++life) {
    const auto store = OpenMetadataStore(folder, reactor);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_GT((*store)->term(), term);
    term = (*store)->term();
    EXPECT_FALSE(OpenMetadataStore(folder, reactor).ok());
  }
}

TEST_F(MetadataStoreTest, AnInitThatWasCutShortIsFinished) {
  const std::string folder = FolderOf("short");
  std::filesystem::create_directories(folder + "/store.unfinished");
  const auto file = CreateClusterFile(ClusterFilePath(folder), "sofia.one", entropy_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(InitMetadata(folder, "other.name", entropy_).ok());
  const auto cluster = InitMetadata(folder, "sofia.one", entropy_);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_EQ(cluster->uuid, file->uuid);
}

TEST_F(MetadataStoreTest, WhatIsNotThereSaysHowToMakeIt) {
  env::PosixReactor reactor;
  const absl::Status none = OpenMetadataStore(FolderOf("none"), reactor).status();
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_NE(none.message().find("metadata init"), absl::string_view::npos) << none;
}

TEST_F(MetadataStoreTest, RestoreBringsTheClusterBack) {
  const std::string folder = FolderOf("lost"), again = FolderOf("again");
  const std::string backup = testing::TempDir() + "/backup";
  const absl::StatusOr<ClusterFile> cluster = InitMetadata(folder, "sofia.one", entropy_);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  Backup(folder, backup);
  EXPECT_TRUE(absl::IsAlreadyExists(RestoreMetadata(backup, folder)));
  const absl::Status restored = RestoreMetadata(backup, again);
  ASSERT_TRUE(restored.ok()) << restored;

  env::PosixReactor reactor;
  const auto store = OpenMetadataStore(again, reactor);
  ASSERT_TRUE(store.ok()) << store.status();
  metadata::State state((*store)->state());
  ASSERT_TRUE(state.Load().ok());
  EXPECT_EQ(state.cluster().uuid(), std::string(cluster->uuid.begin(), cluster->uuid.end()));
  EXPECT_EQ(state.applied(), (*store)->log().last_index());
  // Above any that nodes and clients have seen of the first one, however often that was started.
  EXPECT_GT((*store)->term(), 1'000'000'000u);
}

TEST_F(MetadataStoreTest, RestoreRefusesWhatIsDamagedOrOfAnotherCluster) {
  const std::string folder = FolderOf("first"), other = FolderOf("other");
  const std::string backup = testing::TempDir() + "/backup2", damaged = backup + ".damaged";
  ASSERT_TRUE(InitMetadata(folder, "sofia.one", entropy_).ok());
  Backup(folder, backup);
  std::filesystem::copy_file(backup, damaged, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(damaged, std::filesystem::file_size(damaged) - 1);

  EXPECT_TRUE(absl::IsDataLoss(RestoreMetadata(damaged, other)));
  EXPECT_TRUE(absl::IsNotFound(RestoreMetadata(backup + ".none", other)));
  std::filesystem::create_directories(other);
  ASSERT_TRUE(CreateClusterFile(ClusterFilePath(other), "sofia.two", entropy_).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(RestoreMetadata(backup, other)));
  std::filesystem::remove(ClusterFilePath(other));
  EXPECT_TRUE(RestoreMetadata(backup, other).ok());  // nothing was left in the way
}

}  // namespace
}  // namespace storpool::embed
