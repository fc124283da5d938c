// Links between members: in order, without holes, mended from the log after a break (5.2.2, 5.3c).
#include "lib/chain/steps.h"

namespace storpool::chain {

void OnForward(ReplicaState& s, wire::Forward&& forward, Effects& out) {
  const DiskId from = forward.common.from;
  const model::Member* expected = s.named().Successor(from);
  if (!s.opened() || expected == nullptr || expected->disk != s.self.disk) return;
  Entry& entry = forward.entry;
  if (entry.version.epoch() != s.epoch || entry.version.sequence() <= s.sequence) return;
  if (entry.version != s.NextVersion()) {  // a hole: once is enough to ask
    if (!s.resend_asked)
      out.Add(Send{from, wire::Resend{s.CommonTo(from), Version(s.epoch, s.sequence)}});
    s.resend_asked = true;
    return;
  }
  s.resend_asked = false;
  entry.arrival = Arrival::kPending;
  Accept(s, std::move(entry), out);
}

void OnResend(ReplicaState& s, const wire::Resend& resend, Effects& out) {
  const model::Member* successor = s.named().Successor(s.self.disk);
  if (!s.opened() || successor == nullptr || successor->disk != resend.common.from) return;
  ReadFeed(s, s.successor_feed, resend.have, out);
}

void FeedEntry(Feed& feed, const Entry& entry, DiskId to, const wire::SyncSession* session,
               const ReplicaState& s, Effects& out) {
  if (feed.stage == Feed::Stage::kReading) feed.held.push_back(entry);
  if (feed.stage != Feed::Stage::kLive) return;
  feed.sent = entry.version;
  if (session == nullptr) {
    out.Add(Send{to, wire::Forward{s.CommonTo(to), entry}});
  } else {
    out.Add(Send{to, wire::SyncStream{s.CommonTo(to), *session, entry}});
  }
}

void ReadFeed(ReplicaState& s, Feed& feed, Version have, Effects& out) {
  feed.stage = Feed::Stage::kReading;
  feed.sent = have;
  feed.held.clear();
  feed.query = ++s.last_query;
  out.Add(StorePendingAbove{feed.query, have});
}

void ResumeFeed(const ReplicaState& s, Feed& feed, DiskId to, const wire::SyncSession* session,
                std::vector<Entry>&& entries, Effects& out) {
  feed.stage = Feed::Stage::kLive;
  feed.query = 0;
  std::vector<Entry> held;
  held.swap(feed.held);
  for (std::vector<Entry>* list : {&entries, &held}) {
    for (const Entry& entry : *list) {
      if (entry.version > feed.sent) FeedEntry(feed, entry, to, session, s, out);
    }
  }
}

}  // namespace storpool::chain
