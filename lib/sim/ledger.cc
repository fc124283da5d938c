#include "lib/sim/ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace storpool::sim {
namespace {

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
  return hash ^ hash >> 32;
}

uint64_t IdentityOf(const Entry& e) {
  uint64_t hash = Mix(static_cast<uint64_t>(e.kind), e.place.lineage.value());
  hash = Mix(hash, e.place.chunk.value());
  hash = Mix(hash, e.place.layer.value());
  hash = Mix(hash, uint64_t{e.place.blocks.first} << 32 | e.place.blocks.count);
  hash = Mix(hash, e.number);
  for (const uint32_t checksum : e.checksums.span()) hash = Mix(hash, checksum);
  return hash;
}

uint64_t IdentityOf(const wire::WriteRequest& r) {
  uint64_t hash = Mix(static_cast<uint64_t>(r.op), r.lineage.value());
  hash = Mix(hash, r.chunk.value());
  hash = Mix(hash, uint64_t{r.first_sector} << 32 | r.sectors);
  for (const uint32_t checksum : r.checksums.span()) hash = Mix(hash, checksum);
  return hash;
}

std::string Name(DiskId disk, ChainId chain) {
  return absl::StrCat("disk ", disk.value(), " chain ", ToString(chain));
}

}  // namespace

void Ledger::Violated(const std::string& text) {
  if (verdict_.ok()) verdict_ = absl::DataLossError(text);
}

bool Ledger::IsDurable(DiskId disk, const Held& held) const {
  if (held.position == 0) return true;
  const auto it = durable_.find(disk);
  return it != durable_.end() && held.position <= it->second;
}

// ---- A store ------------------------------------------------------------------------------------

void Ledger::Recovered(DiskId disk, bool damaged, const std::map<ChainId, ChainRecord>& chains) {
  for (auto& [key, member] : members_) {
    if (key.first != disk) continue;
    const std::string name = Name(disk, key.second);
    const auto record = chains.find(key.second);
    const Version committed = record == chains.end() ? Version() : record->second.committed;
    std::map<Version, const Entry*> pending;
    if (record != chains.end()) {
      for (const Entry& entry : record->second.pending) pending[entry.version] = &entry;
    }
    if (committed > member.store_committed) {
      Violated(absl::StrCat("5.3d: ", name, " recovered W ", ToString(committed),
                            ", but was told only ", ToString(member.store_committed)));
    }
    for (auto it = member.held.begin(); it != member.held.end();) {
      const auto& [version, held] = *it;
      const bool found = version <= committed || pending.contains(version);
      if (!found && !damaged && IsDurable(disk, held)) {
        const bool known = chains_[key.second].committed_up_to >= version;
        Violated(absl::StrCat(known ? "I1: " : "5.3a: ", name, " lost version ", ToString(version),
                              ", which it had reported durable"));
      }
      if (!found) {
        member.gone.insert_or_assign(version, 0);
        it = member.held.erase(it);
      } else {
        it->second.position = 0;
        ++it;
      }
    }
    for (const auto& [version, entry] : pending) {
      const auto gone = member.gone.find(version);
      const bool void_durable =
          gone != member.gone.end() && (gone->second == 0 || gone->second <= durable_[disk]);
      if (void_durable) {
        Violated(absl::StrCat("I5: ", name, " has version ", ToString(version),
                              " again, which was voided or gone when it last recovered"));
      }
      // What recovery hands out has no checksums: whoever appended it knows what it is.
      member.held.try_emplace(version, Held{0, 0, entry->place.lineage, entry->place.layer});
      member.gone.erase(version);
    }
    for (auto& [version, position] : member.gone) {
      if (position <= durable_[disk]) position = 0;
    }
    std::erase_if(member.gone, [](const auto& gone) { return gone.second != 0; });
    member.store_committed = committed;
    if (damaged) member.compared_in = Epoch(kEpochMax);
  }
  durable_[disk] = 0;
}

void Ledger::Appended(DiskId disk, ChainId chain, const Entry& entry, uint64_t position) {
  if (entry.arrival != Arrival::kPending) return;
  Member& member = members_[{disk, chain}];
  member.held[entry.version] = {IdentityOf(entry), position, entry.place.lineage,
                                entry.place.layer};
  member.gone.erase(entry.version);
  if (entry.number != 0) {
    Version& version = chains_[chain].requests[{entry.session, entry.number}];
    version = std::max(version, entry.version);
  }
}

void Ledger::Adopted(ChainId id, const model::NamedConfig& config) {
  Chain::Name& name = chains_[id].names[config.named.epoch];
  name.serving.clear();
  for (const model::Member& m : config.named.members) {
    if (m.role == model::Role::kServing) name.serving.push_back(m.disk);
  }
  if (config.last_opened.epoch == Epoch() || config.last_opened.epoch == config.named.epoch) return;
  name.last_opened = config.last_opened.epoch;
  Opened(config.last_opened);
}

void Ledger::Voided(DiskId disk, ChainId chain, Version above, Epoch below, uint64_t position) {
  Member& member = members_[{disk, chain}];
  for (auto it = member.held.upper_bound(std::max(above, member.store_committed));
       it != member.held.end() && it->first < Version(below, 0);) {
    ++voided_;
    member.gone.insert_or_assign(it->first, position);
    it = member.held.erase(it);
  }
}

void Ledger::Committed(DiskId disk, ChainId chain, Version committed) {
  Version& known = members_[{disk, chain}].store_committed;
  known = std::max(known, committed);
}

void Ledger::Discarded(DiskId disk, ChainId chain) {
  members_[{disk, chain}] = Member();
  members_[{disk, chain}].compared_in = Epoch(kEpochMax);
}

void Ledger::Durable(DiskId disk, uint64_t position) {
  uint64_t& durable = durable_[disk];
  durable = std::max(durable, position);
}

// ---- The wire -----------------------------------------------------------------------------------

void Ledger::Asked(const wire::WriteRequest& request) {
  const uint64_t identity = IdentityOf(request);
  const auto [it, is_new] =
      asked_.emplace(std::tuple(request.chain, request.session, request.number), identity);
  if (it->second == identity) return;
  Violated(absl::StrCat("5.8: session of client ", request.session.client.value(), " generation ",
                        request.session.generation.value(), " uses number ", request.number,
                        " on chain ", ToString(request.chain), " for two requests"));
}

void Ledger::Answered(const wire::WriteAnswer& answer) {
  if (answer.result != wire::Result::kOk) return;
  Chain& chain = chains_[answer.chain];
  const auto request = chain.requests.find({answer.session, answer.number});
  if (request == chain.requests.end()) {
    return Violated(absl::StrCat("I1: chain ", ToString(answer.chain), " acknowledges number ",
                                 answer.number, ", which no store was ever given"));
  }
  Version& highest = chain.acknowledged[request->second.epoch()];
  highest = std::max(highest, request->second);
  chain.to_check.push_back(request->second);
}

void Ledger::Alarmed(const std::string& text) { Violated(absl::StrCat("alarm: ", text)); }

// ---- Between turns ------------------------------------------------------------------------------

void Ledger::LookAt(DiskId disk, const chain::ReplicaState& replica) {
  if (replica.store_failed || replica.damaged) return;
  Member& member = members_[{disk, replica.chain}];
  if (replica.role == chain::Role::kServing && member.store_committed > replica.committed) {
    Violated(absl::StrCat("5.3d: ", Name(disk, replica.chain), ": W of the store is ",
                          ToString(member.store_committed), " and leads the member's own, ",
                          ToString(replica.committed)));
  }
  if (!replica.opened()) return;
  Opened(replica.named());
  const Chain& chain = chains_[replica.chain];
  if (!ServedSince(chain, disk, member.compared_in, replica.epoch)) {
    member.compared = replica.opened_at;
  }
  member.compared_in = replica.epoch;
  Compare(disk, replica.chain, replica.committed);
}

bool Ledger::ServedSince(const Chain& chain, DiskId disk, Epoch since, Epoch until) {
  while (until > since) {
    const auto name = chain.names.find(until);
    if (name == chain.names.end()) return false;
    const std::vector<DiskId>& serving = name->second.serving;
    if (std::find(serving.begin(), serving.end(), disk) == serving.end()) return false;
    until = name->second.last_opened;
  }
  return until == since;
}

std::optional<Epoch> Ledger::VoidedBy(const Chain& chain, Version version) {
  for (auto it = chain.openings.upper_bound(version.epoch()); it != chain.openings.end(); ++it) {
    if (version > it->second) return it->first;
  }
  return std::nullopt;
}

void Ledger::Extend(Chain& chain, ChainId id, const Member& member, Version up_to) {
  for (auto it = member.held.upper_bound(chain.committed_up_to);
       it != member.held.end() && it->first <= up_to; ++it) {
    if (const auto epoch = VoidedBy(chain, it->first)) {
      Violated(absl::StrCat("I5: chain ", ToString(id), " commits version ", ToString(it->first),
                            ", which the opening of epoch ", epoch->value(), " voided"));
    }
    chain.commits.insert(*it);
    LayerId& newest = chain.newest_layer[it->second.lineage];
    if (it->second.layer < newest) {
      Violated(absl::StrCat("I9: chain ", ToString(id), " version ", ToString(it->first),
                            " was ordered in layer ", it->second.layer.value(), " after layer ",
                            newest.value()));
    }
    newest = std::max(newest, it->second.layer);
  }
  chain.committed_up_to = std::max(chain.committed_up_to, up_to);
}

// I3 and I5: what the chain committed is one sequence, and every serving member has it.
void Ledger::Compare(DiskId disk, ChainId id, Version up_to) {
  Member& member = members_[{disk, id}];
  if (up_to <= member.compared) return;
  Chain& chain = chains_[id];
  // Promoted a moment ago: one that has served before says first what was committed until then.
  if (member.compared > chain.committed_up_to) return;
  Extend(chain, id, member, up_to);
  auto mine = member.held.upper_bound(member.compared);
  auto commit = chain.commits.upper_bound(member.compared);
  const auto in_range = [up_to](auto it, const auto& all) {
    return it != all.end() && it->first <= up_to;
  };
  while (in_range(mine, member.held) || in_range(commit, chain.commits)) {
    const bool has_mine = in_range(mine, member.held);
    const bool has_commit = in_range(commit, chain.commits);
    if (!has_mine || (has_commit && commit->first < mine->first)) {
      return Violated(absl::StrCat("I6, I3: ", Name(disk, id), " took W ", ToString(up_to),
                                   " without version ", ToString(commit->first)));
    }
    if (!has_commit || mine->first < commit->first) {
      return Violated(absl::StrCat("I5, I3: ", Name(disk, id), " took W ", ToString(up_to),
                                   " with version ", ToString(mine->first),
                                   ", which the chain did not commit"));
    }
    const bool known = mine->second.identity != 0 && commit->second.identity != 0;
    if (known && mine->second.identity != commit->second.identity) {
      return Violated(absl::StrCat("I3: ", Name(disk, id), " version ", ToString(mine->first),
                                   " is not what another member has under it"));
    }
    ++mine;
    ++commit;
  }
  member.compared = up_to;
}

void Ledger::Opened(const model::ChainConfig& config) {
  Chain& chain = chains_[config.chain];
  if (!chain.openings.emplace(config.epoch, config.opened_at).second) return;
  Chain::Name& name = chain.names[config.epoch];
  name.serving.clear();
  for (const model::Member& m : config.members) {
    if (m.role == model::Role::kServing) name.serving.push_back(m.disk);
  }
  CheckOpenings(config.chain, chain);
}

void Ledger::CheckOpenings(ChainId id, const Chain& chain) {
  for (const auto& [opened, level] : chain.openings) {
    for (const auto& [epoch, highest] : chain.acknowledged) {
      if (epoch >= opened || highest <= level) continue;
      Violated(absl::StrCat("I1: chain ", ToString(id), " epoch ", opened.value(), " opened at ",
                            ToString(level), ", but ", ToString(highest), " was acknowledged"));
    }
  }
}

void Ledger::CheckAcknowledged(ChainId id, Chain& chain) {
  CheckOpenings(id, chain);
  const Epoch opened = chain.openings.rbegin()->first;
  for (const Version version : chain.to_check) {
    for (const DiskId disk : chain.names[opened].serving) {
      const Member& member = members_[{disk, id}];
      // What a promoted member got by the scan is compared at rest.
      if (!ServedSince(chain, disk, member.compared_in, opened)) continue;
      if (version <= member.compared) continue;
      const auto held = member.held.find(version);
      if (held != member.held.end() && IsDurable(disk, held->second)) continue;
      Violated(absl::StrCat("I1: chain ", ToString(id), " version ", ToString(version),
                            " was acknowledged, and disk ", disk.value(), ", which serves, ",
                            held == member.held.end() ? "does not have it" : "may lose it"));
    }
  }
  chain.to_check.clear();
}

void Ledger::LookDone() {
  for (auto& [id, chain] : chains_) {
    if (!chain.to_check.empty()) CheckAcknowledged(id, chain);
  }
}

}  // namespace storpool::sim
