"""A live cluster with its JSON API; StorPool's public Python packages, unchanged, installed into a
folder of the test's own from wheels that tools/wheels.sh has fetched."""
import http.client
import json
import os
import subprocess
import sys
import tempfile
import unittest

from tests.integration.fixture import RunningCluster

WHEELS = os.environ.get("STORPOOL_WHEELS", "/var/tmp/storpool-wheels")
PACKAGES = "tests/compat/packages.txt"
PREFIX = "/ctrl/1.0/"


def install_packages():
    """From then on `import storpool` finds the package from the registry."""
    if not os.path.exists(os.path.join(WHEELS, "packages.txt")):
        raise RuntimeError(f"{WHEELS} does not have the Python packages: run tools/wheels.sh")
    target = tempfile.mkdtemp(prefix="packages-", dir=os.environ.get("TEST_TMPDIR"))
    subprocess.run(["/usr/bin/python3", "-m", "pip", "install", "--quiet", "--no-index",
                    "--find-links", WHEELS, "--target", target, "--requirement", PACKAGES],
                   check=True)
    sys.path.insert(0, target)


class ApiCluster(RunningCluster):
    """with ApiCluster() as api: .cluster, and .ask(...) to send requests as they are."""

    def __enter__(self):
        super().__enter__()
        host, port = self.cluster.http_address.rsplit(":", 1)
        self.host, self.port, self.token = host, int(port), self.cluster.token()
        return self

    def ask(self, method, query, body=None, token=None, headers=None):
        """(status, the JSON of the answer). `body`: text as it is, anything else as JSON."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        token = self.token if token is None else token
        text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        try:
            connection.request(method, PREFIX + query, text,
                               {"Authorization": f"Storpool v1:{token}", **(headers or {})})
            response = connection.getresponse()
            return response.status, json.load(response)
        finally:
            connection.close()

    def data(self, method, query, body=None):
        """The data of an answer that must be good."""
        status, answer = self.ask(method, query, body)
        if status != 200 or "error" in answer:
            raise AssertionError(f"{method} {query}: {status} {answer}")
        return answer["data"]

    def error(self, method, query, body=None, **more):
        """The error of an answer that must be bad."""
        status, answer = self.ask(method, query, body, **more)
        if status == 200 or "error" not in answer:
            raise AssertionError(f"{method} {query} is no error: {status} {answer}")
        return answer["error"]


class BoundCluster(unittest.TestCase):
    """Tests with `api`, the unchanged bindings, on a cluster of the class's own."""

    @classmethod
    def setUpClass(cls):
        install_packages()
        from storpool import spapi
        cls.spapi = spapi
        cls.running = ApiCluster(size_mib=64, disk_size="256M")
        cls.running.__enter__()
        cls.addClassCleanup(cls.running.__exit__, None, None, None)
        cls.running.cluster.wait_healthy()  # while chains open, some calls are busy for a moment
        cls.api = spapi.Api(cls.running.host, cls.running.port, cls.running.token,
                            transientRetries=0)

    def assert_whole(self, value, where=""):
        """No entry of a strict reply is None: the bindings make None of what they cannot build."""
        self.assertIsNotNone(value, where)
        if isinstance(value, dict):
            for key, entry in value.items():
                self.assert_whole(entry, f"{where}[{key}]")
        elif isinstance(value, list):
            for i, entry in enumerate(value):
                self.assert_whole(entry, f"{where}[{i}]")

    def fails(self, name, call, *arguments):
        with self.assertRaises(self.spapi.ApiError) as raised:
            call(*arguments)
        self.assertEqual(raised.exception.name, name, raised.exception)
