"""Memory that was freed is given back."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKS, BLOCK_BYTES = 4_000, 20_000
PROGRAM = f"""
import asyncio
from billing.runtime.memory import FreedMemory, _resident_bytes

memory = FreedMemory()
before = _resident_bytes()
blocks = [bytes([n % 255 + 1]) * {BLOCK_BYTES} for n in range({BLOCKS})]
kept = blocks[::50] + blocks[-1:]  # between which glibc keeps what is freed
del blocks
grown = _resident_bytes() - before
asyncio.run(memory.give_back())
print(grown, _resident_bytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is not used elsewhere")
def test_what_was_freed_between_blocks_in_use_is_given_back() -> None:
    printed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    grown, left = map(int, printed.stdout.split())
    assert grown > BLOCKS * BLOCK_BYTES * 0.9
    assert left < grown / 4
