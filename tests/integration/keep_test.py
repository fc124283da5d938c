"""quickstart.sh --keep: the cluster that it leaves running is what endpoints.json says. Real
clients work on it while each process is killed; its command, run again, brings it back."""
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from tests.integration.fixture import MIB, in_background, wait_for_writes
from tests.integration.gateway import Gateway
from tests.integration.stamps import StampWriter
from tools.cluster import Cluster, Process

SIZE_MIB = 64
KILL_AT = 0.45
LONGEST_GAP_S = 5.0


class Kept(Cluster):
    """The cluster of an endpoints.json: processes that others have started."""

    def __init__(self, folder, programs):
        super().__init__(folder, programs)
        with open(os.path.join(folder, "endpoints.json"), encoding="utf-8") as f:
            said = json.load(f)
        self.metadata_address, self.nbd = said["metadata"], said["nbd"]
        self.nbd_address = self.nbd.split("/")[2]
        for one in said["processes"]:
            process = Process(one["role"], one["id"], one["command"],
                              os.path.join(folder, f"again-{one['role']}{one['id']}.log"),
                              one["disks"])
            process.popen = Adopted(one["pid"])
            if one["role"] == "node":
                self.nodes[one["id"]] = process
            else:
                setattr(self, one["role"], process)

    def disks_of(self, node):
        return [(path, int(os.path.basename(path).removeprefix("disk")))
                for path in self.nodes[node].disks]


def command_of(pid):
    """Empty: it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return [word.decode() for word in f.read().split(b"\0")[:-1]]
    except FileNotFoundError:
        return []


class Adopted:
    """As subprocess.Popen, of a process that is no child of ours."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        return None if command_of(self.pid) else 0

    def kill(self):
        os.kill(self.pid, 9)

    def wait(self):
        while self.poll() is None:
            time.sleep(0.01)


def run(*command, cwd=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, cwd=cwd, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


class KeepTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="storpool-", dir=os.environ.get("TEST_TMPDIR"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.folder = os.path.join(folder, "kept")
        print(run(sys.executable, "-B", "tools/quickstart.py", f"--programs={os.getcwd()}",
                  "--keep", "--dir", cls.folder))
        cls.cluster = Kept(cls.folder, {"storpoolctl": os.path.abspath("cli/storpoolctl")})
        cls.addClassCleanup(cls.cluster.kill_all)
        cls.source = os.path.join(folder, "source")
        cls.copied = os.path.join(folder, "copied")

    def test_what_endpoints_say_is_true(self):
        cluster = self.cluster
        roles = [process.role for process in cluster.processes()]
        self.assertEqual(roles, ["metadata", "node", "node", "node", "client"])
        for process in cluster.processes():
            self.assertEqual(command_of(process.pid), process.command)
            for disk in process.disks:
                self.assertTrue(os.path.isfile(disk), disk)
        self.assertIn('"export-size": ', run("nbdinfo", "--json", cluster.nbd))
        self.assertTrue(cluster.status()["healthy"])

    def test_real_clients_while_each_node_is_killed(self):
        def copy_in(uri):
            with open(self.source, "wb") as f:
                f.write(os.urandom(SIZE_MIB * MIB))
            run("nbdcopy", self.source, uri)

        def copy_out(uri):
            run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, self.copied)
            with open(self.copied, "r+b") as f:
                f.truncate(SIZE_MIB * MIB)
            self.assertTrue(filecmp.cmp(self.source, self.copied, shallow=False))

        def fio(uri):
            run("fio", "--name=v", "--ioengine=nbd", f"--uri={uri}", "--rw=randrw", "--bs=4k",
                "--iodepth=32", f"--size={SIZE_MIB}m", f"--io_size={SIZE_MIB}m",
                "--verify=crc32c", "--verify_fatal=1", cwd=self.folder)

        for node, client in zip(self.cluster.nodes.values(), (copy_in, copy_out, fio)):
            with Gateway(self.cluster.nbd_address) as gateway:
                gateway.after(int(SIZE_MIB * MIB * KILL_AT),
                              lambda node=node: self.cluster.kill(node))
                client(gateway.uri(self.cluster.nbd.rsplit("/", 1)[1]))
                self.assertTrue(gateway.acted(), f"only {gateway.passed_bytes} bytes have passed")
                print(f"{client.__name__}, node {node.number} killed: longest gap "
                      f"{gateway.longest_gap_s:.2f} s", flush=True)
                self.assertLess(gateway.longest_gap_s, LONGEST_GAP_S)
            self.bring_back([node])

    def test_the_client_is_killed_then_everything(self):
        cluster = self.cluster
        cluster.ctl("volume", "stamps", "create", "size", f"{SIZE_MIB}M", "template", "three")
        cluster.ctl("attach", "volume", "stamps", "client", str(cluster.client.number))
        writer = StampWriter(cluster.nbd_uri("stamps"), blocks=2048, seed=7, depth=32)
        running = in_background(writer.run)
        for victims in ([cluster.client], cluster.processes()):
            wait_for_writes(cluster, writer)
            for process in victims:
                process.popen.kill()
            for process in victims:
                process.popen.wait()
            self.bring_back(victims)
        wait_for_writes(cluster, writer)
        writer.stop = True
        running.result()
        self.assertEqual(writer.verify(), [])

    def bring_back(self, processes):
        for process in processes:
            process.start()
        self.cluster.wait_services()
        self.cluster.wait_healthy()


if __name__ == "__main__":
    unittest.main()
