"""CPU time as a multiple of a floor in the same process: a busy or a slow machine changes neither."""

import hashlib
import time
from functools import cache

_FLOOR_BYTES = 64 * 1024 * 1024


class Cpu:
    """The CPU time that a block takes, as a multiple of hashing 64 MiB with SHA-256 in the same process."""

    def __init__(self) -> None:
        self.floors = 0.0
        self._began = 0.0

    def __enter__(self) -> "Cpu":
        self._began = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.floors = (time.process_time() - self._began) / _floor_seconds()


@cache
def _floor_seconds() -> float:
    began = time.process_time()
    hashlib.sha256(bytes(_FLOOR_BYTES)).digest()
    return time.process_time() - began
