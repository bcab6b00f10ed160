"""Caches values between calls, and recomputes them as soon as their inputs have changed.

The operator edits models and prices while the gateway runs, even in place. So the cache stores a deep copy of
the inputs with each value, and every use compares them (in C; unchanged inputs are the same object, so this
is a walk over pointers). A value is computed from the copy, and never sees a later edit. Equality is
Python's: changing a price from 1 to True, which is invalid, goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from copy import deepcopy
from typing import Generic, TypeVar, TypeVarTuple

Inputs = TypeVarTuple("Inputs")
Value = TypeVar("Value")


class Remembered(Generic[*Inputs, Value]):
    """At most `size_max` values by key; the oldest is dropped first."""

    def __init__(self, make: Callable[[*Inputs], Value], size_max: int) -> None:
        self._make = make
        self._size_max = size_max
        self._known: dict[Hashable, tuple[tuple[*Inputs], Value]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def value(self, key: Hashable, *inputs: *Inputs) -> Value:
        """Returns the value for these inputs: the cached one for this key if they are equal, or a new one.

        The key only says where to look. Inputs that cannot be copied are not cached.
        """
        known = self._known.get(key)
        if known is not None and known[0] == inputs:
            return known[1]
        try:
            copied = deepcopy(inputs)
        except TypeError:  # an open connection, a lock
            return self._make(*inputs)
        made = self._make(*copied)
        self._known.pop(key, None)
        if len(self._known) >= self._size_max:
            del self._known[next(iter(self._known))]
        self._known[key] = (copied, made)
        return made
