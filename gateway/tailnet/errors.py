"""What can go wrong with the tailnet. None of it ends the gateway: it is reported, and tried again.

    TailnetError
    ├── DaemonFailed      tailscaled ended, or did not answer in time
    ├── JoinFailed        the tailnet did not take us in: key, tags, network
    └── Unreachable       a node cannot be reached now; the message is for whoever asked its model
        └── PeerSilent    nothing at all came back from the device: asleep, off, or cut off

Messages hold no key and no address. Those of Unreachable are read after the node's name and a colon.
"""

from __future__ import annotations


class TailnetError(Exception):
    """Root of all of them. Never raised itself."""


class DaemonFailed(TailnetError):
    """tailscaled ended, did not start, or did not answer on its socket in time."""


class JoinFailed(TailnetError):
    """`tailscale up` was refused, or not done in time."""


class Unreachable(TailnetError):
    """A node cannot be reached over the tailnet now."""


class PeerSilent(Unreachable):
    """The device answers neither the connection nor a ping."""
