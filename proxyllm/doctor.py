"""`proxyllm doctor`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from gateway.doctor.finding import Finding
from gateway.doctor.service import before_start, examine
from gateway.messages import DONE, FAILED, tell
from proxyllm.output import say


def examine_deployment(config: Path, *, offline: bool, as_json: bool) -> int:
    """Prints the findings; the exit code is 1 if a check has failed."""
    environment = dict(os.environ)
    findings = before_start(config, environment) if offline else asyncio.run(examine(config, environment))
    healthy = is_healthy(findings)
    if as_json:
        say(json.dumps({"healthy": healthy, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            say(f"{finding.level:8}{finding.check}: {finding.message}")
    return DONE if healthy else FAILED


def may_serve(config: Path, environment: Mapping[str, str], drain_s: int) -> bool:
    """Whether `proxyllm serve` may start. Prints failures and warnings."""
    findings = before_start(config, environment, drain_s)
    for finding in findings:
        if finding.level != "ok":
            tell(f"{finding.level}: {finding.check}: {finding.message}")
    return is_healthy(findings)


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing has failed."""
    return all(finding.level != "failed" for finding in findings)
