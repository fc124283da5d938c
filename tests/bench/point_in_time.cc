// Are snapshots of a group of one instant, and how long do they stop writes? Several volumes under
// load, one chain of stamps over all of them, a snapshot of the group again and again; then every
// snapshot set must hold exactly a prefix of the stamps. See README.md for the options.
#include <grpcpp/create_channel.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "lib/env/posix/posix_clock.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/latencies.h"
#include "tests/bench/point_in_time_options.h"
#include "tests/bench/stamps.h"
#include "tests/bench/steady_writes.h"

namespace storpool::bench {
namespace {

using Device = embed::ClientServer::Device;

const env::Clock& RealClock() {
  static const env::PosixClock clock;
  return clock;
}

void Sleep(Duration time) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(std::max<int64_t>(time.nanos(), 0)));
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
}

// One snapshot of the group.
struct Taken {
  Instant began, ended;                  // of the call
  uint64_t stamps_before, stamps_after;  // acknowledged then
  std::vector<std::string> names;        // by volume
  uint64_t held_us = 0;                  // how long writes were held, as metadata saw it
};

// A read that its thread waits for.
class Read final : public block::BlockIo {
 public:
  absl::Status Run(BenchCluster& cluster, const Device& device, uint64_t offset) {
    op = block::BlockOp::kRead;
    offset_bytes = offset;
    size_bytes = kBlockBytes;
    bytes_.resize(kBlockBytes);
    target = bytes_;
    cluster.Run([&] { device->Start(this); });
    return done_.get_future().get();
  }
  void OnDone(const absl::Status& status) override { done_.set_value(status); }
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
  std::promise<absl::Status> done_;
};

class PointInTime {
 public:
  explicit PointInTime(const PointInTimeOptions& options) : options_(options) {
    places_.devices = options.volumes;
    places_.chunks = static_cast<uint32_t>(options.volume_bytes / kChunkBytes);
    for (uint32_t i = 0; i < options.volumes; ++i) volumes_.push_back(absl::StrCat("volume", i));
  }

  absl::Status Run() {
    ClusterOptions cluster;
    cluster.folder = absl::StrCat(options_.folder, "/storpool-point-in-time.", getpid());
    cluster.volumes = volumes_;
    cluster.volume_bytes = options_.volume_bytes;
    cluster.disk_bytes = options_.disk_bytes;
    auto started = BenchCluster::Start(cluster);
    if (!started.ok()) return started.status();
    cluster_ = *std::move(started);
    admin_ = std::make_unique<cli::AdminClient>(
        std::vector<std::string>{cluster_->metadata_address()}, Connect);
    absl::Status status = StartLoad();
    if (status.ok()) status = TakeAll();
    const absl::Status ended = EndLoad();
    if (status.ok()) status = ended;
    if (status.ok()) status = CheckAll();
    if (status.ok()) Report();
    cluster_->Run([this] {
      stamps_.reset();
      writes_.clear();
      devices_.clear();
    });
    return status;
  }

  bool within_limit() const { return within_limit_; }

 private:
  absl::Status StartLoad() {
    for (const std::string& volume : volumes_) {
      auto device = cluster_->Await(volume);
      if (!device.ok()) return device.status();
      devices_.push_back(*std::move(device));
    }
    cluster_->Run([this] {
      std::vector<block::BlockDevice*> devices;
      for (const Device& device : devices_) devices.push_back(device.get());
      stamps_ = std::make_unique<StampWriter>(devices, places_);
      stamps_->Start();
      for (block::BlockDevice* device : devices) {
        writes_.push_back(std::make_unique<SteadyWrites>(*device, RealClock(), options_.depth,
                                                         writes_.size() + 1));
        writes_.back()->Start();
      }
    });
    Sleep(Duration::Seconds(1));  // a snapshot of an empty volume would say little
    return absl::OkStatus();
  }

  uint64_t Acknowledged() {
    uint64_t stamps = 0;
    cluster_->Run([&] { stamps = stamps_->acknowledged(); });
    return stamps;
  }

  absl::Status TakeAll() {
    for (uint32_t i = 0; i < options_.snapshots; ++i) {
      const Instant began = RealClock().Now();
      absl::Status status = TakeOne(i);
      if (status.ok()) status = Check(taken_.back());
      if (status.ok() && i >= options_.keep) status = DeleteChecked(taken_[i - options_.keep]);
      if (!status.ok()) return status;
      const absl::Status running = cluster_->Check();
      if (!running.ok()) return running;
      Sleep(options_.interval - (RealClock().Now() - began));
    }
    return absl::OkStatus();
  }

  absl::Status TakeOne(uint32_t number) {
    SnapshotCreateRequest request;
    request.set_group(true);
    Taken taken;
    for (const std::string& volume : volumes_) {
      SnapshotCreateRequest::One& one = *request.add_volumes();
      one.set_volume(volume);
      one.set_name(absl::StrCat(volume, ".", number));
      taken.names.push_back(one.name());
    }
    taken.stamps_before = Acknowledged();
    taken.began = RealClock().Now();
    const auto answer = admin_->Call(&Admin::StubInterface::SnapshotCreate, request);
    taken.ended = RealClock().Now();
    taken.stamps_after = Acknowledged();
    if (answer.ok()) {
      for (const auto& one : answer->snapshots()) {
        taken.held_us = std::max(taken.held_us, one.pause_us());
      }
    }
    taken_.push_back(std::move(taken));
    return answer.status();
  }

  absl::Status EndLoad() {
    cluster_->Run([this] {
      if (stamps_) stamps_->Stop();
      for (const auto& writes : writes_) writes->Stop();
    });
    absl::Status status;
    for (bool done = false; !done; Sleep(Duration::Millis(2))) {
      const absl::Status running = cluster_->Check();
      if (!running.ok()) return running;
      cluster_->Run([&] {
        done = !stamps_ || stamps_->done();
        if (stamps_) status = stamps_->status();
        for (const auto& writes : writes_) {
          done = done && writes->done();
          if (status.ok()) status = writes->status();
        }
      });
    }
    return status;
  }

  absl::Status CheckAll() {
    const size_t kept = std::min<size_t>(options_.keep, taken_.size());
    for (size_t i = taken_.size() - kept; i < taken_.size(); ++i) {
      const absl::Status status = Check(taken_[i]);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // A snapshot never changes: it is checked when it is made, and again before it goes.
  absl::Status DeleteChecked(const Taken& taken) {
    absl::Status status = Check(taken);
    for (const std::string& name : taken.names) {
      VolumeDeleteRequest request;
      request.set_name(name);
      request.set_snapshot(true);
      if (!status.ok()) break;
      status = admin_->Call(&Admin::StubInterface::VolumeDelete, request).status();
    }
    return status;
  }

  absl::Status Check(const Taken& taken) {
    std::vector<uint64_t> found;
    for (const std::string& name : taken.names) {
      const absl::Status status = ReadStamps(name, found);
      if (!status.ok()) return status;
    }
    const auto last = CheckPrefix(places_, found);
    if (!last.ok()) return Named(taken, last.status());
    // What was acknowledged before is in it; what began after its end is not. One stamp may be
    // under way beyond those.
    if (*last < taken.stamps_before || *last > taken.stamps_after + 1) {
      return Named(taken,
                   absl::DataLossError(absl::StrCat("holds the stamps up to ", *last,
                                                    "; acknowledged before: ", taken.stamps_before,
                                                    ", after: ", taken.stamps_after)));
    }
    return absl::OkStatus();
  }

  static absl::Status Named(const Taken& taken, const absl::Status& status) {
    return {status.code(),
            absl::StrCat("snapshot ", taken.names[0], " and those with it: ", status.message())};
  }

  // Appends what a snapshot has at the places of stamps.
  absl::Status ReadStamps(const std::string& name, std::vector<uint64_t>& found) {
    AttachRequest attach;
    attach.set_volume(name);
    attach.set_client(1);
    attach.set_rights(READ_ONLY);
    const auto attached = admin_->Call(&Admin::StubInterface::Attach, attach);
    if (!attached.ok()) return attached.status();
    auto device = cluster_->Await(name);
    absl::Status status = device.status();
    for (uint32_t chunk = 0; chunk < places_.chunks && status.ok(); ++chunk) {
      Read read;
      status = read.Run(*cluster_, *device, uint64_t{chunk} * kChunkBytes);
      if (!status.ok()) break;
      const auto stamp = ReadStamp(read.bytes());
      status = stamp.status();
      if (status.ok()) found.push_back(*stamp);
    }
    if (device.ok()) cluster_->Run([&] { device->reset(); });
    DetachRequest detach;
    detach.set_volume(name);
    detach.set_all(true);
    const auto detached = admin_->Call(&Admin::StubInterface::Detach, detach);
    return status.ok() ? detached.status() : status;
  }

  bool DuringSnapshot(const TimedWrite& write) const {
    // The first snapshot that had not ended when the write began.
    const auto taken = std::partition_point(taken_.begin(), taken_.end(),
                                            [&](const Taken& t) { return t.ended < write.began; });
    return taken != taken_.end() && taken->began <= write.ended;
  }

  void Report() {
    Latencies apart, during, calls, held;
    for (const auto& writes : writes_) {
      for (const TimedWrite& write : writes->writes()) {
        const auto nanos = static_cast<uint64_t>((write.ended - write.began).nanos());
        (DuringSnapshot(write) ? during : apart).Add(nanos);
      }
    }
    for (const Taken& taken : taken_) {
      calls.Add(static_cast<uint64_t>((taken.ended - taken.began).nanos()));
      held.Add(taken.held_us * 1000);
    }
    const double limit_us = 2 * apart.Percentile(0.99) + 5000;
    // For so long new writes waited, by the client's clock. The longest write stands beside it: it
    // has its own way too, as those apart from snapshots have.
    const double pause_us = held.Percentile(1);
    within_limit_ = pause_us <= limit_us;
    std::printf(
        "{\"snapshots\":%zu,\"volumes\":%zu,\"stamps\":%llu,\"writes\":%zu,"
        "\"write_p50_us\":%.0f,\"write_p99_us\":%.0f,\"write_max_us\":%.0f,"
        "\"during_p50_us\":%.0f,\"during_p99_us\":%.0f,\"during_max_us\":%.0f,"
        "\"pause_p50_us\":%.0f,\"pause_max_us\":%.0f,\"pause_limit_us\":%.0f,"
        "\"call_p50_us\":%.0f,\"call_max_us\":%.0f}\n",
        taken_.size(), volumes_.size(), static_cast<unsigned long long>(taken_.back().stamps_after),
        apart.count() + during.count(), apart.Percentile(0.5), apart.Percentile(0.99),
        apart.Percentile(1), during.Percentile(0.5), during.Percentile(0.99), during.Percentile(1),
        held.Percentile(0.5), pause_us, limit_us, calls.Percentile(0.5), calls.Percentile(1));
  }

  const PointInTimeOptions options_;
  StampPlaces places_;
  std::vector<std::string> volumes_;
  std::unique_ptr<BenchCluster> cluster_;
  std::unique_ptr<cli::AdminClient> admin_;
  std::vector<Device> devices_;  // used and let go of on the client's reactor, with what follows
  std::unique_ptr<StampWriter> stamps_;
  std::vector<std::unique_ptr<SteadyWrites>> writes_;
  std::vector<Taken> taken_;  // in order of time
  bool within_limit_ = false;
};

}  // namespace
}  // namespace storpool::bench

int main(int argc, char** argv) {
  using namespace storpool::bench;
  RemoveFoldersWhenInterrupted();
  const auto options = ParsePointInTimeOptions({argv + 1, argv + argc});
  if (!options.ok()) {
    std::fprintf(stderr, "%s\n", std::string(options.status().message()).c_str());
    return 2;
  }
  PointInTime run(*options);
  const absl::Status status = run.Run();
  if (!status.ok()) {
    std::fprintf(stderr, "point_in_time: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  if (options->gate && !run.within_limit()) {
    std::fprintf(stderr, "point_in_time: the longest pause is over its limit\n");
    return 1;
  }
  return 0;
}
