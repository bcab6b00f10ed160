"""The interface between the supervisor and `gateway/tailnet/`.

The supervisor enters `gateway.tailnet.open_tailnet` before it starts the gateway process, if
TAILSCALE_AUTH_KEY is set, and leaves it after that process has ended: a finishing stream needs its forwarder
to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

STATUS_VARIABLE = "PROXYLLM_TAILNET_STATUS"
"""Names, in the gateway process's environment, the file with the latest TailnetStatus as JSON."""


@dataclass(frozen=True, slots=True)
class TailnetStatus:
    """The `tailnet` part of readiness. It never makes a gateway unready: a sleeping PC stops no deploy."""

    state: Literal["connected", "degraded"]
    detail: str = ""  # one line for an operator; no secrets, no private addresses


Report = Callable[[TailnetStatus], None]
"""Receives each change of status. Must be fast and never raise."""
