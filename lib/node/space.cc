#include "lib/node/space.h"

#include <utility>

#include "lib/node/chain_host.h"
#include "lib/node/chain_table.h"
#include "lib/node/disk_host.h"
#include "lib/node/lines.h"
#include "lib/node/metadata_session.h"

namespace storpool::node {
namespace {

constexpr int kLayersPerAnswer = 2000;

}  // namespace

Space::Space(Services& services)
    : services_(services), timer_(services.reactor, [this] { OnTurn(); }) {}

void Space::OnOrder(const SpaceOrder& order) {
  Count& count = orders_.emplace_back();
  count.id = order.id();
  for (const uint64_t lineage : order.lineages()) {
    for (DiskHost* disk : services_.chains->disks()) {
      count.left.emplace_back(disk->id(), LineageId(lineage));
    }
  }
  Begin(count);
  timer_.StartIn(Duration());
}

// The next disk and lineage. False: it has nothing to count.
bool Space::Begin(Count& count) const {
  count.counter = {};
  if (count.left.empty()) return false;
  const auto [id, lineage] = count.left.front();
  const model::Line* line = services_.lines->Find(lineage);
  DiskHost* disk = services_.chains->DiskHere(id);
  if (line == nullptr || disk->failed()) return false;
  count.counter.lineage = lineage;
  count.counter.line = line->view;
  for (const auto& [chain, host] : disk->chains()) {
    if (host->is_tail()) count.counter.chains.push_back(chain);
  }
  return true;
}

void Space::OnTurn() {
  Count& count = orders_.front();
  DiskHost* disk =
      count.left.empty() ? nullptr : services_.chains->DiskHere(count.left.front().first);
  chunkstore::LayerCounter& counter = count.counter;
  if (disk != nullptr && counter.line != nullptr && !disk->failed()) {
    disk->store().CountLayers(&counter);
  } else {
    counter.at_end = true;
  }
  if (counter.at_end && !count.left.empty()) {
    for (const auto& [layer, found] : counter.counts) {
      chunkstore::LayerCount& sum = count.counts[{counter.lineage, layer}];
      sum.stored_blocks += found.stored_blocks;
      sum.freed_blocks += found.freed_blocks;
    }
    count.left.pop_front();
    Begin(count);
  }
  if (count.left.empty()) {
    Answer(count);
    orders_.pop_front();
  }
  if (!orders_.empty()) timer_.StartIn(Duration());
}

void Space::Answer(const Count& count) {
  ToMetadata message;
  SpaceAnswer& answer = *message.mutable_space();
  answer.set_id(count.id);
  for (const auto& [key, found] : count.counts) {
    if (answer.layers_size() >= kLayersPerAnswer) {
      answer.set_more(true);
      services_.metadata->Send(message);
      answer.clear_layers();
      answer.set_more(false);
    }
    LayerSpace& layer = *answer.add_layers();
    layer.set_lineage(key.first.value());
    layer.set_layer(key.second.value());
    layer.set_stored_bytes(found.stored_blocks * kBlockBytes);
    layer.set_freed_bytes(found.freed_blocks * kBlockBytes);
  }
  services_.metadata->Send(message);
}

}  // namespace storpool::node
