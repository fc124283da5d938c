#include "lib/client/lane.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/client/times.h"

namespace storpool::client {

Lane::Lane(Side side, ChainId chain, Epoch floor, const directory::Directory& directory,
           NodeConnections& connections, env::Reactor& reactor, LaneOwner& owner)
    : side_(side),
      chain_(chain),
      directory_(directory),
      connections_(connections),
      reactor_(reactor),
      owner_(owner),
      min_epoch_(floor),
      delay_(kRetryFirst),
      pause_(reactor, [this] {
        TakeAim();
        Pump();
      }) {
  TakeAim();
}

const model::ChainConfig* Lane::Config() const {
  const model::ChainConfig* opened = directory_.NewestOpened(chain_);
  if (opened != nullptr && opened->epoch >= min_epoch_) return opened;
  const model::ChainConfig* named = directory_.NewestNamed(chain_);
  if (named != nullptr && named->epoch >= min_epoch_) return named;
  return nullptr;
}

void Lane::TakeAim() {
  aim_ = {};
  const model::ChainConfig* config = Config();
  if (config == nullptr) return;
  const size_t serving = config->serving_count();
  const size_t primary = side_ == Side::kHead ? 0 : serving - 1;
  aim_.epoch = config->epoch;
  aim_.primary = attempts_ % serving == 0;
  const DiskId disk = config->members[(primary + attempts_) % serving].disk;
  const std::string_view address = directory_.AddressOf(disk);
  if (!address.empty()) aim_.to = &connections_.At(address);
}

void Lane::Add(Request* request) {
  if (empty()) progress_ = reactor_.Now();
  unsent_.PushBack(request);
  Pump();
}

void Lane::Pump() {
  if (pause_.active()) return;
  if (aim_.to == nullptr) {
    if (!unsent_.empty() && aim_.epoch != Epoch()) Pause();  // this disk has no address: the next
    return;
  }
  while (!unsent_.empty()) {
    if (!aim_.to->ready()) return aim_.to->Want();
    if (!aim_.primary && probe_ != nullptr) return;
    Request* request = unsent_.PopFront();
    request->epoch = aim_.epoch;
    request->sent_to = aim_.to;
    ++request->tries;
    sent_.PushBack(request);
    if (!aim_.primary) probe_ = request;
    owner_.Transmit(*request);
  }
}

void Lane::End(Request* request) {
  if (probe_ == request) probe_ = nullptr;
  if (request->sent_to == nullptr) {
    unsent_.Remove(request);
    return;
  }
  owner_.Forget(*request);
  sent_.Remove(request);
  request->sent_to = nullptr;
  progress_ = reactor_.Now();
  if (attempts_ == 0) return;
  attempts_ = 0;  // somebody answers: back to the head or tail itself
  delay_ = kRetryFirst;
  TakeAim();
  Pump();
}

void Lane::Unsend(Request* request) {
  if (probe_ == request) probe_ = nullptr;
  owner_.Forget(*request);
  sent_.Remove(request);
  request->sent_to = nullptr;
  Line(request);
}

void Lane::Line(Request* request) {
  Request* place = unsent_.back();
  while (place != nullptr && place->order > request->order) place = List<Request>::Before(place);
  unsent_.InsertAfter(place, request);
}

void Lane::Refused(Request* request) {
  const Epoch refused = request->epoch;
  Unsend(request);
  progress_ = reactor_.Now();
  const model::ChainConfig* named = directory_.NewestNamed(chain_);
  if (named != nullptr && named->epoch > refused) {
    min_epoch_ = std::max(min_epoch_, Epoch(refused.value() + 1));
  }
  if (aim_.epoch <= refused) {
    const model::ChainConfig* config = Config();
    if (config != nullptr && config->epoch > refused) return GoOn();
    if (!pause_.active()) Pause();
    return;
  }
  Pump();
}

void Lane::Repeat(Request* request) {
  Unsend(request);
  Pump();
}

void Lane::RepeatAll() {
  while (!sent_.empty()) Unsend(sent_.back());
  Pump();
}

void Lane::TakeOut(Request* request) {
  if (request->sent_to != nullptr) Unsend(request);
  unsent_.Remove(request);
}

void Lane::PutBack(Request* request) {
  if (empty()) progress_ = reactor_.Now();
  Line(request);
  Pump();
}

// The next member after a while; what is added meanwhile waits too.
void Lane::Pause() {
  ++attempts_;
  pause_.StartIn(delay_);
  delay_ = std::min(delay_ * 2, kRetryMax);
}

// Something has changed: ask the head or tail itself, now.
void Lane::GoOn() {
  attempts_ = 0;
  delay_ = kRetryFirst;
  pause_.Stop();
  TakeAim();
  Pump();
}

void Lane::OnChain() {
  const model::ChainConfig* config = Config();
  if (config != nullptr) {
    // What is out in an older epoch is repeated in this one: its answer may never come.
    for (Request* r = sent_.front(); r != nullptr;) {
      Request* next = List<Request>::After(r);
      if (r->epoch < config->epoch) Unsend(r);
      r = next;
    }
  }
  GoOn();
}

void Lane::OnConnectionReady(const NodeConnection& connection) {
  if (aim_.to == &connection) Pump();
}

void Lane::OnConnectionLost(const NodeConnection& connection, bool was_ready) {
  for (Request* r = sent_.front(); r != nullptr;) {
    Request* next = List<Request>::After(r);
    if (r->sent_to == &connection) Unsend(r);
    r = next;
  }
  if (unsent_.empty() || pause_.active()) return;
  if (aim_.to == &connection && !was_ready) return Pause();
  Pump();
}

void Lane::OnTick() {
  if (empty() || pause_.active() || reactor_.Now() - progress_ < kPatience) return;
  progress_ = reactor_.Now();
  if (!sent_.empty()) {
    sent_.front()->sent_to->Suspect();
    Unsend(sent_.front());
  }
  ++attempts_;
  TakeAim();
  Pump();
}

Request* Lane::Find(uint64_t order) const {
  for (Request* r = sent_.front(); r != nullptr; r = List<Request>::After(r)) {
    if (r->order == order) return r;
  }
  for (Request* r = unsent_.front(); r != nullptr; r = List<Request>::After(r)) {
    if (r->order == order) return r;
  }
  return nullptr;
}

}  // namespace storpool::client
