#include "lib/chain/scenario.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "lib/base/crc32c.h"
#include "lib/base/limits.h"

namespace storpool::chain {
namespace {

using Words = std::vector<std::string>;

DiskId Disk(char name) { return DiskId(static_cast<uint16_t>(name - 'a' + 1)); }

std::vector<DiskId> Disks(const std::string& names) {
  std::vector<DiskId> disks;
  for (char c : names) disks.push_back(Disk(c));
  return disks;
}

// The value of "key=value", or `none`.
std::string Value(const Words& words, const std::string& key, const std::string& none) {
  for (const std::string& word : words) {
    if (word.rfind(key + "=", 0) == 0) return word.substr(key.size() + 1);
  }
  return none;
}

uint64_t Number(const Words& words, const std::string& key, uint64_t none) {
  return std::stoull(Value(words, key, std::to_string(none)));
}

bool Has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string Join(const Words& words, size_t from) {
  std::string text;
  for (size_t i = from; i < words.size(); ++i) text += (i > from ? " " : "") + words[i];
  return text;
}

Words Split(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

const char* ResultName(wire::Result result) {
  constexpr const char* kNames[] = {"ok",         "wrong-epoch", "not-serving", "fenced",
                                    "refused",    "no-space",    "gone",        "stale-line",
                                    "needs-base", "beyond-end",  "media-error"};
  return kNames[static_cast<int>(result)];
}

// Each sector holds its letter, so that small writes can be told apart.
std::string Letters(const uint8_t* block) {
  std::string text;
  for (uint32_t s = 0; s < kSectorsPerBlock; ++s) {
    const uint8_t letter = block[s * kSectorBytes];
    text += letter == 0 ? '.' : static_cast<char>(letter);
  }
  return std::all_of(text.begin(), text.end(), [&](char c) { return c == text[0]; })
             ? text.substr(0, 1)
             : text;
}

}  // namespace

std::string Scenario::Run(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string wrong = Line(line);
    if (!wrong.empty()) return "line " + std::to_string(number) + " (" + line + "): " + wrong;
  }
  return ExpectTrace("");
}

std::string Scenario::Line(const std::string& line) {
  const Words words = Split(line.substr(0, line.find('#')));
  if (words.empty()) return "";
  if (words[0] == ">") return ExpectTrace(Join(words, 1));
  if (words[0] == "expect") return Expect(Words(words.begin() + 1, words.end()));
  if (const std::string left = ExpectTrace(""); !left.empty()) return left;
  if (words[0] == "disks") {
    world_ = std::make_unique<World>(std::stoi(words.at(1)));
    invariants_ = std::make_unique<Invariants>(*world_);
    return "";
  }
  trace_at_ = world_->trace.size();
  const std::string wrong = Command(words);
  if (!wrong.empty()) return wrong;
  for (; !world_->write_answers.empty(); world_->write_answers.pop_front()) {
    const wire::WriteAnswer& a = world_->write_answers.front();
    answers_.push_back(std::to_string(a.number) + " " + ResultName(a.result) +
                       " copy=" + std::to_string(a.attempt));
  }
  invariants_->CheckDisks();
  return invariants_->violations().empty() ? "" : invariants_->violations().front();
}

std::string Scenario::Command(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "write") return Write(words);
  if (verb == "read") return Read(words);
  if (verb == "name" || verb == "open" || verb == "tell" || verb == "raise" || verb == "end" ||
      verb == "backup" || verb == "restore" || verb == "gone") {
    return Metadata(words);
  }
  if (verb == "layer") {
    model::Line& line = world_->line;
    const LayerId layer(static_cast<uint32_t>(std::stoul(words.at(1))));
    if (line.newest().id < layer) {
      line.layers.push_back({layer, kChunkBytes, kChunkBytes, false, {}});
    }
    if (Has(words, "foreign")) {
      line.foreign_parent = model::ForeignParent{LineageId(6), LayerId(1), kChunkBytes};
    }
    world_->ChangeLine();
  } else if (verb == "merge" || verb == "free") {
    world_->RemoveLayer(LayerId(static_cast<uint32_t>(std::stoul(words.at(1)))), verb == "merge");
  } else if (verb == "full" || verb == "room") {
    world_->room_denied = verb == "full";
  } else if (verb == "settle") {
    world_->Settle(words.size() > 1 ? std::stoll(words[1]) : 0);
  } else if (verb == "wait") {
    world_->Advance(Duration::Millis(std::stoll(words.at(1))));
  } else if (verb == "damage") {
    world_->store(Disk(words.at(1)[0]))
        .Damage({world_->line.lineage, ChunkIndex(0), LayerId(1),
                 static_cast<uint32_t>(std::stoul(words.at(2)))});
  } else {
    return Links(words);
  }
  return "";
}

std::string Scenario::Links(const Words& words) {
  const std::string& verb = words[0];
  const std::vector<DiskId> disks = Disks(words.at(1));
  if (verb == "deliver") {
    size_t count = words.size() > 2 ? std::stoul(words[2]) : SIZE_MAX;
    for (; count > 0 && world_->waiting(disks[0], disks[1]) > 0; --count) {
      world_->Deliver(disks[0], disks[1]);
    }
  } else if (verb == "cut") {
    world_->Cut(disks.at(0), disks.at(1));
  } else if (verb == "mend") {
    world_->Connect(disks.at(0), disks.at(1));
  } else {
    for (DiskId disk : disks) {
      if (verb == "durable") {
        world_->MakeDurable(disk, SIZE_MAX);
      } else if (verb == "run") {
        while (world_->StoreTask(disk)) {
        }
      } else if (verb == "crash") {
        world_->Crash(disk);
      } else if (verb == "start") {
        world_->Start(disk, Has(words, "damaged"));
      } else if (verb == "discard") {
        world_->Discard(disk);
      } else if (verb == "hand-over") {
        world_->store(disk).HandOver(world_->line.view);
      } else {
        return "unknown command";
      }
    }
  }
  return "";
}

std::string Scenario::Metadata(const Words& words) {
  if (words[0] == "name") {
    model::ChainConfig config =
        world_->MakeConfig(Disks(words.at(1)), Disks(Value(words, "sync", "")));
    config.epoch = Epoch(static_cast<uint32_t>(Number(words, "epoch", config.epoch.value())));
    const std::string excluded = Value(words, "excluded", "");
    for (model::Member& m : config.members) {
      if (m.role == model::Role::kServing || excluded.empty()) continue;
      const size_t dot = excluded.find('.');
      m.excluded_at = Version(Epoch(static_cast<uint32_t>(std::stoul(excluded))),
                              static_cast<uint32_t>(std::stoul(excluded.substr(dot + 1))));
    }
    world_->Name(config);
    for (DiskId disk : Disks(Value(words, "to", "abc"))) {
      if (disk.value() <= world_->disks().size()) world_->TellName(disk);
    }
  } else if (words[0] == "open") {
    if (!world_->Open() && !world_->newest.named.opened) return "nobody is ready to open it";
    const auto told = words.size() > 1 ? Disks(words[1]) : world_->disks();
    for (DiskId disk : told) world_->TellOpened(disk);
  } else if (words[0] == "end") {
    world_->EndSession({VolumeId(5), ClientId(static_cast<uint16_t>(std::stoul(words.at(1)))),
                        Generation(static_cast<uint32_t>(std::stoul(words.at(2))))});
  } else if (words[0] == "backup") {
    backup_ = world_->newest;
  } else if (words[0] == "restore") {
    world_->newest = backup_;
  } else if (words[0] == "gone") {
    const model::NamedConfig unnamed = World(1).newest;
    world_->newest.named = unnamed.named;  // as an epoch without any member
    world_->newest.named.epoch = Epoch(kEpochMax);
    world_->newest.named.opened = true;
    for (DiskId disk : Disks(words.at(1))) world_->Discard(disk);
    world_->newest = unnamed;
    invariants_ = std::make_unique<Invariants>(*world_);
  } else if (words[0] == "tell") {
    for (DiskId disk : Disks(words.at(1))) world_->TellName(disk);
  } else {
    world_->Raise(world_->raises.size() + 1,
                  {VolumeId(5), ClientId(static_cast<uint16_t>(std::stoul(words.at(1)))),
                   Generation(static_cast<uint32_t>(std::stoul(words.at(2))))});
  }
  return "";
}

std::string Scenario::Write(const Words& words) {
  wire::WriteRequest r;
  r.chain = World::kChain;
  const model::NamedConfig& newest = world_->newest;
  r.epoch = newest.named.opened ? newest.named.epoch : newest.last_opened.epoch;
  r.session = {VolumeId(5), ClientId(static_cast<uint16_t>(Number(words, "client", 1))),
               Generation(static_cast<uint32_t>(Number(words, "session", 1)))};
  r.number = std::stoull(words.at(1));
  r.answered_below = Number(words, "mark", 1);
  r.attempt = static_cast<uint32_t>(Number(words, "copy", 1));
  r.line_version = world_->line.version;
  r.lineage = world_->line.lineage;
  r.layer =
      LayerId(static_cast<uint32_t>(Number(words, "layer", world_->line.newest().id.value())));
  const uint32_t block = static_cast<uint32_t>(Number(words, "block", 0));
  const uint32_t blocks = static_cast<uint32_t>(Number(words, "count", 1));
  r.first_sector = block * kSectorsPerBlock + static_cast<uint32_t>(Number(words, "sector", 0));
  r.sectors = static_cast<uint32_t>(Number(words, "sectors", blocks * kSectorsPerBlock));
  r.op = Has(words, "hole")   ? wire::WriteOp::kHole
         : Has(words, "fill") ? wire::WriteOp::kFill
                              : wire::WriteOp::kWrite;
  if (r.op != wire::WriteOp::kHole) {
    const size_t bytes = size_t{r.sectors} * kSectorBytes;
    r.payload = world_->pool().Allocate(bytes);
    std::memset(r.payload.data(), Value(words, "data", "X")[0], bytes);
    const uint32_t end = r.first_sector + r.sectors;
    const uint32_t last = (end + kSectorsPerBlock - 1) / kSectorsPerBlock;
    r.checksums = Checksums(last - r.first_sector / kSectorsPerBlock, world_->pool());
    size_t at = 0;
    uint32_t sector = r.first_sector;
    for (uint32_t& sum : r.checksums.span()) {
      const uint32_t next = std::min(end, (sector / kSectorsPerBlock + 1) * kSectorsPerBlock);
      const size_t piece = size_t{next - sector} * kSectorBytes;
      sum = Crc32c(r.payload.data() + at, piece);
      at += piece;
      sector = next;
    }
  }
  world_->Write(Disk(Value(words, "at", "a")[0]), std::move(r));
  return "";
}

std::string Scenario::Read(const Words& words) {
  const DiskId at = Disk(Value(words, "at", "c")[0]);
  wire::ReadRequest r;
  r.chain = World::kChain;
  r.epoch = world_->replica(at).status().epoch;
  r.session = {VolumeId(5), ClientId(1), Generation(1)};
  r.number = next_read_++;
  const model::Line& known =
      world_->lines.at(Number(words, "line", world_->line.version.value()) - 1);
  r.line_version = known.version;
  r.lineage = known.lineage;
  r.layer = LayerId(static_cast<uint32_t>(Number(words, "layer", known.newest().id.value())));
  r.blocks = {static_cast<uint32_t>(Number(words, "block", 0)),
              static_cast<uint32_t>(Number(words, "count", 1))};
  world_->Read(at, r, &known);
  return "";
}

std::string Scenario::Expect(const Words& words) {
  if (words.at(0) == "answer") {
    const std::string wanted = Join(words, 1) + " ";
    for (const std::string& answer : answers_) {
      if ((answer + " ").rfind(wanted, 0) == 0) return "";
    }
    return "answers so far: " + Join(answers_, 0);
  }
  if (words[0] == "no-answer") {
    for (const std::string& answer : answers_) {
      if (answer.rfind(words.at(1) + " ", 0) == 0) return "it was answered: " + answer;
    }
    return "";
  }
  if (words[0] == "read") {
    if (world_->read_answers.empty()) return words.at(1) == "nothing" ? "" : "no answer";
    const wire::ReadAnswer answer = std::move(world_->read_answers.front());
    world_->read_answers.pop_front();
    std::string got = ResultName(answer.result);
    if (answer.result == wire::Result::kOk) {
      got = (answer.data[0] & 1) != 0     ? Letters(answer.payload.data())
            : (answer.absent[0] & 1) != 0 ? "absent"
                                          : "zeroes";
    }
    return got == words.at(1) ? "" : "read " + got;
  }
  if (words[0] == "block") return ExpectBlock(words);
  if (words[0] == "alarm") return world_->alarms.empty() ? "no alarm" : "";
  if (words[0] == "windows") {
    const size_t known = world_->store(Disk(words.at(1)[0])).durable().record.windows.size();
    return known == std::stoul(words.at(2)) ? "" : "there are " + std::to_string(known);
  }
  if (words[0] == "not-ready") return world_->ready ? "it is ready to open" : "";
  if (words[0] == "level-failed") return world_->level_failures.empty() ? "it has not" : "";
  if (words[0] == "raised") {
    const bool has = world_->raised.contains({std::stoull(words.at(1)), Disk(words.at(2)[0])});
    return has == (words.size() == 3) ? "" : "it is the other way round";
  }
  return ExpectState(Disk(words[0][0]), words);
}

std::string Scenario::ExpectState(DiskId disk, const Words& words) {
  const ReplicaStatus s = world_->replica(disk).status();
  constexpr const char* kRoles[] = {"none", "serving", "syncing"};
  const std::string got = std::string(kRoles[static_cast<int>(s.role)]) + " " +
                          std::to_string(s.epoch.value()) + (s.opened ? " open" : " named") +
                          " D=" + ToString(s.durable) + " W=" + ToString(s.committed) +
                          " pending=" + std::to_string(s.pending);
  const std::string wanted = Join(words, 1);
  return got == wanted ? "" : "it is: " + got;
}

std::string Scenario::ExpectBlock(const Words& words) {
  const StoreContent& disk = world_->store(Disk(words.at(1)[0])).durable();
  const auto it = disk.index.find({world_->line.lineage, ChunkIndex(0),
                                   LayerId(static_cast<uint32_t>(Number(words, "layer", 1))),
                                   static_cast<uint32_t>(std::stoul(words.at(2)))});
  std::string got = "none";
  if (it != disk.index.end()) {
    got = it->second.kind == EntryKind::kData ? Letters(it->second.payload.data()) : "hole";
    got += " @ " + ToString(it->second.version);
  }
  const std::string wanted = Join(words, words.at(3) == "=" ? 4 : 5);
  return got == wanted ? "" : "it is: " + got;
}

// Once a command's trace is looked at, all of it must be written down.
std::string Scenario::ExpectTrace(const std::string& text) {
  if (world_ == nullptr) return "";
  if (text.empty()) {
    const bool whole = !checking_ || trace_at_ == world_->trace.size();
    checking_ = false;
    return whole ? "" : "the trace goes on: " + world_->trace[trace_at_];
  }
  checking_ = true;
  if (trace_at_ == world_->trace.size()) return "the trace ends here";
  const std::string& got = world_->trace[trace_at_++];
  return got == text ? "" : "the trace says: " + got;
}

}  // namespace storpool::chain
