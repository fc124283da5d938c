"""A writer that knows what it was promised: numbered blocks over NBD, through lost connections.

Every block holds (its place, a number that only grows). A write is `acknowledged` when the server
has answered it; after any disaster each block must hold its last acknowledged number, or one that
was sent later and never answered.
"""
import errno
import random
import struct
import time

import nbd

BLOCK = 4096


def content(place, number):
    return struct.pack("<QQ", place, number) * (BLOCK // 16)


class StampWriter:
    def __init__(self, uri, blocks, seed, depth=16):
        self.uri, self.blocks, self.depth = uri, blocks, depth
        self.random = random.Random(seed)
        self.acknowledged = [0] * blocks
        self.sent = [0] * blocks
        self.next_number = 1
        self.writes, self.reconnects, self.longest_gap_s = 0, 0, 0.0
        self.errors = []  # of the device; a lost connection is none
        self.stop = False

    def connect(self, give_up_s=120):
        end = time.monotonic() + give_up_s
        while True:
            try:
                handle = nbd.NBD()
                handle.connect_uri(self.uri)
                return handle
            except nbd.Error:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def run(self):
        """Writes until .stop is set; reconnects when the connection breaks."""
        last = time.monotonic()
        while not self.stop:
            handle = self.connect()
            busy = set()

            def finish(place, number, error):
                nonlocal last
                busy.discard(place)
                code = error.value
                if code == 0:
                    now = time.monotonic()
                    self.longest_gap_s = max(self.longest_gap_s, now - last)
                    last = now
                    self.acknowledged[place] = max(self.acknowledged[place], number)
                    self.writes += 1
                elif code not in (errno.ENOTCONN, errno.ESHUTDOWN):
                    self.errors.append(f"block {place}: write failed with {errno.errorcode[code]}")
                return 1
            try:
                while not self.stop or busy:
                    while len(busy) < self.depth and not self.stop:
                        place = self.random.randrange(self.blocks)
                        if place in busy:
                            continue
                        number, self.next_number = self.next_number, self.next_number + 1
                        self.sent[place] = number
                        busy.add(place)
                        data = nbd.Buffer.from_bytearray(bytearray(content(place, number)))
                        handle.aio_pwrite(
                            data, place * BLOCK,
                            completion=lambda e, p=place, n=number: finish(p, n, e))
                    handle.poll(1000)
                handle.shutdown()
            except nbd.Error:
                self.reconnects += 1

    def verify(self):
        """Returns writes that failed and places whose content cannot be, as texts."""
        handle = self.connect()
        wrong = list(self.errors)
        for place in range(self.blocks):
            data = bytes(handle.pread(BLOCK, place * BLOCK))
            found_place, number = struct.unpack_from("<QQ", data)
            if self.sent[place] == 0:
                fine = data == bytes(BLOCK)
            else:
                never = number == 0 and found_place == 0 and self.acknowledged[place] == 0
                fine = (never and data == bytes(BLOCK)) or (
                    data == content(place, number)
                    and self.acknowledged[place] <= number <= self.sent[place])
            if not fine:
                wrong.append(f"block {place}: place {found_place} number {number}, acknowledged "
                             f"{self.acknowledged[place]}, sent {self.sent[place]}")
        handle.shutdown()
        return wrong
