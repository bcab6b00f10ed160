"""What the commands do. Each returns its exit code; only what a command needs is imported."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from billing.errors import BillingError
from billing.local.failures import RunFailure
from billing.local.plan import Options

DONE, FAILED = 0, 1


def say(text: str) -> None:
    """One thing to the user, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Why a command failed."""
    sys.stderr.write(f"proxyllm: {text}\n")
    sys.stderr.flush()


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


def apply_migrations(*, as_json: bool) -> int:
    """`proxyllm migrate`."""
    from billing.database.migrations import migrate

    url = os.environ.get("DATABASE_URL")
    if not url:
        complain("DATABASE_URL is not set")
        return FAILED
    try:
        applied = asyncio.run(migrate(url))
    except BillingError as error:
        complain(error.message)
        return FAILED
    say(json.dumps({"applied": applied}) if as_json else _applied_line(applied))
    return DONE


def _applied_line(applied: list[str]) -> str:
    return f"applied {', '.join(applied)}" if applied else "nothing to apply"
