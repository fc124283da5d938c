"""Every command of docs/user-guide.md, in its order, against real daemons. Blocks of text are not
run; where they are commands, the page says so.

The blocks are run by one bash. Only what belongs to this machine is replaced: folders, ports, and
the size of disks. A command that fails, or does not end in time, fails the test.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from tools.cluster import free_port

GUIDE = "docs/user-guide.md"
PROGRAMS = ("daemons/metadata/storpool_metadata", "daemons/node/storpool_node",
            "daemons/client/storpool_client", "cli/storpoolctl")
LIMIT_S = 600


def commands(text):
    """The lines of all blocks for a shell or for cron, with the line of the page that each stands
    in. What cron would run at its time is run once."""
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line[3:]
        elif inside == "sh":
            yield number, line
        elif inside == "cron":
            yield number, line.split(None, 5)[5].replace("\\%", "%")


def on_this_machine(text, folder):
    """`text` with folders and ports of the test's own, and disks that are quick to make."""
    for path in ("/var/lib/storpool", "/srv", "/etc/storpool"):
        text = text.replace(path, os.path.join(folder, os.path.basename(path)))
    ports = {}
    for port in re.findall(r"127\.0\.0\.1:(\d+)", text):
        while port not in ports:
            free = free_port()
            if free not in ports.values():
                ports[port] = free
    text = re.sub(r"127\.0\.0\.1:(\d+)", lambda m: f"127.0.0.1:{ports[m.group(1)]}", text)
    return re.sub(r"(disk init .*) size 10G", r"\1 size 768M sparse", text)


def known(line):
    """The shell words that wait until the daemon that `line` starts is known, with its disks."""
    daemon = re.search(r"(storpool_\w+) .*& ?", line)
    if daemon is None:
        return []
    number = re.search(r"--id=(\d+)", line)
    disks = re.search(r"--disks=(\S+)", line)
    ids = re.findall(r"disk(\d+)(?=,|$)", disks.group(1)) if disks else []
    return [" ".join(["until_known", daemon.group(1), number.group(1) if number else "0", *ids])]


def script(text):
    """Says each command before it is run, and waits for the daemons that are started."""
    lines = ["set -eu", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for number, line in commands(text):
        quoted = line.replace("'", "'\\''")
        lines += [f"echo '{GUIDE}:{number}: {quoted}'", line, *known(line)]
    lines.append("storpoolctl status | grep '^cluster home.one healthy:'")
    return "\n".join(lines)


# until_known DAEMON ID [DISK...]. People are not as fast as this script.
KNOWN = """
is_known() {
  local daemon=$1 id=$2 disk
  shift 2
  case $daemon in
    storpool_metadata) storpoolctl status ;;
    storpool_client) storpoolctl -r service list | grep -P "^client\\t$id\\trunning" ;;
    storpool_node)
      storpoolctl -r service list | grep -P "^server\\t$id\\trunning" || return 1
      for disk; do
        storpoolctl -r disk list | grep -P "^$disk\\t$id\\t.*\\t(up|syncing)\\t" || return 1
      done ;;
  esac >/dev/null 2>&1
}
until_known() {
  for _ in $(seq 600); do
    if is_known "$@"; then return; fi
    sleep 0.1
  done
  echo "$1 $2 is not known after a minute" >&2
  return 1
}
"""


class UserGuideTest(unittest.TestCase):
    def test_every_command_works(self):
        folder = tempfile.mkdtemp(prefix="guide-", dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        programs = os.path.join(folder, "bin")
        for name in ("bin", "storpool", "srv"):
            os.makedirs(os.path.join(folder, name))
        for program in PROGRAMS:
            os.symlink(os.path.abspath(program), os.path.join(programs, os.path.basename(program)))
        with open(GUIDE, encoding="utf-8") as f:
            text = on_this_machine(f.read(), folder)
        path = programs + ":/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(["bash", "-c", KNOWN + script(text)], cwd=folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                              check=False, env={"PATH": path, "HOME": folder})
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
