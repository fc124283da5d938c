"""A gateway between NBD clients and their server: it counts bytes, and measures how long clients
wait. Real clients show neither; through it each of them can be disturbed at a share of its work."""
import socket
import threading
import time

RECEIVE_BYTES = 1 << 18


class Gateway:
    """with Gateway("host:port") as gateway: clients connect to gateway.uri(export)."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.lock = threading.Lock()
        self.passed_bytes, self.longest_gap_s = 0, 0.0
        self.asked_at = None  # of the first request since the last answer
        self.action_bytes, self.action = 0, None
        self.acting, self.failed = None, None
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind, value, trace):
        with self.lock:
            for one in [self.listener, *self.sockets]:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # its other end was first
                one.close()

    def uri(self, export):
        return f"nbd://127.0.0.1:{self.listener.getsockname()[1]}/{export}"

    def after(self, count_bytes, action):
        """Runs action() on a thread of its own when so many bytes have passed, both ways."""
        self.action_bytes, self.action = count_bytes, action

    def acted(self):
        """Waits for the action; raises what it raised. False: clients ended before it was due."""
        if self.acting is None:
            return False
        self.acting.join()
        if self.failed is not None:
            raise self.failed
        return True

    def _act(self, action):
        try:
            action()
        except BaseException as error:  # raised again in acted()
            self.failed = error

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
            except OSError:
                return  # closed, or nobody there: clients see their connection end
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.sockets += [client, server]
            for source, target, to_server in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(source, target, to_server),
                                 daemon=True).start()

    def _pump(self, source, target, to_server):
        try:
            while data := source.recv(RECEIVE_BYTES):
                self._count(len(data), to_server)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one end is gone; the other thread sees it too

    def _count(self, count_bytes, to_server):
        now = time.monotonic()
        with self.lock:
            self.passed_bytes += count_bytes
            if not to_server and self.asked_at is not None:
                self.longest_gap_s = max(self.longest_gap_s, now - self.asked_at)
                self.asked_at = None
            elif to_server and self.asked_at is None:
                self.asked_at = now
            if self.action is not None and self.passed_bytes >= self.action_bytes:
                self.acting = threading.Thread(target=self._act, args=(self.action,), daemon=True)
                self.action = None
                self.acting.start()
