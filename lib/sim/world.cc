#include "lib/sim/world.h"

#include <algorithm>

namespace storpool::sim {

void Trace::Add(std::string_view text) {
  uint64_t word = 0;
  int bytes = 0;
  for (const char c : text) {
    word = word << 8 | static_cast<uint8_t>(c);
    if (++bytes % 8 == 0) {
      Add(word);
      word = 0;
    }
  }
  Add(word ^ (uint64_t{text.size()} << 56));
}

// Leaves the world with its process.
class World::WorldReactor final : public env::ManualReactor {
 public:
  explicit WorldReactor(World& world) : ManualReactor(&world.clock_), world_(world) {
    world_.reactors_.push_back(this);
  }
  ~WorldReactor() override { std::erase(world_.reactors_, this); }

 private:
  World& world_;
};

std::unique_ptr<env::ManualReactor> World::MakeReactor() {
  return std::make_unique<WorldReactor>(*this);
}

bool World::Step(Instant limit) {
  ready_.clear();
  Instant next = Instant::Max();
  for (env::ManualReactor* reactor : reactors_) {
    if (reactor->ready()) ready_.push_back(reactor);
    next = std::min(next, reactor->next_timer());
  }
  if (!ready_.empty()) {
    const size_t chosen = ready_.size() == 1 ? 0 : random_.Below(ready_.size());
    trace_.Add(chosen << 32 | ready_.size());
    return ready_[chosen]->RunTurn();
  }
  if (next > limit) {
    clock_.AdvanceTo(limit);
    return false;
  }
  clock_.AdvanceTo(std::max(next, now()));
  trace_.Add(static_cast<uint64_t>(now().nanos()));
  return true;
}

bool World::RunUntil(Instant limit, const std::function<bool()>& done) {
  while (!done()) {
    if (!Step(limit)) return done();
  }
  return true;
}

}  // namespace storpool::sim
