"""What the disk does by itself beside a measurement, so that a stall of the machine is not taken for one of the server."""
import contextlib
import os
import threading
import time

BLOCK_BYTES = 4096
PAUSE_S = 0.005


class DiskProbe(contextlib.AbstractContextManager):
    """Writes the same block of a file again and again, `fdatasync` each time: nothing is allocated, so what is slow is the
    disk. `figures()` after the end: how many writes, and how long the slowest took."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "disk-probe"
        self.ended = threading.Event()
        self.took = []
        self.thread = threading.Thread(target=self.write)

    def write(self):
        file = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            block = bytes(BLOCK_BYTES)
            os.pwrite(file, block, 0)
            os.fsync(file)
            while not self.ended.wait(PAUSE_S):
                began = time.monotonic()
                os.pwrite(file, block, 0)
                os.fdatasync(file)
                self.took.append(time.monotonic() - began)
        finally:
            os.close(file)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_error):
        self.ended.set()
        self.thread.join()
        self.path.unlink(missing_ok=True)

    def figures(self):
        return {"writes": len(self.took), "max_ms": round(max(self.took, default=0) * 1000, 1)}
