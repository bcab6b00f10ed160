"""The commands that serve: `proxyllm run` and `proxyllm serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from billing.settings import get_settings
from gateway.messages import DONE, FAILED
from gateway.start.supervisor import Options, supervise
from proxyllm.books import apply_migrations
from proxyllm.doctor import may_serve
from proxyllm.output import answer, say

if TYPE_CHECKING:
    from devkit.run.plan import Options as RunOptions  # needs packages that a deployed gateway does not have


def run_everything(options: RunOptions) -> int:
    """`proxyllm run`."""
    from devkit.run.run import run

    return answer(_done(run(options, say)))


def serve_gateway(options: Options, *, migrate_first: bool) -> int:
    """`proxyllm serve`: runs the gateway under its supervisor until SIGTERM.

    Only returns if it may not start.
    """
    if migrate_first and (failed := apply_migrations(as_json=False)):
        return failed
    if not may_serve(options.config, options.environment, options.drain_s):
        return FAILED
    code = answer(supervise(options, get_settings()))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(
        code
    )  # everything is closed; finalizing the interpreter would take longer than stopping the gateway


async def _done(running: Coroutine[object, object, None]) -> int:
    await running
    return DONE
