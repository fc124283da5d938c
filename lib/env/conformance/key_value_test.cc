// The contract of lib/env/key_value.h, over memory and RocksDB.
#include <filesystem>
#include <map>

#include "gtest/gtest.h"
#include "lib/base/random.h"
#include "lib/env/memory/memory_key_value.h"
#include "lib/env/rocksdb/rocks_database.h"

namespace storpool::env {
namespace {

// A store that a process can leave and open again.
class KeyValueWorld {
 public:
  explicit KeyValueWorld(bool rocks) : rocks_(rocks) {
    std::filesystem::remove_all(path_);
    Reopen();
  }
  ~KeyValueWorld() {
    store_ = nullptr;
    db_ = nullptr;
    std::filesystem::remove_all(path_);
  }
  KeyValueStore& store() { return rocks_ ? *store_ : memory_; }
  void Reopen() {
    if (!rocks_) return;
    store_ = nullptr;
    db_ = nullptr;
    db_ = *RocksDatabase::Open(path_, RocksDatabase::IfMissing::kCreate);
    store_ = *db_->Store("state");
  }

 private:
  const bool rocks_;
  const std::string path_ = testing::TempDir() + "/key_value_test";
  MemoryKeyValueStore memory_;
  std::unique_ptr<RocksDatabase> db_;
  std::unique_ptr<KeyValueStore> store_;
};

using Rows = std::vector<std::pair<std::string, std::string>>;

class KeyValueTest : public testing::TestWithParam<bool> {
 protected:
  Rows ScanAll(std::string_view prefix, size_t rows_max = SIZE_MAX) {
    Rows rows;
    EXPECT_TRUE(world.store()
                    .Scan(prefix,
                          [&](std::string_view key, std::string_view value) {
                            rows.emplace_back(key, value);
                            return rows.size() < rows_max;
                          })
                    .ok());
    return rows;
  }
  void Write(std::initializer_list<std::pair<const char*, const char*>> puts) {
    KeyValueBatch batch;
    for (const auto& [key, value] : puts) batch.Put(key, value);
    ASSERT_TRUE(world.store().Write(batch, false).ok());
  }
  KeyValueWorld world{GetParam()};
};

TEST_P(KeyValueTest, GetsWhatWasPutAndNotWhatWasDeleted) {
  Write({{"a", "1"}, {"b", "2"}});
  KeyValueBatch batch;
  batch.Delete("a");
  batch.Put("b", "3");
  ASSERT_TRUE(world.store().Write(batch, true).ok());
  EXPECT_EQ(world.store().Get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*world.store().Get("b"), "3");
}

TEST_P(KeyValueTest, LaterChangesOfABatchWin) {
  KeyValueBatch batch;
  batch.Put("k", "1");
  batch.Delete("k");
  batch.Put("k", "2");
  ASSERT_TRUE(world.store().Write(batch, true).ok());
  EXPECT_EQ(*world.store().Get("k"), "2");
}

TEST_P(KeyValueTest, ScansAPrefixInOrderAndStopsWhenTold) {
  Write({{"p/2", "b"}, {"p/1", "a"}, {"q", "x"}, {"p", "0"}, {"p/\xff", "z"}});
  EXPECT_EQ(ScanAll("p/"), (Rows{{"p/1", "a"}, {"p/2", "b"}, {"p/\xff", "z"}}));
  EXPECT_EQ(ScanAll("p/", 1), (Rows{{"p/1", "a"}}));
  EXPECT_EQ(ScanAll("").size(), 5u);
  EXPECT_TRUE(ScanAll("r").empty());
}

TEST_P(KeyValueTest, KeysAndValuesAreBytes) {
  KeyValueBatch batch;
  batch.Put(std::string("\0k\xff", 3), std::string("\0\0", 2));
  ASSERT_TRUE(world.store().Write(batch, true).ok());
  EXPECT_EQ(world.store().Get(std::string_view("\0k\xff", 3))->size(), 2u);
}

TEST_P(KeyValueTest, RandomChangesMatchAModelAlsoAfterReopening) {
  Random random(5);
  std::map<std::string, std::string> model;
  for (int i = 0; i < 300; ++i) {
    KeyValueBatch batch;
    for (uint64_t n = random.Below(5); n > 0; --n) {
      const std::string key = "k" + std::to_string(random.Below(40));
      if (random.OneIn(1, 3)) {
        batch.Delete(key);
        model.erase(key);
      } else {
        batch.Put(key, std::to_string(i));
        model[key] = std::to_string(i);
      }
    }
    ASSERT_TRUE(world.store().Write(batch, false).ok());
    if (i % 100 == 99) world.Reopen();
    if (i % 50 != 0) continue;
    EXPECT_EQ(ScanAll(""), Rows(model.begin(), model.end()));
  }
  EXPECT_EQ(ScanAll(""), Rows(model.begin(), model.end()));
}

INSTANTIATE_TEST_SUITE_P(Stores, KeyValueTest, testing::Bool(), [](const auto& info) {
  return info.param ? std::string("RocksDb") : std::string("Memory");
});

TEST(MemoryKeyValueStoreTest, PowerCutKeepsAPrefixWithAllThatIsSynced) {
  Random random(9);
  std::map<int, int> kept;
  for (int run = 0; run < 200; ++run) {
    MemoryKeyValueStore store;
    for (int i = 0; i < 6; ++i) {
      KeyValueBatch batch;
      batch.Put("n" + std::to_string(i), "x");
      ASSERT_TRUE(store.Write(batch, i == 2).ok());
    }
    store.PowerCut(random);
    int count = 0;
    while (store.Get("n" + std::to_string(count)).ok()) ++count;
    ++kept[count];
  }
  EXPECT_EQ(kept.begin()->first, 3);
  EXPECT_EQ(kept.rbegin()->first, 6);
  EXPECT_EQ(kept.size(), 4u);
}

}  // namespace
}  // namespace storpool::env
