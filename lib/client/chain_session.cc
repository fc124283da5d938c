#include "lib/client/chain_session.h"

namespace storpool::client {
namespace {

bool OverlapsAny(const List<Request>& list, const Request& write, const Request* until = nullptr) {
  for (const Request* r = list.front(); r != until; r = List<Request>::After(r)) {
    if (r->Overlaps(write)) return true;
  }
  return false;
}

}  // namespace

bool ChainSession::HasNumbers(uint32_t more) const {
  return next_number_ - window_.mark() + reserved_ + more < kWindowNumbers;
}

bool ChainSession::MayStart(const Request& write) const {
  return !held_ && HasNumbers(write.reserved) && !OverlapsAny(writes_.sent(), write) &&
         !OverlapsAny(writes_.unsent(), write) && !OverlapsAny(parked_, write);
}

void ChainSession::Start(Request* write) {
  reserved_ += write->reserved;
  write->order = next_number_++;
  writes_.Add(write);
}

void ChainSession::Add(Request* request) {
  if (!request->is_write()) {
    request->order = next_read_++;
    reads_.Add(request);
  } else if (!starved_ && MayStart(*request) && !OverlapsAny(waiting_, *request)) {
    Start(request);
  } else {
    starved_ = starved_ || !HasNumbers(request->reserved);
    waiting_.PushBack(request);
  }
}

void ChainSession::Hold(bool held) {
  held_ = held;
  if (!held_) StartWaiting();
}

bool ChainSession::HasOlderThan(LayerId layer) const {
  for (const List<Request>* list : {&parked_, &writes_.unsent(), &writes_.sent()}) {
    for (const Request* r = list->front(); r != nullptr; r = List<Request>::After(r)) {
      if (r->oldest_layer != LayerId() && r->oldest_layer < layer) return true;
    }
  }
  return false;
}

void ChainSession::Park(Request* write) {
  writes_.TakeOut(write);
  parked_.PushBack(write);
  write->parked = true;
}

void ChainSession::Resume(Request* write) {
  parked_.Remove(write);
  write->parked = false;
  writes_.PutBack(write);
}

void ChainSession::AddFill(Request* fill, Request* write) {
  SP_CHECK(write->reserved > 0);
  --write->reserved;
  --reserved_;
  Start(fill);
}

void ChainSession::End(Request* request) {
  if (!request->is_write()) return reads_.End(request);
  if (request->order == 0) {
    waiting_.Remove(request);
    return;
  }
  if (request->parked) {
    parked_.Remove(request);
  } else {
    writes_.End(request);
  }
  reserved_ -= request->reserved;
  window_.Commit(request->order);
  while (window_.Find(window_.mark()) == RequestWindow::State::kCommitted) {
    window_.RaiseMark(window_.mark() + 1);
  }
  StartWaiting();
}

void ChainSession::StartWaiting() {
  starved_ = false;
  for (Request* r = waiting_.front(); r != nullptr;) {
    starved_ = !HasNumbers(r->reserved);
    if (starved_) return;
    Request* next = List<Request>::After(r);
    if (MayStart(*r) && !OverlapsAny(waiting_, *r, r)) {
      waiting_.Remove(r);
      Start(r);
    }
    r = next;
  }
}

Request* ChainSession::FindFill() const {
  for (const List<Request>* list : {&waiting_, &writes_.unsent(), &writes_.sent()}) {
    for (Request* r = list->front(); r != nullptr; r = List<Request>::After(r)) {
      if (r->kind == RequestKind::kFill) return r;
    }
  }
  return nullptr;
}

Request* ChainSession::Any() const {
  for (const List<Request>* list : {&waiting_, &parked_, &writes_.unsent(), &writes_.sent(),
                                    &reads_.unsent(), &reads_.sent()}) {
    if (!list->empty()) return list->front();
  }
  return nullptr;
}

}  // namespace storpool::client
