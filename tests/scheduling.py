"""Which tests of a parallel run share a worker: those that share what is dear to start."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

_ACCEPTANCE = "tests/acceptance/"
_EACH_STARTS_ITS_OWN = "tests/acceptance/run/"
_WITH_A_GATEWAY = frozenset(("gw0", "gw1"))  # workers, as pytest-xdist names them


class ByWhatIsStarted(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist ships no types
    """A file at a time; of the acceptance tests a folder, whose tests share the gateway of their worker.

    In the order of their paths, so that those come first: what is slow at the end keeps one worker waiting.
    Two workers start a gateway. They wait for it much of the time; the others compute meanwhile, and run the
    tests that need none for as long as there are any.
    """

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        folder, _, rest = path.removeprefix(_ACCEPTANCE).partition("/")
        return _ACCEPTANCE + folder if _shares_a_gateway(path) and rest else path

    def _assign_work_unit(self, node: WorkerController) -> None:
        has_gateway = node.gateway.id in _WITH_A_GATEWAY
        fitting = (scope for scope in self.workqueue if _shares_a_gateway(scope) is has_gateway)
        if (scope := next(fitting, None)) is not None:
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


def _shares_a_gateway(path: str) -> bool:
    return path.startswith(_ACCEPTANCE) and not path.startswith(_EACH_STARTS_ITS_OWN)
