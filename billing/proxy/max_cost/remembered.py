"""Values that are remembered between calls, and made anew as soon as what they were made of has changed.

The operator edits models and prices while the gateway runs, in place too. So nothing is remembered on trust:
beside each value stands a deep copy of its inputs, and every use compares them (in C; what has not changed is
the same object, so this is a walk over pointers). A value is made of the copy, and never sees a later edit.
Equal is what Python calls equal: an edit of a price from 1 to True, which is none, is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from copy import deepcopy
from typing import Generic, TypeVar, TypeVarTuple

Inputs = TypeVarTuple("Inputs")
Value = TypeVar("Value")


class Remembered(Generic[*Inputs, Value]):
    """At most `size_max` values by key; the one that was made first goes first."""

    def __init__(self, make: Callable[[*Inputs], Value], size_max: int) -> None:
        self._make = make
        self._size_max = size_max
        self._known: dict[Hashable, tuple[tuple[*Inputs], Value]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def value(self, key: Hashable, *inputs: *Inputs) -> Value:
        """What is made of these inputs: under this key the last time, if they are equal, or now.

        The key only says where to look. Inputs that cannot be copied are made into a value each time.
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
