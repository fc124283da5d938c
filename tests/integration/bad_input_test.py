"""What bad input gets, from the real programs: an error that names the thing and the way out, and
nothing is lost."""
import os
import random
import socket
import struct
import subprocess
import unittest

import nbd

from tests.integration.fixture import MIB, VOLUME, RunningCluster
from tools.cluster import CommandFailed, free_port

BLOCK = 4096


def ended(command, timeout_s=60, **options):
    """Runs a program that should end by itself with an error; returns its text."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout_s, check=False, **options)
    if done.returncode <= 0:  # below 0: a signal
        raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout}")
    return done.stdout


class BadInput(unittest.TestCase):
    """A running cluster that every test leaves healthy, with the same bytes in its volume."""
    @classmethod
    def setUpClass(cls):
        running = RunningCluster(size_mib=64, disk_size="256M")
        cls.cluster = running.__enter__()
        cls.addClassCleanup(running.__exit__, None, None, None)
        cls.content = random.Random(1).randbytes(MIB)
        cls.handle().pwrite(cls.content, 0)

    def tearDown(self):
        self.cluster.wait_healthy()
        handle = self.handle()
        self.assertEqual(handle.pread(MIB, 0), self.content)
        handle.shutdown()
        for process in self.cluster.processes():
            self.assertTrue(process.running(), process.log_tail())

    @classmethod
    def handle(cls):
        handle = nbd.NBD()
        handle.connect_uri(cls.cluster.nbd_uri(VOLUME))
        return handle

    def path(self, name):
        return os.path.join(self.cluster.folder, name)

    def said(self, text, *parts):
        for part in parts:
            self.assertIn(part, text)

    def ctl(self, *words, **options):
        return ended([self.cluster.programs["storpoolctl"],
                      f"--metadata={self.cluster.metadata_address}", *words], **options)

    def init(self, path, *words, cluster_file=None):
        self.cluster.ctl("disk", "init", path, *words, "cluster",
                         cluster_file or self.cluster.cluster_file)

    def node(self, **flags):
        return [self.cluster.programs["storpool_node"], *self.flags({"id": 9, **flags})]

    def client(self, **flags):
        return [self.cluster.programs["storpool_client"],
                *self.flags({"id": 9, "nbd": "127.0.0.1:0", **flags})]

    def flags(self, flags):
        flags = {"cluster": self.cluster.cluster_file, "metadata": self.cluster.metadata_address,
                 **flags}
        return [f"--{name}={value}" for name, value in flags.items()]


class BadDisks(BadInput):
    def test_not_ours(self):
        for name, content in (("zeroes", bytes(64 * MIB)), ("noise", os.urandom(64 * MIB))):
            with open(self.path(name), "wb") as f:
                f.write(content)
            self.said(ended(self.node(disks=self.path(name))), self.path(name), "disk init")
        self.said(ended(self.node(disks=self.path("nowhere"))), self.path("nowhere"),
                  "No such file")
        self.said(ended(self.node(disks=self.cluster.folder)), self.cluster.folder, "neither")
        self.said(self.ctl("disk", "init", self.path("noise"), "id", "900", "cluster",
                           self.cluster.cluster_file), self.path("noise"), "force yes")

    def test_too_small(self):
        self.said(self.ctl("disk", "init", self.path("small"), "id", "900", "size", "1M",
                           "cluster", self.cluster.cluster_file),
                  self.path("small"), "at least", "larger")
        self.assertFalse(os.path.exists(self.path("small")))
        self.init(self.path("cut"), "id", "900", "size", "128M", "sparse")
        os.truncate(self.path("cut"), 64 * MIB)
        self.said(ended(self.node(disks=self.path("cut"))), self.path("cut"), "restore its size")

    def test_in_use(self):
        used = self.cluster.nodes[1].disks[0]
        self.said(ended(self.node(disks=used)), used, "in use")
        self.said(self.ctl("disk", "init", used, "id", "900", "cluster",
                           self.cluster.cluster_file, "force", "yes"), used, "in use")
        self.init(self.path("twice"), "id", "900", "size", "64M", "sparse")
        self.said(ended(self.node(disks=f"{self.path('twice')},{self.path('twice')}")),
                  self.path("twice"), "in use")

    def test_of_another_cluster(self):
        self.cluster.ctl("metadata", "init", self.path("other"), "name", "other.one")
        other_file = self.path("other/cluster")
        self.init(self.path("others"), "id", "900", "size", "64M", "sparse",
                  cluster_file=other_file)
        self.said(ended(self.node(disks=self.path("others"))), self.path("others"),
                  "another cluster")
        # The whole node of another cluster, by a wrong metadata address.
        self.said(ended(self.node(disks=self.path("others"), cluster=other_file)),
                  "metadata refuses node 9", "another cluster", "metadata addresses")
        self.said(ended(self.client(cluster=other_file)), "metadata refuses client 9",
                  "another cluster")
        self.said(self.ctl("disk", "init", self.path("others"), "id", "900", "cluster",
                           self.cluster.cluster_file), "another cluster", "force yes")

    def test_damaged(self):
        node = self.cluster.nodes[3]
        self.cluster.kill(node)
        path = node.disks[0]
        size = os.path.getsize(path)

        def flip(offset):
            with open(path, "r+b") as f:
                f.seek(offset)
                byte = f.read(1)[0]
                f.seek(offset)
                f.write(bytes([byte ^ 255]))
        flip(100)  # the first superblock; the second one opens the disk, and heals it
        node.start()
        self.cluster.wait_services()
        self.cluster.wait_healthy()
        self.cluster.kill(node)
        areas = [0, self.last_superblock(path, size)]
        for offset in areas:
            flip(offset + 100)
        self.said(ended(node.command), path, "damaged", "disk init")
        for offset in areas:
            flip(offset + 100)  # as it was: everything is there
        node.start()
        self.cluster.wait_services()

    @staticmethod
    def last_superblock(path, size):
        """Where the second one lies: it begins with the same magic."""
        with open(path, "rb") as f:
            magic = f.read(8)
            for offset in range(size - BLOCK, size - 16 * MIB, -512):
                f.seek(offset)
                if f.read(8) == magic:
                    return offset
        raise AssertionError(f"{path} has no second superblock")

    def test_id_of_another_disk(self):
        self.init(self.path("copy"), "id", "101", "size", "64M", "sparse")
        self.said(ended(self.node(disks=self.path("copy"))), "metadata refuses node 9",
                  "disk 101 is in use on node 1")
        self.init(self.path("one"), "id", "900", "size", "64M", "sparse")
        self.init(self.path("two"), "id", "900", "size", "64M", "sparse")
        self.said(ended(self.node(disks=f"{self.path('one')},{self.path('two')}")),
                  self.path("two"), "disk 900", "one of them is a copy")

    def test_no_room_for_the_file(self):
        def limited():  # in the child: no file of it grows beyond 8 MiB
            import resource  # pylint: disable=import-outside-toplevel
            resource.setrlimit(resource.RLIMIT_FSIZE, (8 * MIB, 8 * MIB))
        self.said(self.ctl("disk", "init", self.path("big"), "id", "900", "size", "64M", "cluster",
                           self.cluster.cluster_file, preexec_fn=limited),
                  self.path("big"), "File too large", "make room")
        self.assertFalse(os.path.exists(self.path("big")))


class BadDaemons(BadInput):
    def test_ports_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.cluster.ctl("metadata", "init", self.path("spare"))
            self.init(self.path("spare-disk"), "id", "900", "size", "64M", "sparse")
            for command in (
                    [self.cluster.programs["storpool_metadata"], f"--listen={address}",
                     f"--folder={self.path('spare')}"],
                    self.node(disks=self.path("spare-disk"), listen=address),
                    self.client(nbd=address)):
                self.said(ended(command), address, "in use")

    def test_wrong_secret(self):
        with open(self.cluster.cluster_file, encoding="ascii") as f:
            text = f.read()
        secret = text.split("secret ")[1].split()[0]
        wrong = self.path("wrong-secret")
        with open(wrong, "w", encoding="ascii") as f:
            f.write(text.replace(secret, secret[::-1]))
        os.chmod(wrong, 0o600)
        self.init(self.path("fine"), "id", "900", "size", "64M", "sparse")
        for command, who in ((self.node(cluster=wrong, disks=self.path("fine")), "node 9"),
                             (self.client(cluster=wrong), "client 9")):
            self.said(ended(command), f"metadata refuses {who}", "secret", "copy")
        os.chmod(wrong, 0o644)
        self.said(ended(self.client(cluster=wrong)), wrong, "chmod")
        self.said(ended(self.client(cluster=self.path("nowhere"))), self.path("nowhere"))

    def test_an_id_twice(self):
        self.init(self.path("second"), "id", "900", "size", "64M", "sparse")
        self.said(ended(self.node(id=2, disks=self.path("second"))),
                  "metadata refuses node 2", "another process", "--id")
        self.said(ended(self.client(id=1)), "metadata refuses client 1", "another process",
                  self.cluster.nbd_address)
        self.said(ended(self.node(id=64)), "--id=64", "0..63")
        self.said(ended(self.client(id=0)), "--id=0", "1..4095")

    def test_frames_that_are_none(self):
        """To a node's port for data, and to the client's for NBD: the connection goes, no more."""
        host, port = self.cluster.nbd_address.split(":")
        targets = [(host, int(port))]
        for node in self.cluster.nodes.values():
            listen = next(w for w in node.command if w.startswith("--listen="))
            targets.append((host, int(listen.rsplit(":", 1)[1])))
        noise = random.Random(2)
        for target in targets:
            for size in (1, 63, 64, 200, 70000):
                with socket.create_connection(target, timeout=30) as connection:
                    try:
                        connection.sendall(noise.randbytes(size))
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass  # its greeting; then it closes
                    except (ConnectionResetError, BrokenPipeError):
                        pass

    def test_nbd_client_leaves_in_the_middle_of_a_write(self):
        offset, size = 0, 128 << 10
        for sent_bytes in (0, 1, 4096, size - 1):
            with self.nbd_connection() as connection:
                connection.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 1, 7, offset, size))
                connection.sendall(bytes(sent_bytes))
        # tearDown: nothing of it was written.

    def nbd_connection(self):
        host, port = self.cluster.nbd_address.split(":")
        connection = socket.create_connection((host, int(port)), timeout=30)

        def receive(count):
            data = b""
            while len(data) < count:
                piece = connection.recv(count - len(data))
                self.assertTrue(piece, "the server hung up")
                data += piece
            return data
        self.assertEqual(receive(16), b"NBDMAGICIHAVEOPT")
        receive(2)
        connection.sendall(struct.pack(">I", 3))  # fixed newstyle, no zeroes
        name = VOLUME.encode()
        connection.sendall(b"IHAVEOPT" + struct.pack(">II", 1, len(name)) + name)
        self.assertEqual(struct.unpack(">Q", receive(10)[:8])[0], 64 * MIB)
        return connection


class BadCommands(BadInput):
    def test_templates_and_volumes(self):
        self.said(self.ctl("volume", "v", "create", "size", "1G", "template", "nope"), "nope",
                  "template list")
        self.said(self.ctl("volume", VOLUME, "create", "size", "1G", "template", "t"), VOLUME,
                  "exists")
        self.said(self.ctl("volume", "v", "create", "size", "1000", "template", "t"), "1000",
                  "multiple of 512")
        self.said(self.ctl("volume", "v", "create", "template", "t"), "size")
        self.cluster.ctl("placementGroup", "two", "create", "addDisk", "101", "addDisk", "201")
        self.said(self.ctl("template", "three", "create", "replication", "3", "placeAll", "two"),
                  "two", "3")
        self.said(self.ctl("template", "four", "create", "replication", "4"), "1 to 3")
        self.said(self.ctl("placementGroup", "two", "addDisk", "4000"), "4000", "disk list")
        self.said(self.ctl("attach", "volume", "nope", "client", "1"), "nope")
        self.said(self.ctl("volume", VOLUME, "delete", VOLUME), VOLUME, "detach")
        self.said(ended([self.cluster.programs["storpoolctl"],
                         f"--metadata=127.0.0.1:{free_port()}", "status"]), "metadata")


class Full(unittest.TestCase):
    def test_a_cluster_that_is_full_and_is_trimmed(self):
        with RunningCluster(size_mib=512, disk_size="192M") as cluster:
            handle = nbd.NBD()
            handle.connect_uri(cluster.nbd_uri(VOLUME))

            def content(piece, round_number):
                return random.Random(piece * 100 + round_number).randbytes(MIB)
            written = []
            with self.assertRaises(nbd.Error) as full:
                for piece in range(512):
                    handle.pwrite(content(piece, 0), piece * MIB)
                    written.append(piece)
            self.assertEqual(full.exception.errno, "ENOSPC")
            print(f"full after {len(written)} MiB")
            self.assertGreater(len(written), 32)
            for piece in written:
                self.assertEqual(handle.pread(MIB, piece * MIB), content(piece, 0), piece)

            def full_is_told():  # with the next heartbeats
                status = cluster.status()
                return not status["healthy"] and any("full" in r for r in status["reasons"])
            cluster.wait("the status says that disks are full", full_is_told)
            half = len(written) // 2
            handle.trim(half * MIB, 0)

            def writes():
                try:
                    handle.pwrite(content(0, 1), 0)
                    return True
                except nbd.Error as error:
                    self.assertEqual(error.errno, "ENOSPC")
                    return False
            cluster.wait("what was trimmed can be written again", writes)
            for piece in range(1, half // 2):
                handle.pwrite(content(piece, 1), piece * MIB)
            for piece in written:
                expected = (content(piece, 1) if piece < max(half // 2, 1) else
                            bytes(MIB) if piece < half else content(piece, 0))
                self.assertEqual(handle.pread(MIB, piece * MIB), expected, piece)
            handle.shutdown()
            cluster.wait_healthy()

    def test_commands_name_a_full_cluster(self):
        """Volumes may be larger than the disks: room is only taken by what is written."""
        with RunningCluster(size_mib=64, disk_size="64M") as cluster:
            cluster.ctl("volume", "large", "create", "size", "100T", "template", "t")
            with self.assertRaises(CommandFailed):
                cluster.ctl("volume", "too-large", "create", "size", "100000T", "template", "t")


del BadInput  # only its children are tests

if __name__ == "__main__":
    unittest.main()
