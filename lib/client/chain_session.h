// A session's requests on one chain (design 5.8): the numbers of its writes, the window of 256, and
// the order of writes that overlap.
//
// Invariants: a number is given when a write is first sent, counts up from 1, is never given twice,
// and is below the lowest unanswered one + kWindowNumbers (S1). Of two writes that overlap only the
// earlier one is out; reads wait for nothing.
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

  // The write that is out under this number, or nullptr.
  Request* FindWrite(uint64_t number) const { return writes_.Find(number); }
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
  void Start(Request* write);
  void StartWaiting();

  const ChainId chain_;
  Lane writes_;
  Lane reads_;
  List<Request> waiting_;  // writes without a number, in order of arrival
  RequestWindow window_;   // a number counts as committed here once it has ended
  uint64_t next_number_ = 1;
  uint64_t next_read_ = 1;
};

}  // namespace storpool::client
