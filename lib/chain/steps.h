// The steps of a replica, one file per operation; replica.cc dispatches to them. Each changes the
// state it is named for and adds effects; none calls back.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "lib/chain/effects.h"
#include "lib/chain/state.h"
#include "lib/wire/messages.h"

namespace storpool::chain {

// ---- write.cc: the head orders; every member accepts ----------------------------------------
void OnWrite(ReplicaState& s, wire::WriteRequest&& request, ClientRef client,
             const model::Line& line, Instant now, Effects& out);
// Gives `entry` the next version, appends and forwards it. The head only; credits are spent.
void Order(ReplicaState& s, Entry&& entry, Effects& out);
// Takes an entry with the next version into the log, the pending ring and all feeds.
void Accept(ReplicaState& s, Entry&& entry, Effects& out);
// Remembers an entry that the store has, or is given next, as pending.
void AddPending(ReplicaState& s, const Entry& entry, uint64_t record);
// Whether a write was ordered in a newer layer than that of the request (I9).
bool HasNewerLayer(const ReplicaState& s, const wire::WriteRequest& request);
// Whether the head looks for entries in the whole blocks of a hole: where there is none in the
// lineage, and no foreign parent, it would take up the index for ever and hide nothing.
inline bool LooksForEntries(const wire::WriteRequest& request, uint32_t foreign_blocks) {
  return request.op == wire::WriteOp::kHole && foreign_blocks == 0;
}
void AnswerWriteWith(const ReplicaState& s, const wire::WriteRequest& request, ClientRef client,
                     wire::Result result, Effects& out);
void Hint(const ReplicaState& s, ClientRef client, Effects& out);

// ---- ingress.cc: requests that wait at the head (4.11, 4.13) --------------------------------
// Orders, reads for, or fails what can go on.
void PumpIngress(ReplicaState& s, Instant now, Effects& out);
// Fails those in layers that take no more writes by this line (I9).
void RefuseWrites(ReplicaState& s, const model::Line& line, Instant now, Effects& out);
bool OverlapsIngress(const ReplicaState& s, const wire::WriteRequest& request,
                     const BlockRange& blocks);
void OnLookup(ReplicaState& s, StoreReadResult&& result, Instant now, Effects& out);
// Finishes a lookup whose damaged block was brought from a mirror (nullptr: nobody has it).
void OnExtent(ReplicaState& s, uint64_t query, BlockRange extent, Instant now, Effects& out);
void OnLookupRepaired(ReplicaState& s, uint64_t read, const BlockResult& damaged,
                      const Entry* entry, Instant now, Effects& out);

// ---- forward.cc: links between members, in order, without holes (5.2.2) ---------------------
void OnForward(ReplicaState& s, wire::Forward&& forward, Effects& out);
void OnResend(ReplicaState& s, const wire::Resend& resend, Effects& out);
void FeedEntry(Feed& feed, const Entry& entry, DiskId to, const wire::SyncSession* session,
               const ReplicaState& s, Effects& out);
void ReadFeed(ReplicaState& s, Feed& feed, Version have, Effects& out);
// Sends what was read and what was held; the feed is live again.
void ResumeFeed(const ReplicaState& s, Feed& feed, DiskId to, const wire::SyncSession* session,
                std::vector<Entry>&& entries, Effects& out);

// ---- commit.cc: D, W, answers (5.2.3, 5.2.4) -------------------------------------------------
void AdvanceDurable(ReplicaState& s, Instant now, Effects& out);
void OnReport(ReplicaState& s, DiskId from, Version durable, Instant now, Effects& out);
void LearnCommitted(ReplicaState& s, Version committed, Effects& out);
// Raises W; `answering` at the tail, whose commit it is.
void CommitUpTo(ReplicaState& s, Version committed, bool answering, Effects& out);
void TellCommitted(ReplicaState& s, Effects& out);
void OnRelayAnswer(ReplicaState& s, const wire::RelayAnswer& relay, Effects& out);
// Forgets the pending entries above `level`: they are being voided (5.3e).
void DropPendingAbove(ReplicaState& s, Version level);

// ---- sessions.cc: exactly once and fencing (5.8, 5.9) ---------------------------------------
enum class Admission { kNew, kWaits, kDone, kFenced, kRefused };
Admission Admit(ReplicaState& s, const wire::WriteRequest& request, ClientRef client);
// The highest committed number, or the one below the mark.
uint64_t HighestNumber(const RequestWindow& window);
bool IsFenced(const ReplicaState& s, const Session& session);
SessionState& FindSession(ReplicaState& s, const Session& session);
void CommitNumber(ReplicaState& s, const PendingEntry& entry);
uint64_t RaiseMinimum(ReplicaState& s, const model::Raise& raise, Effects& out);
std::vector<wire::SessionState> CommittedWindows(const ReplicaState& s);
std::vector<model::Raise> MinGenerations(const ReplicaState& s);
// In pieces that fit a frame; the last call has `more` false.
template <class F>
void ForSessionPieces(const ReplicaState& s, F f) {
  const std::vector<wire::SessionState> windows = CommittedWindows(s);
  const std::vector<model::Raise> raises = MinGenerations(s);
  size_t w = 0, r = 0;
  do {
    const size_t w_end = std::min(windows.size(), w + kSessionsPerFrame);
    const size_t r_end = std::min(raises.size(), r + (w == w_end ? kRaisesPerFrame : 0));
    f(std::vector(windows.begin() + w, windows.begin() + w_end),
      std::vector(raises.begin() + r, raises.begin() + r_end),
      w_end < windows.size() || r_end < raises.size());
    w = w_end;
    r = r_end;
  } while (w < windows.size() || r < raises.size());
}
void OnRaise(ReplicaState& s, uint64_t id, const std::vector<model::Raise>& raises, Instant now,
             Effects& out);
void ReportRaised(ReplicaState& s, Effects& out);
void OnEndSession(ReplicaState& s, const Session& session, Effects& out);
void TakeSessions(ReplicaState& s, const std::vector<wire::SessionState>& windows,
                  const std::vector<model::Raise>& raises, Effects& out);

// ---- credits.cc: room (4.11) ----------------------------------------------------------------
// Bytes that the head may still order.
uint64_t CreditAvailable(const ReplicaState& s);
// Asks the members whose credit runs low, or does not cover `waiting_bytes`.
void AskCredits(ReplicaState& s, uint64_t waiting_bytes, Effects& out);
void OnCreditAsk(ReplicaState& s, uint64_t want_bytes, Effects& out);
// What waits for room that no member will grant is answered "no space".
void FailForRoom(ReplicaState& s, Effects& out);
void OnCreditGrant(ReplicaState& s, DiskId from, uint64_t total_bytes, bool denied, Instant now,
                   Effects& out);
void OnCreditRoom(ReplicaState& s, uint64_t bytes, bool granted, Instant now, Effects& out);
// The epoch is over: nothing more will come for what was granted and not used.
void ReturnCredits(ReplicaState& s, Effects& out);

// ---- read.cc: the tail answers (5.4) --------------------------------------------------------
void OnRead(ReplicaState& s, const wire::ReadRequest& request, ClientRef client,
            const model::Line& line, Effects& out);
void OnClientRead(ReplicaState& s, StoreReadResult&& result, Instant now, Effects& out);
// The data is here and whole: answers under the lease, or asks for confirmation.
void AnswerOrConfirm(ReplicaState& s, uint64_t id, Instant now, Effects& out);
void FinishRead(ReplicaState& s, uint64_t id, wire::Result result, Effects& out);
void OnConfirm(ReplicaState& s, const wire::Confirm& confirm, Effects& out);
void OnConfirmAnswer(ReplicaState& s, const wire::ConfirmAnswer& answer, Instant now, Effects& out);
// Looks at the waiting reads again; repeats the question to the members (`ask_again`).
void RetryReads(ReplicaState& s, bool ask_again, Instant now, Effects& out);
void RefuseReads(ReplicaState& s, wire::Result result, Effects& out);
// Of layers that are not in the line any more.
void RefuseReads(ReplicaState& s, const model::Line& line, Effects& out);
uint32_t ForeignBlocks(const model::Line& line, ChunkIndex chunk);

// ---- repair.cc: damaged blocks (4.12) -------------------------------------------------------
void StartRepair(ReplicaState& s, uint64_t waiting, ChunkKey chunk, LayerId layer, uint32_t block,
                 const BlockResult& damaged, Instant now, Effects& out);
void OnRepairRead(ReplicaState& s, const wire::RepairRead& ask, const model::Line& line,
                  Effects& out);
void OnRepairServeRead(ReplicaState& s, StoreReadResult&& result, Effects& out);
void OnRepairAnswer(ReplicaState& s, wire::RepairAnswer&& answer, Instant now, Effects& out);
void RetryRepairs(ReplicaState& s, Instant now, Effects& out);
// Takes over what a step of the scan has found, its entries excepted.
void TakeStep(ChunkWalk& walk, StoreScanResult& result);
// Asks for the next damaged block of that step; false if there is none left to wait for.
bool RepairStep(ReplicaState& s, ChunkWalk& walk, Instant now, Effects& out);
// The block that `walk` waits for was brought, or (nullptr) nobody has it.
void EndRepair(ChunkWalk& walk, const Entry* entry);
// "block 5 of chunk 2 of lineage 7 (version 3.4)"
std::string Describe(const ChunkKey& chunk, const DamagedBlock& block);

// ---- reconfigure.cc: name, adopt, open (5.5 a, b, d, f, h) ----------------------------------
void OnName(ReplicaState& s, const model::NamedConfig& config, Instant now, Effects& out);
// What an opened config, told by metadata or carried with a name, proves.
void LearnOpened(ReplicaState& s, const model::ChainConfig& opened, Effects& out);
// The epoch that this member has adopted and levelled out in is open (5.5d, R17).
void Open(ReplicaState& s, Version opened_at, Effects& out);
void OnRelease(ReplicaState& s, const wire::Release& release, Instant now, Effects& out);
// Leaves the epoch: everything volatile that belongs to it goes.
void EndEpoch(ReplicaState& s, Effects& out);
void AdoptIfDue(ReplicaState& s, Instant now, Effects& out);
void OnAdoptDurable(ReplicaState& s, Instant now, Effects& out);
void OnDiscard(ReplicaState& s, const model::ChainConfig& opened, Effects& out);

// ---- level_out.cc: T (5.5c) -----------------------------------------------------------------
void ReportAdopted(ReplicaState& s, Instant now, Effects& out);
void OnAdopted(ReplicaState& s, const wire::Adopted& adopted, Effects& out);
void DecideLevel(ReplicaState& s, Effects& out);
void OnLevel(ReplicaState& s, Version level, Effects& out);
// Says Leveled as soon as everything that it promises is durable.
void LeveledIfDurable(ReplicaState& s, Effects& out);
void OnLeveled(ReplicaState& s, DiskId from, const wire::Leveled& leveled, Effects& out);
void RepeatChange(ReplicaState& s, Instant now, Effects& out);

// ---- fetch.cc: what a promoted member lacks up to T (5.5c, R16) -----------------------------
void StartFetch(ReplicaState& s, Effects& out);
// The member that `StartFetch` has asked.
DiskId FetchSource(const ReplicaState& s);
void OnFetch(ReplicaState& s, const wire::Fetch& fetch, Effects& out);
void OnFetchEntry(ReplicaState& s, wire::FetchEntry&& fetched, Effects& out);
void OnFetchEnd(ReplicaState& s, const wire::FetchEnd& end, Effects& out);
bool OnFetchChunks(ReplicaState& s, uint64_t id, std::vector<ChunkSize>& chunks, Effects& out);
bool OnFetchScan(ReplicaState& s, StoreScanResult& result, Instant now, Effects& out);
bool OnFetchRepaired(ReplicaState& s, uint64_t repair, const Entry* entry, Instant now,
                     Effects& out);
bool OnFetchPending(ReplicaState& s, StorePendingResult& result, Effects& out);

// ---- resync_source.cc (5.6) -----------------------------------------------------------------
void OnSyncOpen(ReplicaState& s, const wire::SyncOpen& open, Instant now, Effects& out);
void OnSyncAck(ReplicaState& s, const wire::SyncAck& ack, Instant now, Effects& out);
void OnSyncEndAtSource(ReplicaState& s, const wire::SyncEnd& end);
// A new entry, to all targets whose stream has begun.
void FeedSources(ReplicaState& s, const Entry& entry, Effects& out);
// What a scanned entry counts in the window of a session.
inline uint64_t ScanBytes(const Entry& entry) { return entry.payload.size() + 64; }
void EndSource(ReplicaState& s, DiskId target, std::string reason, Effects& out);
bool OnSyncChunks(ReplicaState& s, uint64_t id, std::vector<ChunkSize>& chunks, Instant now,
                  Effects& out);
absl::InlinedVector<ResyncStatus, 1> Resyncs(const ReplicaState& s);
bool OnSyncScan(ReplicaState& s, StoreScanResult& result, Instant now, Effects& out);
bool OnSyncRepaired(ReplicaState& s, uint64_t repair, const Entry* entry, Instant now,
                    Effects& out);
// When a target's turn comes, one may hang, one is to be announced again, or chunks with lost
// blocks are to be scanned again.
Instant NextOfSources(const ReplicaState& s);
void SourcesDue(ReplicaState& s, Instant now, Effects& out);
bool OnSyncPending(ReplicaState& s, StorePendingResult& result, Effects& out);

// ---- resync_target.cc (5.6) -----------------------------------------------------------------
void StartSync(ReplicaState& s, Instant now, Effects& out);
void OnSyncRoom(ReplicaState& s, uint64_t bytes, bool granted, Instant now, Effects& out);
void OnSyncBegin(ReplicaState& s, const wire::SyncBegin& begin, Effects& out);
void OnSyncStream(ReplicaState& s, wire::SyncStream&& stream, Instant now, Effects& out);
void OnSyncScanned(ReplicaState& s, wire::SyncScan&& scan, Instant now, Effects& out);
void OnSyncChunkEnd(ReplicaState& s, const wire::SyncChunkEnd& end, Effects& out);
void OnSyncScanEnd(ReplicaState& s, const wire::SyncScanEnd& end, Effects& out);
// W of the source, from any frame of it.
void OnSourceCommitted(ReplicaState& s, Version committed, Effects& out);
void OnSyncEndAtTarget(ReplicaState& s, const wire::SyncEnd& end, Instant now, Effects& out);
void OnLineKnown(ReplicaState& s, const model::Line& line, Effects& out);
void AdvanceSync(ReplicaState& s, Effects& out);
// Voids the stream, keeps what is committed (5.6, R6).
void BreakSync(ReplicaState& s, Effects& out);
// The session is over, whatever becomes of what it brought.
void ClearSync(ReplicaState& s, Effects& out);
// F can only be what survives the loss of the pending entries.
void LowerCompleteUpTo(ReplicaState& s, Effects& out);
void RepeatSync(ReplicaState& s, Instant now, Effects& out);
// F of this member as far as bases prove it.
Version LowestBase(const ReplicaState& s);
std::optional<Version> DurableBase(const ReplicaState& s);

}  // namespace storpool::chain
