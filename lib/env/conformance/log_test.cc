// The contract of lib/env/replicated_log.h, over memory and RocksDB.
#include <filesystem>

#include "gtest/gtest.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/env/memory/memory_log.h"
#include "lib/env/rocksdb/rocks_database.h"

namespace storpool::env {
namespace {

class LogTest : public testing::TestWithParam<bool> {
 protected:
  LogTest() {
    std::filesystem::remove_all(path);
    Reopen();
  }
  ~LogTest() override {
    log = nullptr;
    db = nullptr;
    std::filesystem::remove_all(path);
  }
  // As a new process would.
  void Reopen() {
    log = nullptr;
    db = nullptr;
    given.clear();
    if (GetParam()) {
      db = *RocksDatabase::Open(path, RocksDatabase::IfMissing::kCreate);
      log = *db->Log("log", reactor);
    } else {
      log = std::make_unique<MemoryLog>(reactor, &medium);
    }
  }
  void Append(std::vector<std::string> commands) {
    log->Append(std::move(commands), [this](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      given += "!";
    });
  }
  void Subscribe(uint64_t from) {
    log->Subscribe(from, [this](const ReplicatedLog::LogEntry& entry) {
      given += std::to_string(entry.index) + entry.command;
    });
  }
  const std::string path = testing::TempDir() + "/log_test";
  ManualReactor reactor;
  MemoryLogMedium medium;
  std::unique_ptr<RocksDatabase> db;
  std::unique_ptr<ReplicatedLog> log;
  std::string given;  // entries, and "!" for each done
};

TEST_P(LogTest, GivesEntriesBeforeItSaysDoneAndNeverWithinTheCall) {
  Subscribe(1);
  Append({"a", "b"});
  Append({"c"});
  EXPECT_EQ(given, "");
  reactor.RunUntilIdle();
  EXPECT_EQ(given, "1a2b3c!!");
  EXPECT_EQ(log->last_index(), 3u);
}

TEST_P(LogTest, GoesOnAfterReopening) {
  Append({"a", "b"});
  reactor.RunUntilIdle();
  Reopen();
  EXPECT_EQ(log->last_index(), 2u);
  Append({"c"});
  Subscribe(2);
  reactor.RunUntilIdle();
  EXPECT_EQ(given, "2b3c!");
}

TEST_P(LogTest, WhatWasNotDoneWhenTheProcessDiedIsNotThere) {
  Append({"a"});
  Reopen();
  reactor.RunUntilIdle();
  EXPECT_EQ(log->last_index(), 0u);
  EXPECT_EQ(given, "");
}

TEST_P(LogTest, TrimmedEntriesAreGoneAndNumbersGoOn) {
  Append({"a", "b", "c"});
  reactor.RunUntilIdle();
  ASSERT_TRUE(log->Trim(2).ok());
  ASSERT_TRUE(log->Trim(1).ok());
  Reopen();
  EXPECT_EQ(log->last_index(), 3u);
  Subscribe(3);
  reactor.RunUntilIdle();
  EXPECT_EQ(given, "3c");
  ASSERT_TRUE(log->Trim(3).ok());
  Reopen();
  Append({"d"});
  Subscribe(4);
  reactor.RunUntilIdle();
  EXPECT_EQ(given, "4d!");
}

TEST_P(LogTest, AppendsFromWithinCallbacksFollow) {
  Subscribe(1);
  log->Append({"a"}, [this](const absl::Status&) { Append({"b"}); });
  reactor.RunUntilIdle();
  EXPECT_EQ(given, "1a2b!");
}

INSTANTIATE_TEST_SUITE_P(Logs, LogTest, testing::Bool(), [](const auto& info) {
  return info.param ? std::string("RocksDb") : std::string("Memory");
});

TEST(MemoryLogTest, OnlyTheLeaderAppends) {
  ManualReactor reactor;
  MemoryLogMedium medium;
  MemoryLog log(reactor, &medium);
  log.set_leading(false);
  absl::Status status;
  log.Append({"a"}, [&](const absl::Status& s) { status = s; });
  reactor.RunUntilIdle();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(log.last_index(), 0u);
}

}  // namespace
}  // namespace storpool::env
