// A session's requests on one chain (design 5.8): the numbers of its writes, the window of 256, and
// the order of writes that overlap.
//
// Invariants: a number is given when a write is first sent, counts up from 1, is never given twice,
// and is below the lowest unanswered one + kWindowNumbers (S1). Of two writes that overlap only the
// earlier one is out; reads wait for nothing. Over a foreign parent a small write starts only while
// the window has numbers for its fills too, so that the oldest write can always be completed (9.4).
#pragma once

#include "lib/base/request_window.h"
#include "lib/client/lane.h"
#include "lib/client/request.h"

namespace storpool::client {

class ChainSession {
 public:
  ChainSession(ChainId chain, Epoch floor, const directory::Directory& directory,
               NodeConnections& connections, env::Reactor& reactor, LaneOwner& owner)
      : chain_(chain),
        writes_(Lane::Side::kHead, chain, floor, directory, connections, reactor, owner),
        reads_(Lane::Side::kTail, chain, floor, directory, connections, reactor, owner) {}

  void Add(Request* request);
  // Answered, for good or ill, or its session is over. It is in no list afterwards.
  void End(Request* request);

  // The head needs the base of this write: it keeps its number and its place among the writes that
  // overlap, and is out again after Resume.
  void Park(Request* write);
  void Resume(Request* write);
  // While held, no write starts that has no number yet, but for the fills of those that have (9.3).
  void Hold(bool held);
  // Writes with a number that have not ended.
  bool WritesOut() const { return !writes_.empty() || !parked_.empty(); }
  // Whether one of these was ever sent to a layer older than `layer`.
  bool HasOlderThan(LayerId layer) const;

  // A fill that a parked write waits for: it takes one of the numbers that were kept for it.
  void AddFill(Request* fill, Request* write);

  // The write that is out under this number, or nullptr.
  Request* FindWrite(uint64_t number) const { return writes_.Find(number); }
  // A fill that has not ended; nullptr if there is none.
  Request* FindFill() const;
  Lane& LaneOf(const Request& request) { return request.is_write() ? writes_ : reads_; }
  Lane& writes() { return writes_; }
  Lane& reads() { return reads_; }

  // Any request that has not ended; nullptr if there is none.
  Request* Any() const;

  ChainId chain() const { return chain_; }
  // Every write with a lower number has been answered: what requests carry.
  uint64_t answered_below() const { return window_.mark(); }

 private:
  bool MayStart(const Request& write) const;
  bool HasNumbers(uint32_t more) const;
  void Start(Request* write);
  void StartWaiting();

  const ChainId chain_;
  Lane writes_;
  Lane reads_;
  List<Request> waiting_;  // writes without a number, in order of arrival
  List<Request> parked_;   // with a number, until their base is filled
  RequestWindow window_;   // a number counts as committed here once it has ended
  uint64_t next_number_ = 1;
  uint64_t reserved_ = 0;  // numbers kept for fills
  bool held_ = false;
  bool starved_ = false;  // the first of waiting_ that may go lacks numbers: nobody overtakes it
  uint64_t next_read_ = 1;
};

}  // namespace storpool::client
