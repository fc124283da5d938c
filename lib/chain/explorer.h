// A random walk through a world: deliveries, crashes, cuts, names, exclusions, returns, client
// restarts, all from one seed; then everything heals and must converge.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/chain/invariants.h"
#include "lib/chain/world.h"

namespace storpool::chain {

struct ExplorerOptions {
  uint64_t seed = 1;
  int disks = 3;
  int steps = 3000;
  bool layers = false;          // snapshots, merges, hand-overs
  bool reuse_sessions = false;  // a planted bug of the client: its next life is the same session
  Tamper tamper;                // a planted bug of the members
};

struct Explored {
  std::vector<std::string> violations;
  size_t writes = 0, reads = 0, opened = 0, voided = 0, crashes = 0, promotions = 0, restarts = 0;
  size_t empty = 0;  // trims of what was never written
  size_t snapshots = 0, merges = 0, hand_overs = 0;
  size_t damaged = 0;  // blocks
};

class Explorer {
 public:
  explicit Explorer(const ExplorerOptions& options);
  Explored Run();

 private:
  struct Client {
    Session session;
    uint64_t next_number = 1;
    std::map<uint64_t, wire::WriteRequest> open;  // unanswered
    uint64_t fence = 0;                           // waits for this raise; 0: none
    std::vector<wire::WriteRequest> stray;        // copies that may still arrive
  };
  struct OpenRead {
    uint32_t block = 0;
    Version at_start;
  };

  void Step();
  void Damage();
  void Metadata();
  void NameSome(bool all);
  void LayerStep();
  void ClientStep();
  void NewWrite(Client& client);
  void SendWrite(const wire::WriteRequest& request);
  void NewRead();
  void Restart(Client& client);
  void GrantFenced();
  void TakeAnswers();
  void CheckRead(const OpenRead& read, const wire::ReadAnswer& answer);
  void Heal();
  const model::ChainConfig& ClientConfig() const;
  DiskId AnyDisk() { return world_.disks()[random_.Below(world_.disks().size())]; }

  ExplorerOptions options_;
  World world_;
  Invariants invariants_;
  Random random_;
  std::vector<Client> clients_;
  std::map<uint64_t, OpenRead> reads_;
  uint64_t next_read_ = 1;
  uint64_t next_content_ = 1;
  uint64_t next_fence_ = 1;
  std::vector<std::string> violations_;
  Explored result_;
};

}  // namespace storpool::chain
