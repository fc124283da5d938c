"""The NBD front end as the clients of the world see it: libnbd, nbdinfo, nbdcopy, qemu, fio."""
import json
import os
import random
import socket
import struct
import subprocess
import tempfile
import unittest

import nbd

SERVER = os.path.join(os.environ["TEST_SRCDIR"], os.environ["TEST_WORKSPACE"],
                      "tests/nbd/memory_server")
MIB = 1 << 20
SIZE = 256 * MIB


def run(*command):
    """Runs a client to its end; its output on standard out."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class RealClientsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        self.address = self.server.stdout.readline().strip()
        self.uri = f"nbd://{self.address}/vol"

    def tearDown(self):
        self.server.stdin.close()  # It finishes what is under way and ends.
        try:
            self.assertEqual(self.server.wait(timeout=20), 0)
        finally:
            self.server.kill()
            self.server.stdout.close()
            self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def image(self, name, size):
        """A file of random data with holes."""
        source = random.Random(1)
        with open(self.path(name), "wb") as out:
            out.truncate(size)
            for at in range(0, size, 4 * MIB):
                out.seek(at)
                out.write(source.randbytes(source.randrange(1, 3 * MIB)))
        return self.path(name)

    def connect(self, name="vol", lenient=False):
        handle = nbd.NBD()
        if lenient:
            handle.set_strict_mode(0)  # Lets the server see what libnbd would refuse itself.
        handle.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
        handle.connect_uri(f"nbd://{self.address}/{name}")
        return handle

    def test_nbdinfo_sees_what_is_promised(self):
        info = json.loads(run("nbdinfo", "--json", self.uri))
        self.assertEqual(info["protocol"], "newstyle-fixed")
        self.assertTrue(info["structured"])
        export = info["exports"][0]
        self.assertEqual(export["export-size"], SIZE)
        self.assertEqual(export["contexts"], ["base:allocation"])
        for promise in ("can_df", "can_fast_zero", "can_flush", "can_fua", "can_multi_conn",
                        "can_trim", "can_zero"):
            self.assertTrue(export[promise], promise)
        self.assertFalse(export["is_read_only"])
        self.assertFalse(export["is_rotational"])
        self.assertEqual([export["block_size_minimum"], export["block_size_preferred"],
                          export["block_size_maximum"]], [512, 4096, 32 * MIB])
        frozen = json.loads(run("nbdinfo", "--json", f"nbd://{self.address}/frozen"))
        self.assertTrue(frozen["exports"][0]["is_read_only"])

    def test_nbdinfo_lists_all_exports(self):
        listed = json.loads(run("nbdinfo", "--list", "--json", f"nbd://{self.address}"))
        self.assertEqual([export["export-name"] for export in listed["exports"]],
                         ["broken", "frozen", "vol"])

    def test_nbdinfo_maps_what_is_allocated(self):
        handle = self.connect()
        handle.pwrite(b"x" * 8192, 1 * MIB)
        handle.pwrite(b"y" * 512, 2 * MIB)
        extents = json.loads(run("nbdinfo", "--map", "--json", self.uri))
        # Neighbours of one kind may come in several pieces.
        data = [(e["offset"], e["length"]) for e in extents if e["type"] == 0]
        self.assertEqual(data, [(1 * MIB, 8192), (2 * MIB, 4096)])
        self.assertEqual(sum(e["length"] for e in extents), SIZE)
        self.assertEqual({e["type"] for e in extents}, {0, 3})

    def test_nbdcopy_in_and_out_over_four_connections(self):
        image = self.image("in.raw", SIZE)
        run("nbdcopy", "--connections=4", "--requests=32", "--flush", image, self.uri)
        run("nbdcopy", "--connections=4", "--requests=32", self.uri, self.path("out.raw"))
        run("cmp", image, self.path("out.raw"))
        run("nbdcopy", "--synchronous", self.uri, self.path("sync.raw"))
        run("cmp", image, self.path("sync.raw"))

    def test_qemu_img_converts_and_compares(self):
        image = self.image("in.raw", SIZE)
        run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, self.uri)
        run("qemu-img", "compare", "-f", "raw", "-F", "raw", image, self.uri)
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", self.uri, self.path("out.qcow2"))
        run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", image, self.path("out.qcow2"))

    def test_qemu_io_discards_and_zeroes(self):
        run("qemu-io", "-f", "raw", "-t", "none", "-d", "unmap", self.uri,
            "-c", "write -P 0xab 0 8M", "-c", "discard 1M 1M", "-c", "write -z 2M 1M",
            "-c", "write -z -u 3M 1M", "-c", "write -z -f 4608 512", "-c", "write -P 0xcd 512 512",
            "-c", "flush",
            "-c", "read -P 0xab 0 512", "-c", "read -P 0xcd 512 512", "-c", "read -P 0 4608 512",
            "-c", "read -P 0xab 5120 1043456", "-c", "read -P 0 1M 3M", "-c", "read -P 0xab 4M 4M")
        data = [(e["offset"], e["length"])
                for e in json.loads(run("nbdinfo", "--map", "--json", self.uri)) if e["type"] == 0]
        # Zeroes that were to stay allocated (2 MiB to 3 MiB) are.
        self.assertEqual(data, [(0, 1 * MIB), (2 * MIB, 1 * MIB), (4 * MIB, 4 * MIB)])

    def test_fio_verifies_what_it_wrote(self):
        for block in ("4k", "512", "64k"):
            out = run("fio", "--name=verify", "--ioengine=nbd", f"--uri={self.uri}", "--rw=randrw",
                      f"--bs={block}", "--iodepth=32", "--size=64m", "--io_size=64m",
                      "--verify=crc32c", "--verify_fatal=1", "--time_based=0", "--runtime=2",
                      "--output-format=json")
            job = json.loads(out[out.index("{"):])["jobs"][0]
            self.assertEqual(job["error"], 0)
            self.assertGreater(job["write"]["total_ios"], 100)

    def test_libnbd_without_what_is_new(self):
        plain = nbd.NBD()
        plain.set_handshake_flags(0)  # Export name in place of go, and its padding of zeroes.
        plain.set_request_structured_replies(False)
        plain.connect_uri(self.uri)
        self.assertEqual(plain.get_size(), SIZE)
        plain.pwrite(b"p" * 1024, 512, nbd.CMD_FLAG_FUA)
        self.assertEqual(plain.pread(2048, 0), b"\0" * 512 + b"p" * 1024 + b"\0" * 512)
        plain.shutdown()

    def test_errors_have_their_numbers_and_the_connection_goes_on(self):
        handle = self.connect(lenient=True)
        for offset, size in ((SIZE, 512), (100, 512), (0, 100)):
            with self.assertRaises(nbd.Error) as raised:
                handle.pread(size, offset)
            self.assertEqual(raised.exception.errno, "EINVAL")
        with self.assertRaises(nbd.Error) as raised:
            handle.pwrite(b"x" * 1024, SIZE - 512)
        self.assertEqual(raised.exception.errno, "ENOSPC")
        handle.pwrite(b"x" * 512, SIZE - 512)
        with self.assertRaises(nbd.Error) as raised:
            self.connect("frozen", lenient=True).pwrite(b"x" * 512, 0)
        self.assertEqual(raised.exception.errno, "EPERM")
        with self.assertRaises(nbd.Error) as raised:
            self.connect("broken").pwrite(b"x" * 65536, 0)
        self.assertEqual(raised.exception.errno, "EIO")
        with self.assertRaisesRegex(nbd.Error, "no export named 'nowhere'"):
            self.connect("nowhere")

    def test_clients_that_break_off_hurt_nobody(self):
        host, port = self.address.split(":")
        witness = self.connect()
        flags_and_export_name = struct.pack(">IQII", 3, 0x49484156454F5054, 1, 3) + b"vol"
        write = struct.pack(">IHHQQI", 0x25609513, 0, 1, 1, 0, 1 * MIB)
        for said in (b"", b"x" * 100, flags_and_export_name[:10], flags_and_export_name + write,
                     flags_and_export_name + write + b"x" * 500000,
                     flags_and_export_name + b"y" * 28):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(said)
        self.assertEqual(witness.pread(1 * MIB, 0), b"\0" * MIB)

    def test_a_flush_on_one_connection_covers_all(self):
        one, two, three = self.connect(), self.connect(), self.connect()
        for i in range(100):
            stamp = i.to_bytes(4, "big") * 128
            one.pwrite(stamp, 512 * i)
            two.flush()
            self.assertEqual(three.pread(512, 512 * i), stamp)


if __name__ == "__main__":
    unittest.main()
