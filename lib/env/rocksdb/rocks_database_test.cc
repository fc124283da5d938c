#include "lib/env/rocksdb/rocks_database.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::env {
namespace {

using IfMissing = RocksDatabase::IfMissing;

class RocksDatabaseTest : public testing::Test {
 protected:
  RocksDatabaseTest() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~RocksDatabaseTest() override { std::filesystem::remove_all(folder); }
  std::string Path(const std::string& name) const { return (folder / name).string(); }
  static void Put(RocksDatabase& db, const std::string& key, const std::string& value) {
    auto store = db.Store("state");
    ASSERT_TRUE(store.ok()) << store.status();
    KeyValueBatch batch;
    batch.Put(key, value);
    ASSERT_TRUE((*store)->Write(batch, true).ok());
  }
  static std::string Get(RocksDatabase& db, const std::string& key) {
    auto store = db.Store("state");
    const auto value = (*store)->Get(key);
    return value.ok() ? *value : "";
  }
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "rocks_test";
};

TEST_F(RocksDatabaseTest, AMissingOneIsNamed) {
  const auto db = RocksDatabase::Open(Path("nothing"), IfMissing::kFail);
  EXPECT_EQ(db.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(db.status().message().find("nothing"), absl::string_view::npos);
}

TEST_F(RocksDatabaseTest, OneInUseIsNamed) {
  const auto first = RocksDatabase::Open(Path("db"), IfMissing::kCreate);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = RocksDatabase::Open(Path("db"), IfMissing::kCreate);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition) << second.status();
  EXPECT_NE(second.status().message().find("in use"), absl::string_view::npos);
  EXPECT_NE(second.status().message().find(Path("db")), absl::string_view::npos);
}

TEST_F(RocksDatabaseTest, ADamagedOneIsRefused) {
  { ASSERT_TRUE(RocksDatabase::Open(Path("db"), IfMissing::kCreate).ok()); }
  std::ofstream(Path("db") + "/CURRENT") << "rubbish";
  const auto db = RocksDatabase::Open(Path("db"), IfMissing::kFail);
  EXPECT_EQ(db.status().code(), absl::StatusCode::kDataLoss) << db.status();
}

TEST_F(RocksDatabaseTest, BackupHoldsWhatWasWrittenBeforeIt) {
  {
    auto db = *RocksDatabase::Open(Path("db"), IfMissing::kCreate);
    Put(*db, "a", "1");
    ASSERT_TRUE(db->Backup(Path("backup")).ok());
    Put(*db, "a", "2");
    EXPECT_EQ(db->Backup(Path("backup")).code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_EQ(RocksDatabase::Restore(Path("backup"), Path("db")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(RocksDatabase::Restore(Path("nothing"), Path("new")).code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(RocksDatabase::Restore(Path("backup"), Path("new")).ok());
  auto restored = *RocksDatabase::Open(Path("new"), IfMissing::kFail);
  EXPECT_EQ(Get(*restored, "a"), "1");
  restored = nullptr;
  auto db = *RocksDatabase::Open(Path("db"), IfMissing::kFail);
  EXPECT_EQ(Get(*db, "a"), "2");
}

TEST_F(RocksDatabaseTest, StoreAndLogShareADatabase) {
  ManualReactor reactor;
  auto db = *RocksDatabase::Open(Path("db"), IfMissing::kCreate);
  auto log = *db->Log("log", reactor);
  int done = 0;
  log->Append({"x", "y"}, [&](const absl::Status& s) { done += s.ok(); });
  Put(*db, "k", "v");
  reactor.RunUntilIdle();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(log->last_index(), 2u);
  EXPECT_EQ(Get(*db, "k"), "v");
}

}  // namespace
}  // namespace storpool::env
