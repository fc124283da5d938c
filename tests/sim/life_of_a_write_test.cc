// docs/life-of-a-write.md against what passes between the processes.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>

#include "lib/sim/cluster.h"
#include "lib/wire/codec.h"

namespace storpool::sim {
namespace {

std::set<std::string> HopsOfTheDocument() {
  std::set<std::string> hops;
  std::ifstream file("docs/life-of-a-write.md");
  const std::string mark = "- `hop` ";
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(mark);
    if (at != std::string::npos) hops.insert(line.substr(at + mark.size()));
  }
  return hops;
}

// Follows the write that is under way, one at a time.
class Follower {
 public:
  Seams MakeSeams() {
    Seams seams;
    seams.on_send = [this](const std::string& host, wire::Message& m) { OnSend(host, m); };
    seams.on_device = [this](DiskId disk, env::DeviceIo& io) {
      const std::string host = "node" + std::to_string(disk.value() / 100);  // as Cluster has it
      if (io.op == env::DeviceIo::Op::kWrite) Add(host, "device write");
      return false;
    };
    return seams;
  }
  // Of the last write that was answered.
  const std::set<std::string>& hops() const { return done_; }
  uint64_t writes() const { return writes_; }
  void set_cluster(Cluster* cluster) { cluster_ = cluster; }

 private:
  void OnSend(const std::string& host, const wire::Message& message) {
    if (const auto* write = std::get_if<wire::WriteRequest>(&message)) {
      // Alone on its way, and a whole block.
      following_ = ++under_way_ == 1 && write->op == wire::WriteOp::kWrite &&
                   write->sectors == kSectorsPerBlock &&
                   write->first_sector % kSectorsPerBlock == 0;
      if (following_) TakeRoles(write->chain);
      hops_.clear();
    }
    const wire::FrameType type = wire::TypeOf(message);
    const bool of_the_write =
        type == wire::FrameType::kWriteRequest || type == wire::FrameType::kForward ||
        type == wire::FrameType::kProgress || type == wire::FrameType::kRelayAnswer ||
        type == wire::FrameType::kWriteAnswer;
    if (of_the_write) Add(host, wire::TypeName(type));
    if (type != wire::FrameType::kWriteAnswer) return;
    if (--under_way_ > 0 || !following_) return;
    following_ = false;
    ++writes_;
    done_ = hops_;
  }
  void TakeRoles(ChainId chain) {
    const metadata::State& state = cluster_->metadata().leader().state();
    const ChainConfig& config = state.FindChain(chain.raw())->config().named();
    roles_ = {{"client1", "client"}};
    const char* names[] = {"head", "middle", "tail"};
    for (int i = 0; i < 3; ++i) {
      const uint32_t node = state.FindDisk(config.members(i).disk())->disk().node();
      roles_["node" + std::to_string(node)] = names[i];
    }
  }
  void Add(const std::string& host, const std::string& what) {
    if (following_) hops_.insert(roles_[host] + " " + what);
  }

  Cluster* cluster_ = nullptr;
  int under_way_ = 0;
  bool following_ = false;
  uint64_t writes_ = 0;
  std::map<std::string, std::string> roles_;
  std::set<std::string> hops_, done_;
};

TEST(LifeOfAWriteTest, IsAsTheDocumentSays) {
  Follower follower;
  ClusterOptions options{.seed = 1, .seams = follower.MakeSeams()};
  options.load.requests_under_way = 1;
  Cluster cluster(options);
  follower.set_cluster(&cluster);
  ASSERT_TRUE(cluster.SetUp().ok());
  cluster.load().Run(true);
  ASSERT_TRUE(cluster.Await(Duration::Seconds(20), [&] { return follower.writes() >= 10; }));
  EXPECT_EQ(follower.hops(), HopsOfTheDocument());
}

}  // namespace
}  // namespace storpool::sim
