"""LiteLLM's installed source, read once for all tests that walk through it."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import litellm


@lru_cache(maxsize=1)
def sources() -> tuple[str, ...]:
    """The text of every module."""
    package = Path(litellm.__file__).parent
    return tuple(path.read_text("utf-8") for path in sorted(package.rglob("*.py")))


def names_found(pattern: re.Pattern[str], containing: str) -> set[str]:
    """What the pattern's group matches in all modules with this word in them."""
    return {match.group(1) for text in sources() if containing in text for match in pattern.finditer(text)}
