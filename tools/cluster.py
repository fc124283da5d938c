"""A cluster of real processes on loopback: what quickstart.sh shows and tests/integration proves.

Every process is started by its own command line and ended by its pid; nothing outlives the Cluster
unless it is told to keep running.
"""
import json
import os
import random
import signal
import socket
import subprocess
import time


class CommandFailed(Exception):
    """A storpoolctl command ended with an error; the text is what it printed."""


def free_port():
    """A TCP port of loopback that is free, and that the kernel gives to nobody who asks for any:
    else another's connection could have it while the daemon that it belongs to is down."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        first_of_kernel = int(f.read().split()[0])
    candidates = list(range(min(10000, first_of_kernel - 2000), first_of_kernel))
    random.SystemRandom().shuffle(candidates)
    for port in candidates:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no TCP port of loopback is free")


class Process:
    """One daemon. `command` can be run again after a kill and brings it back as it was."""

    def __init__(self, role, number, command, log, disks=()):
        self.role, self.number, self.command, self.log = role, number, command, log
        self.disks = list(disks)
        self.popen = None

    def start(self):
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def kill(self):
        """SIGKILL: as a power cut of this process."""
        self.popen.kill()
        self.popen.wait()

    def stop(self, timeout_s=30):
        """SIGTERM: a clean stop. Returns the exit code."""
        if self.running():
            self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self.role} {self.number} did not stop within {timeout_s} s; "
                               f"its log: {self.log}") from None

    def cpu_seconds(self):
        """User and system time so far, of all its threads."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log_tail(self, lines=15):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])


class Cluster:
    """Metadata, nodes and a client in `folder`, from the programs in `programs`: a dict of the
    paths of storpool_metadata, storpool_node, storpool_client and storpoolctl."""

    def __init__(self, folder, programs, nodes=3, disks_per_node=1, disk_size="1G", sparse=False,
                 disk_folder=None, say=lambda text: None, log_level="info"):
        self.folder, self.programs, self.say = os.path.abspath(folder), programs, say
        self.log_level = log_level
        self.disk_folder = os.path.abspath(disk_folder or folder)
        self.disk_size, self.sparse = disk_size, sparse
        self.node_count, self.disks_per_node = nodes, disks_per_node
        self.ports = set()
        self.metadata_address = f"127.0.0.1:{self._port()}"
        self.nbd_address = f"127.0.0.1:{self._port()}"
        self.http_address = f"127.0.0.1:{self._port()}"
        self.cluster_file = os.path.join(self.folder, "metadata", "cluster")
        self.metadata, self.nodes, self.client = None, {}, None
        self.client_id = 1

    # ---- starting and stopping ---------------------------------------------------------------

    def create(self):
        """Makes the metadata folder and the disks."""
        os.makedirs(self.folder, exist_ok=True)
        self.ctl("metadata", "init", os.path.join(self.folder, "metadata"))
        for node in range(1, self.node_count + 1):
            for path, disk in self.disks_of(node):
                words = ["disk", "init", path, "id", str(disk), "size", self.disk_size, "cluster",
                         self.cluster_file]
                self.ctl(*words, *(["sparse"] if self.sparse else []))

    def disks_of(self, node):
        return [(os.path.join(self.disk_folder, f"disk{node * 100 + i}"), node * 100 + i)
                for i in range(1, self.disks_per_node + 1)]

    def start(self):
        """Starts all daemons and waits until metadata knows them all."""
        self.metadata = self._process("metadata", 0, [
            self.programs["storpool_metadata"], f"--folder={os.path.join(self.folder, 'metadata')}",
            f"--listen={self.metadata_address}", f"--http={self.http_address}"])
        self.metadata.start()
        for node in range(1, self.node_count + 1):
            disks = [path for path, _ in self.disks_of(node)]
            self.nodes[node] = self._process("node", node, [
                self.programs["storpool_node"], f"--id={node}", f"--cluster={self.cluster_file}",
                f"--metadata={self.metadata_address}", f"--listen=127.0.0.1:{self._port()}",
                f"--disks={','.join(disks)}"], disks)
            self.nodes[node].start()
        self.client = self._process("client", self.client_id, [
            self.programs["storpool_client"], f"--id={self.client_id}",
            f"--cluster={self.cluster_file}", f"--metadata={self.metadata_address}",
            f"--nbd={self.nbd_address}"])
        self.client.start()
        self.wait_services()

    def _port(self):
        while (port := free_port()) in self.ports:
            pass
        self.ports.add(port)
        return port

    def _process(self, role, number, command, disks=()):
        name = f"{role}{number or ''}"
        return Process(role, number, command + [f"--log_level={self.log_level}"],
                       os.path.join(self.folder, f"{name}.log"), disks)

    def processes(self):
        some = [self.metadata, *self.nodes.values(), self.client]
        return [p for p in some if p is not None]

    def stop(self):
        """A clean stop of everything, clients first."""
        for process in reversed(self.processes()):
            if process.running():
                process.stop()

    def kill_all(self):
        started = [p for p in self.processes() if p.popen is not None]
        for process in started:
            if process.running():
                process.popen.kill()
        for process in started:
            process.popen.wait()

    def kill(self, process):
        """SIGKILL, and waits until metadata has noticed: what it says afterwards is of now."""
        process.kill()
        self.wait(f"metadata has noticed that {process.role} {process.number} is gone",
                  lambda: not self.service(process)["up"])

    def service(self, process):
        """What `service list` says about a node or client."""
        kind = {"node": "server"}.get(process.role, process.role)
        for service in self.ctl_json("service", "list"):
            if service["kind"] == kind and service["id"] == process.number:
                return service
        raise CommandFailed(f"service list does not have {process.role} {process.number}")

    # ---- commands ----------------------------------------------------------------------------

    def ctl(self, *words, timeout_s=120):
        """Runs storpoolctl; returns its standard output, raises CommandFailed with its error."""
        done = subprocess.run([self.programs["storpoolctl"], f"--metadata={self.metadata_address}",
                               *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise CommandFailed(f"storpoolctl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def ctl_json(self, *words):
        return json.loads(self.ctl("-j", *words))["data"]

    # ---- waiting -----------------------------------------------------------------------------

    def wait(self, what, condition, timeout_s=60, poll_s=0.1):
        """Until condition() is true; an error names `what` and shows the last state."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                if condition():
                    return
                last = ""
            except (CommandFailed, subprocess.TimeoutExpired) as failed:
                last = str(failed)
            for process in self.processes():
                if process.popen is not None and process.popen.poll() not in (None, 0, -9, -15):
                    raise RuntimeError(f"{process.role} {process.number} ended by itself with "
                                       f"{process.popen.poll()}:\n{process.log_tail()}")
            if time.monotonic() > end:
                raise TimeoutError(f"after {timeout_s} s still not: {what}. {last}")
            time.sleep(poll_s)

    def wait_services(self):
        """Until metadata knows all running daemons and every disk of the running nodes: a node
        registers first and reports its disks as they are opened."""
        def all_up():
            services = self.ctl_json("service", "list")
            up = [s for s in services if s["up"]]
            wanted = sum(p.running() for p in self.processes())
            known = {int(disk["id"]) for disk in self.ctl_json("disk", "list").values()}
            disks = {disk for node, process in self.nodes.items() if process.running()
                     for _, disk in self.disks_of(node)}
            return len(up) >= wanted and disks <= known
        self.wait("all daemons and their disks are known to metadata", all_up)

    def status(self):
        return self.ctl_json("status")

    def wait_healthy(self, timeout_s=300):
        self.wait("the cluster is healthy", lambda: self.status()["healthy"], timeout_s)

    def token(self):
        """Of the JSON API: SP_AUTH_TOKEN of StorPool's clients."""
        with open(os.path.join(self.folder, "metadata", "token"), encoding="ascii") as f:
            return f.read().strip()

    def nbd_uri(self, volume):
        return f"nbd://{self.nbd_address}/{volume}"

    # ---- for people and tools ------------------------------------------------------------------

    def endpoints(self, volume):
        return {
            "metadata": self.metadata_address,
            "nbd": self.nbd_uri(volume),
            "processes": [{"role": p.role, "id": p.number, "pid": p.pid, "command": p.command,
                           "disks": p.disks} for p in self.processes()],
        }

    def write_endpoints(self, volume):
        path = os.path.join(self.folder, "endpoints.json")
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(self.endpoints(volume), f, indent=1)
        os.replace(path + ".new", path)
