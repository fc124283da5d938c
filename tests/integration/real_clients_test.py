"""The NBD clients that people use, each while every node in turn is killed with SIGKILL: no error,
no differing byte, no long pause, and health after the node is back."""
import filecmp
import json
import os
import subprocess
import threading
import time
import unittest

from tests.integration.fixture import MIB, VOLUME, RunningCluster
from tests.integration.gateway import Gateway
from tools import nbd_copy

SIZE_MIB = 64
LONGEST_GAP_S = 5.0
KILL_AT = 0.45


def run(*command, cwd=None):
    """Runs a client; returns its output, raises with it if the client failed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, cwd=cwd, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


class RealClients(unittest.TestCase):
    """A cluster for two kinds of work: a node that is killed more often than that is taken
    back only after a while (design 5.5a)."""
    @classmethod
    def setUpClass(cls):
        cls.running = RunningCluster(size_mib=SIZE_MIB)
        cls.cluster = cls.running.__enter__()
        cls.addClassCleanup(cls.running.__exit__, None, None, None)
        cls.source = os.path.join(cls.cluster.folder, "source")
        cls.copied = os.path.join(cls.cluster.folder, "copied")
        cls.fill_source()
        nbd_copy.write(cls.source, cls.cluster.nbd_uri(VOLUME), lambda done, total: None)

    @classmethod
    def fill_source(cls):
        with open(cls.source, "wb") as f:
            f.write(os.urandom(SIZE_MIB * MIB))

    def bring_back(self, node):
        node.start()
        self.cluster.wait_services()
        self.cluster.wait_healthy()

    def kill_each_node_under(self, name, client, expected_mib=SIZE_MIB):
        """client(uri) works through a gateway and raises if anything is wrong."""
        for node in self.cluster.nodes.values():
            with Gateway(self.cluster.nbd_address) as gateway:
                gateway.after(int(expected_mib * MIB * KILL_AT),
                              lambda node=node: self.cluster.kill(node))
                client(gateway.uri(VOLUME))
                self.assertTrue(gateway.acted(), f"{name} has moved {gateway.passed_bytes} bytes")
                print(f"{name}, node {node.number} killed: longest gap "
                      f"{gateway.longest_gap_s:.2f} s", flush=True)
                self.assertLess(gateway.longest_gap_s, LONGEST_GAP_S)
            self.bring_back(node)

    def check_volume(self):
        nbd_copy.compare(self.cluster.nbd_uri(VOLUME), self.source, lambda done, total: None)

    def check_copy(self):
        self.assertTrue(filecmp.cmp(self.source, self.copied, shallow=False))
        os.remove(self.copied)


class NbdCopy(RealClients):
    def test_in(self):
        def client(uri):
            self.fill_source()
            run("nbdcopy", self.source, uri)
            self.check_volume()
        self.kill_each_node_under("nbdcopy in", client)

    def test_out(self):
        def client(uri):
            run("nbdcopy", uri, self.copied)
            self.check_copy()
        self.kill_each_node_under("nbdcopy out", client)


class QemuImgConvert(RealClients):
    def test_in(self):
        def client(uri):
            self.fill_source()
            run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", self.source, uri)
            self.check_volume()
        self.kill_each_node_under("qemu-img convert in", client)

    def test_out(self):
        def client(uri):
            run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, self.copied)
            self.check_copy()
        self.kill_each_node_under("qemu-img convert out", client)


class FioAndNbdInfo(RealClients):
    def test_fio(self):
        io_mib = 48

        def client(uri):
            out = run("fio", "--name=v", "--ioengine=nbd", f"--uri={uri}", "--rw=randrw",
                      "--bs=4k", "--iodepth=32", f"--size={SIZE_MIB}m", f"--io_size={io_mib}m",
                      "--verify=crc32c", "--verify_fatal=1", "--output-format=json",
                      cwd=self.cluster.folder)
            job = json.loads(out[out.index("{"):])["jobs"][0]
            self.assertEqual(job["error"], 0)
            longest = max(job[kind]["clat_ns"]["max"] for kind in ("read", "write")) / 1e9
            print(f"fio: longest latency {longest:.2f} s", flush=True)
            self.assertLess(longest, LONGEST_GAP_S)
        self.kill_each_node_under("fio", client, expected_mib=io_mib)

    def test_nbdinfo(self):
        uri, runs = self.cluster.nbd_uri(VOLUME), 16
        for node in self.cluster.nodes.values():
            killing, longest_s = None, 0.0
            for number in range(runs):
                if number == int(runs * KILL_AT):
                    killing = threading.Thread(target=self.cluster.kill, args=(node,))
                    killing.start()
                began = time.monotonic()
                self.assertIn(f'"export-size": {SIZE_MIB * MIB}', run("nbdinfo", "--json", uri))
                extents = json.loads(run("nbdinfo", "--map", "--json", uri))
                self.assertEqual(sum(e["length"] for e in extents), SIZE_MIB * MIB)
                longest_s = max(longest_s, time.monotonic() - began)
            killing.join()
            print(f"nbdinfo, node {node.number} killed: longest run {longest_s:.2f} s", flush=True)
            self.assertLess(longest_s, LONGEST_GAP_S)
            self.bring_back(node)


del RealClients  # only its children are tests

if __name__ == "__main__":
    unittest.main()
