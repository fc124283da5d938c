// Runs a lesson of testdata/: commands, the trace that they must leave, and the states that they
// must end in, all written by hand. The invariants of design 5.10 are checked after every command.
//
//   # comment, picture
//   disks 3                    three disks a, b, c; nothing is named
//   name ab [sync=c] [to=ab]   metadata names serving members, head to tail, and tells them;
//     [excluded=V] [epoch=E]   the syncing ones were excluded by an opening at V
//   tell abc                   tells the newest name again
//   open [abc]                 metadata marks it opened and tells these members (default: all)
//   write N at=a block=B [data=X|hole|fill] [count=C] [sector=S sectors=K] [client=C] [session=G]
//     [mark=M] [layer=L] [copy=T]    copy T of the client
//   read at=c block=B [count=C] [layer=L] [line=V] -> next `expect read`, of block B; it knows the
//                              line at version V
//   deliver ab [N]             messages from a to b, all or N
//   durable abc                makes everything appended durable
//   run abc                    the store's answers to these disks
//   settle [MS]                everything until nothing is left to do; then time passes
//   wait MS                    time passes, nothing else
//   layer N [foreign]          the line has a newer layer; and a foreign parent
//   merge N | free N           the line has removed layer N: its entries go to the next newer one,
//                              or nowhere
//   hand-over ab               their stores move what stands in removed layers
//   end CLIENT GENERATION      metadata says that the session has ended
//   discard a                  metadata orders a former member to forget the chain
//   gone abc                   metadata has removed the chain, and orders these to forget it
//   backup | restore           what metadata knows of the chain is kept, or is that again
//   crash a | start a [damaged] | cut ab | mend ab | raise CLIENT GENERATION | full | room
//   damage a B                 block B of layer 1 is damaged there
//   > text                     the next line of the trace that the last command left
//   expect a: serving 2 open D=1.3 W=1.3 pending=0
//   expect answer N ok [copy=T]   among the answers to writes so far
//   expect windows a N         so many sessions are known on the disk
//   expect level-failed        a config could not open without somebody
//   expect not-ready           nobody can open the newest name
//   expect read X|zeroes|absent|REFUSAL
//   expect block a B [layer=L] = X|hole|none @ VERSION     durable on the disk
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/chain/invariants.h"
#include "lib/chain/world.h"

namespace storpool::chain {

class Scenario {
 public:
  // Runs the whole text; the first thing that is not as written is the answer, "" if all is.
  std::string Run(const std::string& text);

 private:
  using Words = std::vector<std::string>;
  std::string Line(const std::string& line);
  std::string Command(const Words& words);
  std::string Links(const Words& words);
  std::string Metadata(const Words& words);
  std::string Write(const Words& words);
  std::string Read(const Words& words);
  std::string Expect(const Words& words);
  std::string ExpectState(DiskId disk, const Words& words);
  std::string ExpectBlock(const Words& words);
  std::string ExpectTrace(const std::string& text);

  std::unique_ptr<World> world_;
  std::unique_ptr<Invariants> invariants_;
  size_t trace_at_ = 0;    // the next line that `>` is compared with
  bool checking_ = false;  // the last command's trace is being compared
  std::vector<std::string> answers_;
  uint64_t next_read_ = 1;
  std::map<uint64_t, Version> reads_;
  model::NamedConfig backup_;
};

}  // namespace storpool::chain
