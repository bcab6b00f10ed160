"""Which tests of a parallel run share a worker: those that share what is dear to start."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

_ACCEPTANCE = "tests/acceptance/"


class ByWhatIsStarted(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist ships no types
    """A file at a time; of the acceptance tests a folder, whose tests share the gateway of their worker.

    In the order of their paths, so that those come first: what is slow at the end keeps one worker waiting.
    """

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        folder, _, rest = path.removeprefix(_ACCEPTANCE).partition("/")
        return _ACCEPTANCE + folder if path.startswith(_ACCEPTANCE) and rest else path
