#include "lib/env/rocksdb/rocks_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/env/rocksdb/rocks_store.h"

namespace storpool::env {
namespace {

constexpr char kTrimmedKey[] = "t";

std::string EntryKey(uint64_t index) {
  std::string key = "e";
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(index >> shift));
  return key;
}

// 0 if it is none.
uint64_t IndexOf(const rocksdb::Slice& key) {
  if (key.size() != 9 || key[0] != 'e') return 0;
  uint64_t index = 0;
  for (size_t i = 1; i < 9; ++i) index = index << 8 | static_cast<uint8_t>(key[i]);
  return index;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksLog>> RocksLog::Open(rocksdb::DB* db,
                                                         rocksdb::ColumnFamilyHandle* family,
                                                         std::string name, Reactor& reactor) {
  std::unique_ptr<RocksLog> log(new RocksLog(db, family, std::move(name), reactor));
  SP_RETURN_IF_ERROR(log->FindEnds());
  return log;
}

RocksLog::RocksLog(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, std::string name,
                   Reactor& reactor)
    : db_(db), family_(family), name_(std::move(name)), reactor_(reactor) {}

RocksLog::~RocksLog() { reactor_.Unschedule(this); }

absl::Status RocksLog::FindEnds() {
  std::string trimmed;
  const rocksdb::Status found = db_->Get({}, family_, kTrimmedKey, &trimmed);
  if (!found.ok() && !found.IsNotFound()) return RocksError(name_, found);
  trimmed_ = IndexOf(trimmed);
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, family_));
  it->SeekForPrev(EntryKey(UINT64_MAX));
  last_index_ = std::max(trimmed_, it->Valid() ? IndexOf(it->key()) : 0);
  return it->status().ok() ? absl::OkStatus() : RocksError(name_, it->status());
}

void RocksLog::Append(std::vector<std::string> commands,
                      absl::AnyInvocable<void(absl::Status)> done) {
  waiting_.push_back({std::move(commands), std::move(done)});
  reactor_.Schedule(Phase::kSubmit, this);
}

void RocksLog::Subscribe(uint64_t from_index, absl::AnyInvocable<void(const LogEntry&)> on_entry) {
  SP_CHECK(from_index > 0 && next_to_give_ == 0);
  next_to_give_ = from_index;
  on_entry_ = std::move(on_entry);
  reactor_.Schedule(Phase::kSubmit, this);
}

// All that was appended in this turn is one synced write.
void RocksLog::OnPhase(Phase) {
  std::vector<Waiting> batch = std::exchange(waiting_, {});
  const absl::Status status = batch.empty() ? absl::OkStatus() : WriteAll(batch);
  GiveNew();
  for (Waiting& append : batch) append.done(status);
}

absl::Status RocksLog::WriteAll(const std::vector<Waiting>& batch) {
  rocksdb::WriteBatch changes;
  uint64_t index = last_index_;
  for (const Waiting& append : batch) {
    for (const std::string& command : append.commands) {
      const rocksdb::Status put = changes.Put(family_, EntryKey(++index), command);
      if (!put.ok()) return RocksError(absl::StrCat(name_, ": preparing an append"), put);
    }
  }
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status written = db_->Write(options, &changes);
  if (!written.ok()) return RocksError(absl::StrCat(name_, ": appending"), written);
  last_index_ = index;
  return absl::OkStatus();
}

void RocksLog::GiveNew() {
  if (next_to_give_ == 0 || next_to_give_ > last_index_) return;
  SP_CHECK(next_to_give_ > trimmed_);  // else the subscriber's state is older than the log
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, family_));
  for (it->Seek(EntryKey(next_to_give_)); it->Valid(); it->Next()) {
    const uint64_t index = IndexOf(it->key());
    if (index == 0 || index > last_index_) break;
    SP_CHECK(index == next_to_give_);  // no gaps
    ++next_to_give_;
    on_entry_({index, it->value().ToString()});
  }
  SP_CHECK(it->status().ok() && next_to_give_ == last_index_ + 1);
}

absl::Status RocksLog::Trim(uint64_t index) {
  index = std::min(index, last_index_);
  if (index <= trimmed_) return absl::OkStatus();
  rocksdb::WriteBatch changes;
  rocksdb::Status status =
      changes.DeleteRange(family_, EntryKey(trimmed_ + 1), EntryKey(index + 1));
  if (status.ok()) status = changes.Put(family_, kTrimmedKey, EntryKey(index));
  if (status.ok()) status = db_->Write({}, &changes);
  if (!status.ok()) return RocksError(absl::StrCat(name_, ": trimming"), status);
  trimmed_ = index;
  return absl::OkStatus();
}

}  // namespace storpool::env
