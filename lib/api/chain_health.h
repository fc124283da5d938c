// How a chain is, in the words that `status` and `volume status` use. Pure.
#pragma once

#include <set>
#include <string_view>

#include "lib/metadata/live_view.h"
#include "lib/metadata/state.h"

namespace storpool::api {

struct ChainHealth {
  bool open = false;           // its newest name is opened: it serves
  bool down = false;           // not open, and no serving member of the last opened config is there
  bool degraded = false;       // serves with fewer mirrors than its table asks for
  bool syncing = false;        // a member receives what it missed
  bool moving = false;         // it is on its way to other disks
  uint64_t syncing_bytes = 0;  // estimate of what is left to send
  std::set<uint32_t> missing_disks;  // whom a degraded chain lacks
  std::set<uint32_t> waited_for;     // of one that is down: it goes on as soon as any is there
};

ChainHealth HealthOf(uint32_t chain, const metadata::ChainRecord& record, uint32_t replication,
                     const metadata::State& state, const metadata::LiveView& live);

// Of all chains of one table together.
struct TableHealth {
  uint32_t chains = 0, open = 0, degraded = 0, syncing = 0, down = 0, moving = 0;
  uint64_t syncing_bytes = 0;
  std::set<uint32_t> missing_disks, waited_for;
  std::set<uint32_t> absent_disks;    // that placement wants and that are not up
  std::set<uint32_t> ejecting_disks;  // members that are to be emptied

  // "down", "up soon" (changing members), "syncing", "degraded" or "up": the worst that holds.
  std::string_view Word() const;
};

TableHealth HealthOfTable(const Table& table, const metadata::State& state,
                          const metadata::LiveView& live);

}  // namespace storpool::api
