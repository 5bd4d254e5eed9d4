"""What the peers share: their job, the data that they send, and how they speak with the conductor."""

import json
import os
import random
import sys
from types import SimpleNamespace

MIB = 1 << 20


def job():
    """The transfer to do, from the command line."""
    return SimpleNamespace(**json.loads(sys.argv[1]))


def ready():
    """The client is made: waits for the start."""
    print("ready", flush=True)
    if not sys.stdin.readline():
        sys.exit("the conductor is gone")


def moved(size):
    """The bytes are moved: waits to be ended."""
    print(f"moved {size}", flush=True)
    sys.stdin.readline()
    os._exit(0)


def run(version, transfers):
    """A peer's main program: `transfers` makes, for a job, the function that moves its bytes."""
    if sys.argv[1:] == ["version"]:
        print(version)
        return
    todo = job()
    transfer = transfers(todo)
    ready()
    moved(transfer())


class Source:
    """A file of so many bytes: one random MiB over and over, so that making it costs next to nothing."""

    def __init__(self, size):
        self.size, self.at = size, 0
        self.block = random.Random(0).randbytes(MIB)

    def __len__(self):
        return self.size

    def read(self, length=-1):
        left = self.size - self.at
        length = left if length is None or length < 0 else min(length, left)
        return b"".join(self._pieces(length))

    def readinto(self, buffer):
        length, done = min(len(buffer), self.size - self.at), 0
        for piece in self._pieces(length):
            buffer[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def _pieces(self, length):
        block = memoryview(self.block)
        while length > 0:
            begin = self.at % MIB
            piece = block[begin : min(MIB, begin + length)]
            self.at += len(piece)
            length -= len(piece)
            yield piece

    def seek(self, offset, whence=os.SEEK_SET):
        self.at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.size}[whence]
        return self.at

    def tell(self):
        return self.at

    def seekable(self):
        return True

    def readable(self):
        return True
