"""Caches token counts of texts: each turn of a conversation sends all earlier ones again.

Half a megabyte of text takes 30 ms of CPU to count, and half a millisecond to recognize. Only digests are
stored, no text.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

_DIGEST_BYTES = 16


class KnownCounts:
    """At most `size_max` counts, about 250 bytes each; the least recently used are dropped first.

    Thread-safe.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._counts: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, encoding_name: str, data: bytes, count: Callable[[], int]) -> int:
        """Returns the tokens of the UTF-8 text `data` under an encoding, from the cache or from `count`."""
        key = (encoding_name, hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest())
        with self._lock:
            known = self._counts.get(key)
            if known is not None:
                self._counts.move_to_end(key)
                return known
        tokens = count()  # other threads count meanwhile
        with self._lock:
            self._counts[key] = tokens
            if len(self._counts) > self._size_max:
                self._counts.popitem(last=False)
        return tokens
