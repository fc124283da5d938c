#include "lib/node/chain_host.h"

#include <variant>

#include "lib/node/chain_table.h"
#include "lib/node/disk_host.h"
#include "lib/node/leases.h"

namespace storpool::node {

ChainHost::ChainHost(Services& services, DiskHost& disk, const ChainRecord& record,
                     std::optional<model::NamedConfig> config)
    : services_(services),
      disk_(disk),
      chain_(record.chain),
      replica_(record, std::move(config), disk.own(), services.started, *services.leases,
               services.pool) {}

bool ChainHost::is_head() const {
  const model::ChainConfig& named = replica_.config().named;
  return !named.members.empty() && named.head().disk == disk_.id();
}

bool ChainHost::is_tail() const {
  const model::ChainConfig& named = replica_.config().named;
  return !named.members.empty() && named.tail().disk == disk_.id();
}

void ChainHost::Run() {
  running_ = true;
  for (size_t i = 0; i < effects_.size(); ++i) {
    chain::Effect effect = effects_.Take(i);
    std::visit([this](auto&& e) { Do(std::move(e)); }, std::move(effect));
  }
  effects_.Clear();
  running_ = false;
  NoticeConfig();
}

// Whom we ask for promises depends on it.
void ChainHost::NoticeConfig() {
  const model::ChainConfig& named = replica_.config().named;
  if (named.epoch == seen_epoch_ && named.opened == seen_opened_) return;
  if (named.epoch != seen_epoch_) services_.leases->Adopted(chain_, named.epoch);
  seen_epoch_ = named.epoch;
  seen_opened_ = named.opened;
  services_.leases->OnConfigChanged();
}

void ChainHost::OnTimer() {
  deadline_ = Instant::Max();
  Step([](chain::Replica& r, Instant now, chain::Effects& out) { r.OnTimer(now, out); });
}

void ChainHost::OnDurable(uint64_t position) {
  const size_t count = records_.PopUpTo(position);
  if (count == 0) return;
  durable_record_ += count;
  Step([this](chain::Replica& r, Instant now, chain::Effects& out) {
    r.OnDurable(durable_record_, now, out);
  });
}

void ChainHost::Do(chain::SetTimer&& e) {
  deadline_ = e.at;
  services_.chains->OnDeadline(deadline_);
}

}  // namespace storpool::node
