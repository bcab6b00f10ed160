"""What no gateway of ours inherits, whoever starts it."""

from __future__ import annotations

NOT_FOR_US = frozenset(
    (
        "WEB_CONCURRENCY",  # would turn one process into several; replicas are the way to more
        "PYTHONDONTWRITEBYTECODE",  # would compile LiteLLM anew at each start
    )
)
