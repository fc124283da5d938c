#include "tests/bench/floor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libaio.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/base/random.h"
#include "tests/bench/floor_loop.h"
#include "tests/bench/latencies.h"

namespace storpool::bench {
namespace {

uint64_t NowNanos() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

double CpuMicros(const rusage& use) {
  const auto micros = [](const timeval& t) {
    return t.tv_sec * 1e6 + static_cast<double>(t.tv_usec);
  };
  return micros(use.ru_utime) + micros(use.ru_stime);
}

// A member of the chain: forwards, writes, reports; the tail counts reports and answers.
class FloorMember final : public FloorLoop {
 public:
  FloorMember(const FloorOptions& options, int file)
      : FloorLoop(options.depth, options.block_bytes),
        options_(options),
        file_(file),
        requests_(options.depth) {
    if (io_setup(static_cast<int>(2 * options.depth + 2), &aio_) != 0) FloorFails("io_setup");
    event_ = eventfd(0, EFD_NONBLOCK);
    if (event_ < 0) FloorFails("eventfd");
    Watch(event_);
  }

  FloorConnection* next = nullptr;     // the successor
  FloorConnection* reports = nullptr;  // to the tail; nullptr: this is the tail
  FloorConnection* client = nullptr;   // tail only

 private:
  struct Request {
    FloorHead head, forward, answer;
    iocb control = {};
    uint32_t durable_on = 0;  // tail: how many members
  };

  void OnHead(FloorConnection&, const FloorHead& head) override {
    if (head.kind != FloorFrame::kWrite || next == nullptr) return;
    Request& request = requests_[head.slot];
    request.forward = head;
    next->Queue(&request.forward, sizeof request.forward);
  }
  void OnPiece(FloorConnection&, const FloorHead& head, size_t at, size_t size_bytes) override {
    if (next != nullptr) next->Queue(Body(head.slot) + at, size_bytes);
  }
  void OnFrame(FloorConnection&, const FloorHead& head) override {
    if (head.kind == FloorFrame::kReport) return Count(head.slot);
    Request& request = requests_[head.slot];
    request.head = head;
    const auto offset = static_cast<long long>(head.offset_bytes);
    if (head.kind == FloorFrame::kRead) {
      io_prep_pread(&request.control, file_, Body(head.slot), head.body_bytes, offset);
    } else {
      io_prep_pwrite(&request.control, file_, Body(head.slot), head.body_bytes, offset);
      if (options_.sync == FloorSync::kDsync) request.control.aio_rw_flags = RWF_DSYNC;
    }
    Submit(&request.control, &request);
  }

  void Submit(iocb* control, Request* request) {
    io_set_eventfd(control, event_);
    control->data = request;
    batch_.push_back(control);
  }

  void BeforeSleep() override {
    if (!flushing_ && !written_.empty()) {
      flushing_ = true;
      flushed_.swap(written_);
      io_prep_fdsync(&flush_, file_);
      Submit(&flush_, nullptr);
    }
    for (size_t done = 0; done < batch_.size();) {
      const int n = io_submit(aio_, static_cast<long>(batch_.size() - done), &batch_[done]);
      if (n < 0) errno = -n, FloorFails("io_submit");
      done += static_cast<size_t>(n);
    }
    batch_.clear();
  }

  void OnEvent() override {
    uint64_t count = 0;
    if (read(event_, &count, sizeof count) < 0) return;
    std::array<io_event, 64> done;
    timespec now = {};
    int n = 0;
    do {
      n = io_getevents(aio_, 0, static_cast<long>(done.size()), done.data(), &now);
      for (int i = 0; i < n; ++i) Finish(done[i]);
    } while (n == static_cast<int>(done.size()));
  }

  void Finish(const io_event& event) {
    auto* request = static_cast<Request*>(event.data);
    const auto result = static_cast<int64_t>(event.res);
    if (result < 0 || (request != nullptr && result != request->head.body_bytes)) {
      errno = result < 0 ? static_cast<int>(-result) : EIO;
      FloorFails("device");
    }
    if (request == nullptr) {
      flushing_ = false;
      for (Request* r : flushed_) Durable(*r);
      flushed_.clear();
    } else if (request->head.kind == FloorFrame::kRead) {
      request->answer = request->head;
      request->answer.kind = FloorFrame::kContent;
      client->Queue(&request->answer, sizeof request->answer);
      client->Queue(Body(request->head.slot), request->head.body_bytes);
    } else if (options_.sync == FloorSync::kFdatasync) {
      written_.push_back(request);
    } else {
      Durable(*request);
    }
  }

  void Durable(Request& request) {
    if (reports == nullptr) return Count(request.head.slot);
    request.answer = {FloorFrame::kReport, request.head.slot, 0, 0, 0};
    reports->Queue(&request.answer, sizeof request.answer);
  }

  void Count(uint32_t slot) {
    Request& request = requests_[slot];
    if (++request.durable_on < options_.replicas) return;
    request.durable_on = 0;
    request.answer = {FloorFrame::kDone, slot, 0, 0, 0};
    client->Queue(&request.answer, sizeof request.answer);
  }

  const FloorOptions options_;
  const int file_;
  int event_ = -1;
  io_context_t aio_ = nullptr;
  std::vector<Request> requests_;
  std::vector<iocb*> batch_;
  std::vector<Request*> written_, flushed_;  // before, and under, the flush
  iocb flush_ = {};
  bool flushing_ = false;
};

class FloorClient final : public FloorLoop {
 public:
  explicit FloorClient(const FloorOptions& options)
      : FloorLoop(options.depth, options.block_bytes), options_(options), slots_(options.depth) {}

  FloorConnection* head = nullptr;
  FloorConnection* tail = nullptr;
  Latencies latencies;
  uint64_t operations = 0;

  void Measure() {
    begin_ = NowNanos() + static_cast<uint64_t>(options_.warm_up_seconds * 1e9);
    end_ = begin_ + static_cast<uint64_t>(options_.seconds * 1e9);
    latencies.Reserve(1 << 20);
    for (uint32_t slot = 0; slot < options_.depth; ++slot) Issue(slot);
    Run();
  }

 private:
  struct Slot {
    FloorHead head;
    uint64_t started_nanos = 0;
  };

  void Issue(uint32_t slot) {
    Slot& s = slots_[slot];
    const uint64_t blocks = options_.file_bytes / options_.block_bytes;
    s.head = {options_.read ? FloorFrame::kRead : FloorFrame::kWrite, slot,
              random_.Below(blocks) * options_.block_bytes, options_.block_bytes, 0};
    s.started_nanos = NowNanos();
    FloorConnection* to = options_.read ? tail : head;
    to->Queue(&s.head, sizeof s.head);
    if (!options_.read) to->Queue(Body(slot), options_.block_bytes);
  }

  void OnFrame(FloorConnection&, const FloorHead& frame) override {
    const uint64_t now = NowNanos();
    const Slot& s = slots_[frame.slot];
    ++operations;
    if (s.started_nanos >= begin_ && now <= end_) latencies.Add(now - s.started_nanos);
    if (now > end_) return Stop();
    Issue(frame.slot);
  }

  const FloorOptions options_;
  std::vector<Slot> slots_;
  Random random_{20240607};
  uint64_t begin_ = 0, end_ = 0;
};

struct Ends {
  int from = -1, to = -1;
};

Ends Connect() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || bind(listener, any, size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, any, &size) != 0) {
    FloorFails("listen");
  }
  Ends ends;
  ends.from = socket(AF_INET, SOCK_STREAM, 0);
  if (ends.from < 0 || connect(ends.from, any, size) != 0) FloorFails("connect");
  ends.to = accept(listener, nullptr, nullptr);
  if (ends.to < 0) FloorFails("accept");
  close(listener);
  const int on = 1;
  for (int fd : {ends.from, ends.to}) {
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) FloorFails("TCP_NODELAY");
  }
  return ends;
}

// Every byte is written, so that no write of the run allocates.
absl::Status FillFile(int fd, uint64_t size_bytes) {
  constexpr size_t kPiece = 1 << 20;
  const std::unique_ptr<void, decltype(&std::free)> piece(std::aligned_alloc(4096, kPiece),
                                                          &std::free);
  std::memset(piece.get(), 1, kPiece);
  for (uint64_t at = 0; at < size_bytes; at += kPiece) {
    if (pwrite(fd, piece.get(), kPiece, static_cast<off_t>(at)) != static_cast<ssize_t>(kPiece)) {
      return absl::ErrnoToStatus(errno, "cannot write the floor's file");
    }
  }
  return fsync(fd) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "fsync");
}

// The name is gone already unless the file is to be kept.
absl::StatusOr<int> OpenFile(const FloorOptions& options, uint32_t number) {
  if (options.read && !options.read_file.empty()) {
    const int fd = open(options.read_file.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", options.read_file));
    return fd;
  }
  const bool keep = !options.kept_files.empty();
  const std::string path = keep ? absl::StrCat(options.kept_files, ".", number)
                                : absl::StrCat(options.folder, "/floor.", getpid(), ".", number);
  const int fd =
      open(path.c_str(), O_RDWR | O_CREAT | (keep ? 0 : O_EXCL) | O_DIRECT | O_CLOEXEC, 0600);
  struct stat file = {};
  if (fd < 0 || fstat(fd, &file) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
  }
  if (!keep) unlink(path.c_str());
  if (static_cast<uint64_t>(file.st_size) >= options.file_bytes) return fd;
  const absl::Status filled = FillFile(fd, options.file_bytes);
  if (filled.ok()) return fd;
  close(fd);
  return filled;
}

// All connections, made before the processes part.
struct Plan {
  Ends client_head, client_tail;
  std::vector<Ends> forward, report;  // member i to its successor; member i to the tail
};

[[noreturn]] void RunMember(const FloorOptions& options, const Plan& plan, uint32_t i, int file) {
  // Or the end of the client would not be seen.
  close(plan.client_head.from);
  if (options.replicas > 1) close(plan.client_tail.from);
  FloorMember member(options, file);
  FloorConnection* upstream = member.Add(i == 0 ? plan.client_head.to : plan.forward[i - 1].to);
  if (i + 1 < options.replicas) {
    member.next = member.Add(plan.forward[i].from);
    member.reports = member.Add(plan.report[i].from);
  } else {
    for (const Ends& report : plan.report) member.Add(report.to);
    member.client = options.replicas == 1 ? upstream : member.Add(plan.client_tail.to);
  }
  member.Run();
  std::_Exit(0);
}

}  // namespace

absl::StatusOr<FloorResult> MeasureFloor(const FloorOptions& options) {
  std::vector<int> files;
  for (uint32_t i = 0; i < options.replicas; ++i) {
    const absl::StatusOr<int> file = OpenFile(options, i);
    if (!file.ok()) return file.status();
    files.push_back(*file);
  }
  Plan plan;
  plan.client_head = Connect();
  plan.client_tail = options.replicas > 1 ? Connect() : plan.client_head;
  for (uint32_t i = 0; i + 1 < options.replicas; ++i) {
    plan.forward.push_back(Connect());
    plan.report.push_back(Connect());
  }
  std::vector<pid_t> members;
  for (uint32_t i = 0; i < options.replicas; ++i) {
    const pid_t pid = fork();
    if (pid < 0) FloorFails("fork");
    if (pid == 0) RunMember(options, plan, i, files[i]);
    members.push_back(pid);
  }

  FloorClient client(options);
  client.head = client.Add(plan.client_head.from);
  client.tail = options.replicas == 1 ? client.head : client.Add(plan.client_tail.from);
  rusage before = {}, after = {}, use = {};
  getrusage(RUSAGE_SELF, &before);
  client.Measure();
  getrusage(RUSAGE_SELF, &after);
  double cpu = CpuMicros(after) - CpuMicros(before);
  shutdown(plan.client_head.from, SHUT_RDWR);
  shutdown(plan.client_tail.from, SHUT_RDWR);
  for (const Ends& forward : plan.forward) shutdown(forward.from, SHUT_RDWR);
  for (const pid_t pid : members) {
    int status = 0;
    wait4(pid, &status, 0, &use);
    cpu += CpuMicros(use);
    if (status != 0) return absl::InternalError("a member of the floor failed");
  }
  std::vector<int> fds = files;
  for (const auto& list : {plan.forward, plan.report, {plan.client_head}}) {
    for (const Ends& ends : list) fds.push_back(ends.from), fds.push_back(ends.to);
  }
  if (options.replicas > 1)
    fds.push_back(plan.client_tail.from), fds.push_back(plan.client_tail.to);
  for (const int fd : fds) close(fd);

  Latencies& l = client.latencies;
  return FloorResult{
      .iops = static_cast<double>(l.count()) / options.seconds,
      .mean_us = l.mean_us(),
      .p50_us = l.Percentile(0.5),
      .p99_us = l.Percentile(0.99),
      .p999_us = l.Percentile(0.999),
      .cpu_us_per_op = cpu / static_cast<double>(std::max<uint64_t>(client.operations, 1))};
}

std::string ToJson(const FloorOptions& options, const FloorResult& result) {
  return absl::StrFormat(
      "{\"replicas\":%d,\"bs\":%d,\"depth\":%d,\"rw\":\"%s\",\"iops\":%.0f,\"mean_us\":%.1f,"
      "\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"cpu_us_per_op\":%.1f}",
      options.replicas, options.block_bytes, options.depth, options.read ? "read" : "write",
      result.iops, result.mean_us, result.p50_us, result.p99_us, result.p999_us,
      result.cpu_us_per_op);
}

}  // namespace storpool::bench
