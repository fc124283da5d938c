"""The JSON API over real sockets: bad input, clients that keep no rules, and requests exactly as
StorPool's public plugins send them."""
import concurrent.futures
import json
import re
import resource
import socket
import ssl
import subprocess
import unittest

from tests.compat.fixture import PREFIX, ApiCluster
from tools.cluster import free_port

OPENAPI = "docs/openapi.yaml"
CROWD = 10000


def served_by_the_description():
    """[(method, path)] of docs/openapi.yaml."""
    paths, path = [], None
    with open(OPENAPI, encoding="utf-8") as f:
        for line in f:
            if match := re.match(r"  (/\S*):$", line):
                path = match.group(1)
            elif path and (match := re.match(r"    (get|post):$", line)):
                paths.append((match.group(1).upper(), path))
            elif line.startswith("components:"):
                break
    return paths


class HttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = ApiCluster(size_mib=64, disk_size="256M")
        cls.api.__enter__()
        cls.addClassCleanup(cls.api.__exit__, None, None, None)
        cls.cluster = cls.api.cluster

    def tearDown(self):
        for process in self.cluster.processes():
            self.assertTrue(process.running(), process.log_tail())
        self.assertEqual(len(self.api.data("GET", "DisksList")), 3)

    def raw(self, text, timeout_s=60):
        """What the server sends until it closes, after `text`."""
        with socket.create_connection((self.api.host, self.api.port), timeout=timeout_s) as s:
            s.sendall(text)
            answer = b""
            try:
                while piece := s.recv(1 << 16):
                    answer += piece
            except ConnectionResetError:
                pass
            return answer

    # ---- what the description says -------------------------------------------------------------

    def test_every_described_call_is_served(self):
        for method, path in served_by_the_description():
            query = re.sub(r"\{\w+\}", "1", path.lstrip("/"))
            _, answer = self.api.ask(method, query, "[" if method == "POST" else None)
            self.assertNotEqual(answer.get("error", {}).get("name"), "unknownCall", path)

    # ---- bad input -----------------------------------------------------------------------------

    def test_wrong_tokens(self):
        for token in ("", "wrong", self.api.token[:-1], self.api.token + "0"):
            self.assertEqual(self.api.ask("GET", "DisksList", token=token or " ")[0], 401)

    def test_half_requests_and_slow_clients_hold_nobody_up(self):
        head = (f"POST {PREFIX}VolumeCreate HTTP/1.1\r\nAuthorization: Storpool v1:"
                f"{self.api.token}\r\nContent-Length: 1000\r\n\r\n").encode()
        slow = [socket.create_connection((self.api.host, self.api.port)) for _ in range(50)]
        for number, s in enumerate(slow):
            s.sendall(head[:number * 7] if number < 20 else head + b"{" * number)
        self.assertEqual(len(self.api.data("GET", "DisksList")), 3)
        slow[-1].settimeout(60)
        try:
            self.assertEqual(slow[-1].recv(100), b"")  # timed out by the server
        except ConnectionResetError:
            pass
        for s in slow:
            s.close()

    def test_huge_bodies(self):
        self.assertEqual(self.api.ask("POST", "VolumeCreate", "x" * (1 << 20))[0], 400)
        self.assertEqual(self.api.ask("POST", "VolumeCreate", "[" * (1 << 20))[0], 400)
        huge = (f"POST {PREFIX}VolumeCreate HTTP/1.1\r\nAuthorization: Storpool v1:"
                f"{self.api.token}\r\nContent-Length: 9999999999\r\n\r\n").encode()
        self.assertIn(b" 413 ", self.raw(huge)[:20])

    def test_bad_values_change_nothing(self):
        generation = self.api.ask("GET", "VolumesList")[1]["generation"]
        good = {"name": "new", "size": 1 << 30, "template": "t"}
        for bad in ({"name": "bad name"}, {"name": "list"}, {"name": "x" * 200}, {"name": 7},
                    {"size": 513}, {"size": 0}, {"size": -512}, {"size": 1 << 60},
                    {"size": "large"}, {"unknown": 1}, {"replication": 9}, {"iops": "fast"},
                    {"tags": [1]}, {"name": None, "size": [1]}):
            error = self.api.error("POST", "VolumeCreate", {**good, **bad})
            self.assertEqual(error["name"], "invalidParam", (bad, error))
            self.assertFalse(error["transient"])
        error = self.api.error("POST", "VolumeCreate", {**good, "template": "missing"})
        self.assertEqual(error["name"], "objectDoesNotExist")
        self.assertEqual(self.api.ask("GET", "VolumesList")[1]["generation"], generation)

    def test_two_operators_one_wins(self):
        def create(_):
            return self.api.ask("POST", "VolumeCreate",
                                {"name": "race", "size": 1 << 20, "template": "t"})
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(create, range(8)))
        self.assertEqual(sorted(status for status, _ in answers), [200] + [409] * 7)
        names = {a["error"]["name"] for status, a in answers if status != 200}
        self.assertEqual(names, {"objectExists"})
        self.api.data("POST", "VolumeDelete/race")

    def test_ten_thousand_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = min(CROWD, hard - 200)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 200), hard))
        crowd = []
        try:
            for _ in range(wanted):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex((self.api.host, self.api.port))
                crowd.append(s)
            # gRPC and heartbeats go on meanwhile.
            self.assertTrue(self.cluster.status()["healthy"])
            refused = self.raw(b"GET / HTTP/1.1\r\n\r\n", timeout_s=120)
            self.assertIn(b"HTTP/1.1 ", refused[:9])
        finally:
            for s in crowd:
                s.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.cluster.wait("the API answers again",
                          lambda: self.api.ask("GET", "DisksList")[0] == 200)
        self.assertTrue(self.cluster.status()["healthy"])

    # ---- requests as the plugins send them -------------------------------------------------------

    def test_opennebula(self):
        """curl -d: a form's Content-Type, ids as text."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        client = str(self.cluster.client_id)
        body = json.dumps({"attachTimeout": 10, "reassign": [{"volume": "test", "detach": "all"}]})
        status, answer = self.api.ask("POST", "VolumesReassignWait", body, headers=form)
        self.assertEqual((status, answer["data"]["ok"]), (200, True))
        body = json.dumps({"attachTimeout": 10, "reassign": [{"volume": "test", "rw": [client]}]})
        status, answer = self.api.ask("POST", "VolumesReassignWait", body, headers=form)
        self.assertEqual((status, answer["data"]["ok"]), (200, True))

    def test_proxmox(self):
        """The bare array to VolumesReassignWait; all by global id."""
        [volume] = self.api.data("GET", "Volume/test")
        name = f"~{volume['globalId']}"
        client = self.cluster.client_id
        for change in ({"detach": [client]}, {"rw": [client]}):
            entry = {"volume": name, "force": False, **change}
            self.assertTrue(self.api.data("POST", "VolumesReassignWait", [entry])["ok"])
        self.assertEqual(self.api.data("GET", f"Volume/{name}")[0]["name"], "test")
        self.assertEqual(self.api.data("GET", "VolumeTemplateDescribe/t")["replication"], 3)
        self.api.data("POST", f"VolumeSnapshot/{name}", {"name": "base"})
        [snapshot] = self.api.data("GET", "Snapshot/base")
        self.assertIs(snapshot["snapshot"], True)  # create_base dies without it
        for call, is_snapshot in (("SnapshotsList", True), ("VolumesList", False),
                                  ("VolumeListSnapshots/test", True)):
            entries = self.api.data("GET", call)
            self.assertTrue(entries, call)
            self.assertTrue(all(e["snapshot"] is is_snapshot for e in entries), call)
        both = self.api.data("GET", "VolumesAndSnapshotsList")["volumes"]
        self.assertEqual({e["name"]: e["snapshot"] for e in both}["base"], True)
        self.api.data("POST", "SnapshotDelete/base")
        disks = self.api.data("GET", "DisksList")
        group = self.api.data("GET", "PlacementGroupDescribe/default")["disks"]
        self.assertTrue(all("agCount" in disks[str(disk)] for disk in group))

    def test_cloudstack(self):
        headers = {"Content-Type": "application/json"}
        status, answer = self.api.ask(
            "POST", "MultiCluster/VolumeCreate",
            {"name": "cs", "size": 1 << 30, "template": "t"}, headers=headers)
        self.assertEqual(status, 200)
        self.assertTrue(answer["data"]["globalId"])
        every = self.api.data("GET", "MultiCluster/AllClusters/VolumeTemplatesStatus")
        [cluster] = every["clusters"]
        stored = cluster["response"]["data"][0]["stored"]
        self.assertGreaterEqual(stored["capacity"], stored["free"])
        self.assertTrue(self.api.data("POST", "MultiCluster/VolumeDelete/cs")["ok"])

    def test_csi(self):
        """RemoteCommand/~CLUSTER/, detach all and attach one in one entry; No such client."""
        cluster = self.cluster.status()["clusterName"]
        [volume] = self.api.data("GET", "Volume/test")
        entry = {"volume": f"~{volume['globalId']}", "rw": [self.cluster.client_id],
                 "detach": "all", "force": False}
        call = f"RemoteCommand/~{cluster}/VolumesReassignWait"
        self.assertTrue(self.api.data("POST", call, {"reassign": [entry]})["ok"])
        error = self.api.error("POST", call, {"reassign": [{**entry, "rw": [77]}]})
        self.assertEqual((error["name"], error["descr"]),
                         ("invalidParam", "No such client registered"))
        self.api.data("POST", call, {"reassign": [entry]})

    # ---- TLS -------------------------------------------------------------------------------------

    def test_tls(self):
        folder = self.cluster.folder
        key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        other = f"{folder}/tls"
        self.cluster.ctl("metadata", "init", other)
        port = free_port()
        daemon = subprocess.Popen(
            [self.cluster.programs["storpool_metadata"], f"--folder={other}",
             f"--listen=127.0.0.1:{free_port()}", f"--http=127.0.0.1:{port}",
             f"--http_certificate={certificate}", f"--http_key={key}"],
            stderr=subprocess.DEVNULL)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        context = ssl.create_default_context(cafile=certificate)

        def answer():
            with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as s:
                    s.sendall(b"GET /ctrl/1.0/DisksList HTTP/1.1\r\n\r\n")
                    return s.recv(100)

        def listens():
            try:
                return answer().startswith(b"HTTP/1.1 401 ")
            except ConnectionRefusedError:
                return False
        self.cluster.wait("the API speaks TLS", listens)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"GET /ctrl/1.0/DisksList HTTP/1.1\r\n\r\n")
            self.assertNotIn(b"HTTP", plain.recv(100))


if __name__ == "__main__":
    unittest.main()
