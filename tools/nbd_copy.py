"""Copies and compares over NBD with many requests under way, by libnbd (python3-libnbd).

Every function takes progress(done_bytes, total_bytes). Errors of the device are raised.
"""
import os
import time

import nbd

PIECE = 1 << 18
DEPTH = 16


class _Pipeline:
    """Keeps DEPTH requests under way and measures the longest time without a completion."""

    def __init__(self, uri):
        self.handle = nbd.NBD()
        self.handle.connect_uri(uri)
        self.under_way = 0
        self.failed = None
        self.last = time.monotonic()
        self.longest_gap_s = 0.0

    def completed(self, error):
        now = time.monotonic()
        self.longest_gap_s = max(self.longest_gap_s, now - self.last)
        self.last = now
        self.under_way -= 1
        if error and self.failed is None:
            self.failed = OSError(error, os.strerror(error))

    def run(self, offsets, start):
        """start(offset) issues a request whose callback calls completed()."""
        for offset in offsets:
            while self.under_way >= DEPTH:
                self.handle.poll(-1)
            if self.failed:
                break
            self.under_way += 1
            start(offset)
        while self.under_way:
            self.handle.poll(-1)
        if self.failed:
            raise self.failed

    def close(self):
        self.handle.shutdown()


def write(path, uri, progress):
    """Writes the file to the start of the export; returns the longest gap in seconds."""
    total, done = os.path.getsize(path), 0
    pipeline = _Pipeline(uri)
    with open(path, "rb") as source:
        def start(offset):
            source.seek(offset)
            buffer = nbd.Buffer.from_bytearray(bytearray(source.read(PIECE)))

            def finish(error):
                nonlocal done
                pipeline.completed(error)
                done += buffer.size()
                progress(done, total)
                return 1
            pipeline.handle.aio_pwrite(buffer, offset, completion=finish)
        pipeline.run(range(0, total, PIECE), start)
    pipeline.handle.flush()
    pipeline.close()
    return pipeline.longest_gap_s


def _read(uri, total, progress, take):
    pipeline = _Pipeline(uri)
    done = 0

    def start(offset):
        buffer = nbd.Buffer(min(PIECE, total - offset))

        def finish(error):
            nonlocal done
            pipeline.completed(error)
            if not error:
                take(offset, buffer.to_bytearray())
            done += buffer.size()
            progress(done, total)
            return 1
        pipeline.handle.aio_pread(buffer, offset, completion=finish)
    pipeline.run(range(0, total, PIECE), start)
    pipeline.close()
    return pipeline.longest_gap_s


def read(uri, path, total, progress):
    """Reads the first `total` bytes of the export into a file."""
    with open(path, "wb") as target:
        def take(offset, data):
            target.seek(offset)
            target.write(data)
        return _read(uri, total, progress, take)


def compare(uri, path, progress):
    """Compares the start of the export with the file; raises at the first difference."""
    with open(path, "rb") as source:
        def take(offset, data):
            source.seek(offset)
            if source.read(len(data)) != data:
                raise ValueError(f"the volume differs from {path} in the {len(data)} bytes at "
                                 f"offset {offset}")
        return _read(uri, os.path.getsize(path), progress, take)
