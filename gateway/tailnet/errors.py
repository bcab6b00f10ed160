"""The errors of the tailnet. None of them ends the gateway: they are reported, and it tries again.

    TailnetError
    ├── DaemonFailed      tailscaled exited, or did not answer in time
    ├── JoinFailed        the tailnet rejected us: key, tags, network
    └── Unreachable       a node cannot be reached now; the message is for the caller of its model
        └── PeerSilent    the device does not answer at all: asleep, off, or cut off

Messages contain no key and no address. Those of Unreachable follow the node's name and a colon.
"""

from __future__ import annotations


class TailnetError(Exception):
    """Base class of all tailnet errors. Never raised itself."""


class DaemonFailed(TailnetError):
    """tailscaled exited, did not start, or did not answer on its socket in time."""


class JoinFailed(TailnetError):
    """`tailscale up` was rejected, or did not finish in time."""


class Unreachable(TailnetError):
    """A node cannot be reached over the tailnet now."""


class PeerSilent(Unreachable):
    """The device answers neither the connection nor a ping."""
