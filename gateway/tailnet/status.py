"""What the supervisor and `gateway/tailnet/` agree on; each side knows nothing else of the other.

The supervisor enters `gateway.tailnet.open_tailnet` before it starts the gateway process, if
TAILSCALE_AUTH_KEY is set, and leaves it after that process has ended: a stream that finishes needs its
forwarder to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

STATUS_VARIABLE = "PROXYLLM_TAILNET_STATUS"
"""Names, in the gateway process's environment, the file that holds the latest TailnetStatus as JSON."""


@dataclass(frozen=True, slots=True)
class TailnetStatus:
    """What readiness shows as `tailnet`. Never makes a gateway unready: a sleeping PC stops no deploy."""

    state: Literal["connected", "degraded"]
    detail: str = ""  # one line for an operator; no secret, no address that a stranger may not know


Report = Callable[[TailnetStatus], None]
"""Takes each change of status. Cheap, and never raises."""
