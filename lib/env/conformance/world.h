// What the conformance tests run against: one implementation of the environment, driven from
// outside. Each test of this folder runs over every world, so that what holds in the simulator
// holds in the real world.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/env/device.h"
#include "lib/env/reactor.h"
#include "lib/env/stream.h"

namespace storpool::env {

class World {
 public:
  static constexpr uint64_t kDiskBytes = 4 << 20;

  virtual ~World() = default;
  virtual Reactor& reactor() = 0;
  // Turns until `done`; false if it does not come within a few seconds (of the world's time).
  virtual bool RunUntil(const std::function<bool()>& done) = 0;
  // Lets time pass and everything settle.
  virtual void RunFor(Duration time) = 0;
  // Durable and volatile alike: a disk of kDiskBytes, zeroes at first, the same each time.
  virtual std::unique_ptr<Device> OpenDevice() = 0;
  virtual Network& network() = 0;
  virtual std::string listen_address() = 0;
};

struct WorldKind {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
};

// Memory; posix with TCP and a file; posix with unix sockets; posix flushing by fdatasync.
std::vector<WorldKind> AllWorlds();

class WorldTest : public testing::TestWithParam<WorldKind> {
 protected:
  std::unique_ptr<World> world = GetParam().make();
};

inline std::string WorldName(const testing::TestParamInfo<WorldKind>& info) {
  return info.param.name;
}

}  // namespace storpool::env
