"""The command line. `main` is the entry point of the `proxyllm` program."""

from __future__ import annotations

from proxyllm.program import main

__all__ = ["main"]
