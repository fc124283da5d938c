#include "lib/sim/nemesis.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace storpool::sim {
namespace {

constexpr Duration kLook = Duration::Millis(10);

}  // namespace

Nemesis::Nemesis(Cluster& cluster)
    : cluster_(cluster),
      random_(cluster.world().random().Fork()),
      calm_ms_(static_cast<int>(500 + random_.Below(3000))) {}

Duration Nemesis::Between(int64_t low_ms, int64_t high_ms) {
  return Duration::Millis(
      low_ms + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(high_ms - low_ms))));
}

Duration Nemesis::Span() {
  switch (random_.Below(4)) {
    case 0:
      return Between(10, 300);
    case 1:
      return Between(300, 2000);
    case 2:
      return Between(2000, 5000);
    default:
      return Between(4000, 10000);
  }
}

void Nemesis::Later(Duration delay, std::function<void()> fn) {
  plans_.emplace(cluster_.world().now() + delay, std::move(fn));
}

void Nemesis::RunFor(Duration time, DiskTrouble* trouble, const std::function<void()>& look) {
  World& world = cluster_.world();
  const Instant end = world.now() + time;
  Instant strike = world.now() + Between(100, 2 * calm_ms_);
  while (world.now() < end) {
    look();
    Instant next = std::min({end, strike, world.now() + kLook});
    if (!plans_.empty()) next = std::min(next, plans_.begin()->first);
    if (trouble != nullptr) next = std::min(next, std::max(trouble->next(), world.now()));
    world.RunFor(next - world.now());
    if (trouble != nullptr && trouble->next() <= world.now()) trouble->Act();
    while (!plans_.empty() && plans_.begin()->first <= world.now()) {
      const std::function<void()> plan = std::move(plans_.begin()->second);
      plans_.erase(plans_.begin());
      plan();
    }
    if (world.now() >= strike) {
      Strike();
      strike = world.now() + Between(50, 2 * calm_ms_);
    }
  }
}

void Nemesis::Strike() {
  const uint64_t dice = random_.Below(100);
  if (dice < 16) return KillNode(false);
  if (dice < 34) return KillNode(true);
  if (dice < 42) return KillMetadata();
  if (dice < 52) return KillClient();
  if (dice < 57) return SitePower();
  if (dice < 72) return Partition();
  if (dice < 80) return CutOffMetadata();
  if (dice < 90) return Drop();
  SlowLink();
}

void Nemesis::NodeDown(size_t n, bool power, Duration downtime) {
  SimNode& node = *cluster_.nodes()[n];
  if (!node.running()) return;
  if (power) {
    ++counts_.power_losses;
    cluster_.Silence(node.host(), true);
  } else {
    ++counts_.crashes;
  }
  node.Crash(power);
  Later(downtime, [this, &node, power] {
    if (power) cluster_.Silence(node.host(), false);
    if (!node.running()) node.Start();
  });
}

void Nemesis::KillNode(bool power) {
  NodeDown(random_.Below(cluster_.nodes().size()), power, Span());
}

void Nemesis::KillMetadata() {
  if (!cluster_.metadata().running()) return;
  ++counts_.metadata_crashes;
  cluster_.metadata().Crash(random_.OneIn(1, 2));
  Later(Span(), [this] {
    if (!cluster_.metadata().running()) cluster_.metadata().Start();
  });
}

void Nemesis::KillClient() {
  const bool second = cluster_.snapshots() != nullptr && random_.OneIn(1, 3);
  SimClient& client = second ? cluster_.reader() : cluster_.client();
  if (!client.running()) return;
  ++counts_.client_crashes;
  client.Crash();
  Later(Between(5, 2000), [&client] {
    if (!client.running()) client.Start();
  });
}

void Nemesis::SitePower() {
  for (size_t n = 0; n < cluster_.nodes().size(); ++n) NodeDown(n, true, Between(100, 4000));
  if (cluster_.metadata().running()) {
    ++counts_.metadata_crashes;
    cluster_.metadata().Crash(true);
    Later(Between(100, 4000), [this] {
      if (!cluster_.metadata().running()) cluster_.metadata().Start();
    });
  }
  if (random_.OneIn(1, 2)) KillClient();
}

std::pair<std::string, std::string> Nemesis::Pair() {
  const std::vector<std::string> hosts = cluster_.hosts();
  const size_t a = random_.Below(hosts.size());
  const size_t b = (a + 1 + random_.Below(hosts.size() - 1)) % hosts.size();
  return {hosts[a], hosts[b]};
}

void Nemesis::Partition() {
  ++counts_.partitions;
  const auto [a, b] = Pair();
  env::MemoryNetwork& network = cluster_.site().network;
  const uint64_t kind = random_.Below(3);
  cluster_.site().log.Add("nemesis", absl::StrCat("partition ", kind, " of ", a, " and ", b));
  if (kind == 0) {
    network.Break(a, b, true);
  } else {
    network.Stall(a, b, true);
    if (kind == 1) network.Stall(b, a, true);
  }
  Later(Span(), [&network, a = a, b = b, this] {
    cluster_.site().log.Add("nemesis", absl::StrCat(a, " and ", b, " are joined again"));
    network.Break(a, b, false);
    network.Stall(a, b, false);
    network.Stall(b, a, false);
  });
}

void Nemesis::CutOffMetadata() {
  ++counts_.partitions;
  const std::string host = Pair().first;
  cluster_.site().log.Add("nemesis", absl::StrCat(host, " is cut off from metadata"));
  cluster_.site().control.CutOff(host, true);
  Later(Span(), [this, host] {
    cluster_.site().log.Add("nemesis", absl::StrCat(host, " reaches metadata again"));
    cluster_.site().control.CutOff(host, false);
  });
}

void Nemesis::Drop() {
  ++counts_.drops;
  const auto [a, b] = Pair();
  cluster_.site().log.Add("nemesis", absl::StrCat("drops connections of ", a, " and ", b));
  cluster_.site().network.DropConnections(a, b);
}

void Nemesis::SlowLink() {
  ++counts_.slow_links;
  const auto [a, b] = Pair();
  const int factor = static_cast<int>(5 + random_.Below(200));
  cluster_.site().log.Add("nemesis", absl::StrCat("slows ", a, " and ", b, " by ", factor));
  cluster_.SetSlowness(a, b, factor);
  Later(Span(), [this, a = a, b = b] { cluster_.SetSlowness(a, b, 1); });
}

}  // namespace storpool::sim
