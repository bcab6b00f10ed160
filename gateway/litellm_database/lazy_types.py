"""Keeps processes that import LiteLLM's client from executing the generated `prisma/types.py`.

It contains thousands of TypedDicts that only type checkers read: for LiteLLM's schema they cost each process
about 8 s of CPU and 350 MB. They can still be imported by name (ADR 0004 has the figures).
"""

from __future__ import annotations

from pathlib import Path

EVERY_TYPE = "_every_type.py"
LAZY = '''\
"""The generated types, loaded when one is asked for. Written after `prisma generate`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._every_type import *
else:
    from ._types import DatasourceOverride, HttpConfig, MetricsFormat, SortMode, SortOrder

    def __getattr__(name):
        if name.startswith("__"):  # the import machinery asks for __path__
            raise AttributeError(name)
        if name.endswith("CountAggregateOutput"):  # `count` names it in a cast, while serving
            return dict
        from . import _every_type

        return getattr(_every_type, name)
'''


def make_lazy(package: Path) -> None:
    """Moves the generated types aside, in the freshly generated client at `package`."""
    types = package / "types.py"
    types.replace(package / EVERY_TYPE)
    types.write_text(LAZY, "utf-8")
