// Reads a snapshot that is attached to a client of its own, every place that its volume's load may
// have written, and gives what is there as a picture (write_log.h).
//
// Invariant: a picture is of one reading from begin to end; if the session or the process ends
// meanwhile, all of it is read again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/sim/processes.h"
#include "lib/sim/workload.h"

namespace storpool::sim {

class SnapshotReader final : public ClientUser {
 public:
  SnapshotReader();
  ~SnapshotReader() override;

  // Reads snapshot `name` as soon as it is attached.
  void Begin(std::string name, std::vector<Workload::Range> places);
  const std::string& name() const { return name_; }  // empty: nothing is to be read
  bool done() const { return done_; }
  // Of what is done: kDataLoss if a block could not be read, kInternal if a stamp is not whole.
  const absl::Status& status() const { return status_; }
  const WriteLog::Picture& picture() const { return picture_; }
  void End() { name_.clear(); }
  bool attached() const { return volume_ != nullptr; }

  void OnVolume(client::Volume& volume, env::Reactor& reactor) override;
  void OnDetach() override { detaching_ = true; }
  void OnVolumeGone() override;

 private:
  struct Piece;
  void Next();
  void OnRead(const absl::Status& status);
  void Finish(const absl::Status& status);

  std::string name_;
  std::vector<Workload::Range> places_;
  client::Volume* volume_ = nullptr;
  bool detaching_ = false;
  size_t next_ = 0;               // of places_
  std::unique_ptr<Piece> piece_;  // that is being read
  bool done_ = false;
  absl::Status status_;
  WriteLog::Picture picture_;
};

}  // namespace storpool::sim
