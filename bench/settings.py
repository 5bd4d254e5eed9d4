"""What a measurement is made with: sizes, repetitions, programs."""

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20


class Skip(Exception):
    """Why something cannot be measured here, in one sentence, with the way to get what is missing."""


@dataclass
class Settings:
    quick: bool
    """Small sizes and one repetition: whether everything works, not how fast it is."""
    worker: Path
    """The worker's binary."""
    only: list = field(default_factory=list)
    """The contenders to compare, all where it is empty."""
    minutes: int = 30
    """How long a soak takes."""

    @property
    def rounds(self):
        return 1 if self.quick else 5

    def size(self, full, quick):
        return quick if self.quick else full


def say(text):
    print(f"bench: {text}", flush=True)
