"""The commands that serve: `proxyllm run` and `proxyllm serve`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from billing.cli.output import DONE, complain, say
from billing.local.failures import RunFailure
from billing.local.plan import Options


def run_everything(options: Options) -> int:
    """`proxyllm run`."""
    from billing.local.run import run

    try:
        asyncio.run(run(options, say))
    except RunFailure as failure:
        if failure.log_tail:
            sys.stderr.write(f"{failure.log_tail}\n")
        complain(failure.message)
        return failure.exit_code
    return DONE


def serve_gateway(config: Path, host: str, port: int, shutdown_s: int) -> None:
    """`proxyllm serve`: the ASGI application with uvicorn, until SIGTERM."""
    import uvicorn

    os.environ["CONFIG_FILE_PATH"] = str(config.absolute())
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    uvicorn.run("billing.app:app", host=host, port=port, timeout_graceful_shutdown=shutdown_s)
