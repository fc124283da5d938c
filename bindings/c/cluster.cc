#include "bindings/c/cluster.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bindings/c/errors.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"
#include "lib/embed/cluster_file.h"
#include "lib/embed/program.h"
#include "lib/env/posix/file_log.h"

namespace storpool::capi {
namespace {

class SilentLog final : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return false; }
  void Log(env::LogLevel, std::string_view, std::string_view) override {}
};

}  // namespace

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  sigfillset(&all);
  SP_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before_) == 0);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace storpool::capi

namespace embed = storpool::embed;
using storpool::ClientId;
using storpool::capi::SignalsBlocked;

sp_cluster::~sp_cluster() {
  SP_CHECK(open_volumes.load() == 0);
  SP_CHECK(!OnOwnThread());
  Disconnect();
}

void sp_cluster::Disconnect() {
  client_.reset();  // its thread ends: nothing is called any more
  requests_.reset();
  attachments_.reset();
  log_.reset();
  thread_ = {};
}

absl::Status sp_cluster::Set(std::string_view key, const std::string& value) {
  if (client_ != nullptr) return absl::InvalidArgumentError("set before sp_cluster_connect");
  if (key == "metadata") {
    metadata_ = embed::SplitAddresses(value);
    if (metadata_.empty()) return absl::InvalidArgumentError("metadata: no address in the value");
  } else if (key == "client") {
    int id = 0;
    if (!absl::SimpleAtoi(value, &id) || id < 1 || id > storpool::kClientIdMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("client: ", value, " is not in 1..", storpool::kClientIdMax));
    }
    id_ = ClientId(static_cast<uint16_t>(id));
  } else if (key == "cluster") {
    cluster_file_ = value;
  } else if (key == "log") {
    if (value == "none") return log_.reset(), absl::OkStatus();
    const auto level = embed::ParseLogLevel(value);
    if (!level.ok()) return level.status();
    log_ = storpool::env::FileLog::ToStderr(*level);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "no such setting: ", std::string(key), "; there are metadata, client, cluster and log"));
  }
  return absl::OkStatus();
}

absl::Status sp_cluster::Connect(int64_t timeout_ms) {
  if (client_ != nullptr) return absl::InvalidArgumentError("connected already");
  if (metadata_.empty()) return absl::InvalidArgumentError("the setting metadata is missing");
  if (id_ == ClientId()) return absl::InvalidArgumentError("the setting client is missing");
  if (cluster_file_.empty()) return absl::InvalidArgumentError("the setting cluster is missing");
  const absl::Status status = Start(timeout_ms);
  if (!status.ok()) Disconnect();
  return status;
}

absl::Status sp_cluster::Start(int64_t timeout_ms) {
  const auto file = embed::LoadClusterFile(cluster_file_);
  if (!file.ok()) {
    return absl::InvalidArgumentError(std::string(file.status().message()));
  }
  if (log_ == nullptr) log_ = std::make_unique<storpool::capi::SilentLog>();
  const SignalsBlocked blocked;
  embed::ClientServerOptions options;
  options.id = id_;
  options.cluster = *file;
  options.metadata = metadata_;
  options.nbd = "";
  options.log = log_.get();
  auto client = embed::ClientServer::Start(options);
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  requests_ = std::make_unique<storpool::capi::Requests>(*client_);
  attachments_ = std::make_unique<storpool::capi::Attachments>(metadata_, id_);
  client_->Post([this] { thread_ = std::this_thread::get_id(); });
  return client_->AwaitRegistered(
      storpool::capi::LeftUntil(storpool::capi::DeadlineIn(timeout_ms)));
}

int sp_cluster::Failed(const absl::Status& status) {
  return Failed(storpool::capi::ErrorOf(status), std::string(status.message()));
}

int sp_cluster::Failed(int error, std::string_view text) {
  const std::lock_guard lock(mutex_);
  message_ = text;
  return error;
}

std::string sp_cluster::message() const {
  const std::lock_guard lock(mutex_);
  return message_;
}

// ---- storpool.h ---------------------------------------------------------------------------------

uint32_t sp_version(void) { return SP_VERSION; }

sp_cluster* sp_cluster_new(void) { return new (std::nothrow) sp_cluster; }

int sp_cluster_set(sp_cluster* cluster, const char* key, const char* value) {
  if (cluster == nullptr) return SP_EINVAL;
  if (key == nullptr || value == nullptr) return cluster->Failed(SP_EINVAL, "no key or no value");
  if (cluster->OnOwnThread()) return SP_EDEADLOCK;
  const absl::Status status = cluster->Set(key, value);
  return status.ok() ? SP_OK : cluster->Failed(status);
}

int sp_cluster_connect(sp_cluster* cluster, int64_t timeout_ms) {
  if (cluster == nullptr) return SP_EINVAL;
  if (cluster->OnOwnThread()) return SP_EDEADLOCK;
  const absl::Status status = cluster->Connect(timeout_ms);
  return status.ok() ? SP_OK : cluster->Failed(status);
}

size_t sp_cluster_message(const sp_cluster* cluster, char* text, size_t size) {
  const std::string message = cluster == nullptr ? "" : cluster->message();
  if (text != nullptr && size > 0) {
    const size_t copied = std::min(message.size(), size - 1);
    std::memcpy(text, message.data(), copied);
    text[copied] = '\0';
  }
  return message.size();
}

void sp_cluster_free(sp_cluster* cluster) { delete cluster; }
