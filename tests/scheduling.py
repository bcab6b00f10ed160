"""Which tests of a parallel run share a worker: those that share what is dear to start."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

_ACCEPTANCE = "tests/acceptance/"
_ACCEPTANCE_RUN = "tests/acceptance/run/"


class ByWhatIsStarted(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist ships no types
    """One worker has the running gateway; tests that start gateways of their own stay together, too."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(_ACCEPTANCE_RUN):
            return _ACCEPTANCE_RUN
        return _ACCEPTANCE if nodeid.startswith(_ACCEPTANCE) else nodeid.partition("::")[0]
