"""Clusters for tests: the programs from the runfiles, a folder of the test's own, short waits."""
import os
import shutil
import signal
import sys
import tempfile
import threading
import time

from tools.cluster import Cluster

PROGRAMS = {
    "storpool_metadata": "daemons/metadata/storpool_metadata",
    "storpool_node": "daemons/node/storpool_node",
    "storpool_client": "daemons/client/storpool_client",
    "storpoolctl": "cli/storpoolctl",
}
VOLUME = "test"
MIB = 1 << 20


def programs():
    return {name: os.path.abspath(path) for name, path in PROGRAMS.items()}


def end_in_order(number, frame):
    """SIGTERM becomes an exit, so that a `with` ends its daemons and removes its folder."""
    sys.exit(128 + number)


class RunningCluster:
    """with RunningCluster() as cluster: three nodes, a volume of `size_mib` that is attached.

    A SIGTERM ends the program, and its daemons with it."""

    def __init__(self, size_mib=256, disk_size="768M", replication=3, nodes=3, disks_per_node=1):
        self.size_mib, self.disk_size, self.nodes = size_mib, disk_size, nodes
        self.replication, self.disks_per_node = replication, disks_per_node

    def __enter__(self):
        signal.signal(signal.SIGTERM, end_in_order)
        self.folder = tempfile.mkdtemp(prefix="storpool-", dir=os.environ.get("TEST_TMPDIR"))
        self.cluster = Cluster(self.folder, programs(), nodes=self.nodes,
                               disks_per_node=self.disks_per_node, disk_size=self.disk_size,
                               sparse=True)
        try:
            self.cluster.create()
            self.cluster.start()
            disks = [str(d) for n in self.cluster.nodes for _, d in self.cluster.disks_of(n)]
            self.cluster.ctl("placementGroup", "default", "create",
                             *(w for d in disks for w in ("addDisk", d)))
            self.cluster.ctl("template", "t", "create", "replication", str(self.replication))
            self.cluster.ctl("volume", VOLUME, "create", "size", f"{self.size_mib}M", "template",
                             "t")
            self.cluster.ctl("attach", "volume", VOLUME, "client", str(self.cluster.client_id))
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self.cluster

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for process in self.cluster.processes():
                print(f"--- {process.role} {process.number}\n{process.log_tail(40)}", flush=True)
        self.cluster.kill_all()
        shutil.rmtree(self.folder, ignore_errors=True)


def in_background(function):
    """Runs function() on a thread; .result() waits and gives its value or raises its error."""
    class Background:
        def __init__(self):
            self.value, self.error = None, None
            self.thread = threading.Thread(target=self.run, daemon=True)
            self.thread.start()

        def run(self):
            try:
                self.value = function()
            except BaseException as error:  # raised again in result()
                self.error = error

        def running(self):
            return self.thread.is_alive()

        def result(self, timeout_s=300):
            self.thread.join(timeout_s)
            if self.thread.is_alive():
                raise TimeoutError(f"still running after {timeout_s} s")
            if self.error is not None:
                raise self.error
            return self.value
    return Background()


def wait_for_writes(cluster, writer, count=200):
    """Until the writer has been answered so many times more: it is at work, whatever happened."""
    goal = writer.writes + count
    cluster.wait(f"{count} more writes are acknowledged", lambda: writer.writes >= goal)


def pause(seconds):
    """Lets the cluster run for a while; used only where the length of time is the test."""
    time.sleep(seconds)
