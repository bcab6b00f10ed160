"""The progress callback of long steps."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str], None]
"""Takes one short line, like "Installing Prisma's engine from npm"."""
