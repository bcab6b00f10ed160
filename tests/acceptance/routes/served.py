"""The routes of the app as it is served, with their parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.routes.other_versions import FEATURES


@dataclass(frozen=True)
class Served:
    """One route."""

    method: str
    path: str
    module: str
    endpoint: str
    authenticated: bool
    parameters: dict[str, dict[str, dict[str, object]]]  # by place and name

    @property
    def identity(self) -> tuple[str, str, str]:
        """What is the same for all paths of an endpoint."""
        return (self.method, self.module, self.endpoint or self.path)

    @property
    def has_body(self) -> bool:
        """Whether a request of this method carries one."""
        return self.method not in {"GET", "MOUNT", "OPTIONS"}

    @property
    def is_ours(self) -> bool:
        """Whether it is billing's own, and none of LiteLLM's."""
        return self.module.startswith("billing.")


def walk_app() -> list[Served]:
    """All routes of the app with billing mounted. Takes half a minute: it imports LiteLLM."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {
        "STRIPE_API_KEY": "sk_test_walk",
        "STRIPE_WEBHOOK_SECRET": "whsec_walk",
        "DOCS_URL": "/docs",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    walked = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("walk_app.py"))],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert walked.returncode == 0, walked.stderr
    answer = json.loads(walked.stdout)
    assert answer["not_loaded"] == []
    assert answer["features"] >= FEATURES
    return [Served(**route) for route in answer["routes"]]
