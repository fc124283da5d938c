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

bool ChainSession::MayStart(const Request& write) const {
  return next_number_ - window_.mark() < kWindowNumbers && !OverlapsAny(writes_.sent(), write) &&
         !OverlapsAny(writes_.unsent(), write);
}

void ChainSession::Start(Request* write) {
  write->order = next_number_++;
  writes_.Add(write);
}

void ChainSession::Add(Request* request) {
  if (!request->is_write()) {
    request->order = next_read_++;
    reads_.Add(request);
  } else if (MayStart(*request) && !OverlapsAny(waiting_, *request)) {
    Start(request);
  } else {
    waiting_.PushBack(request);
  }
}

void ChainSession::End(Request* request) {
  if (!request->is_write()) return reads_.End(request);
  if (request->order == 0) return waiting_.Remove(request);
  writes_.End(request);
  window_.Commit(request->order);
  while (window_.Find(window_.mark()) == RequestWindow::State::kCommitted) {
    window_.RaiseMark(window_.mark() + 1);
  }
  StartWaiting();
}

void ChainSession::StartWaiting() {
  for (Request* r = waiting_.front(); r != nullptr;) {
    if (next_number_ - window_.mark() >= kWindowNumbers) return;
    Request* next = List<Request>::After(r);
    if (MayStart(*r) && !OverlapsAny(waiting_, *r, r)) {
      waiting_.Remove(r);
      Start(r);
    }
    r = next;
  }
}

Request* ChainSession::Any() const {
  for (const List<Request>* list :
       {&waiting_, &writes_.unsent(), &writes_.sent(), &reads_.unsent(), &reads_.sent()}) {
    if (!list->empty()) return list->front();
  }
  return nullptr;
}

}  // namespace storpool::client
