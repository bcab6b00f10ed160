"""Deployments for tests of who may serve a call."""

from __future__ import annotations

from billing.proxy.max_cost.deployments import Deployment


def deployment(group: str, deployment_id: str, provider: str = "openai", **info: object) -> Deployment:
    """One of a group; `info` is more of its `model_info`."""
    known: dict[str, object] = {"id": deployment_id, **info}
    return Deployment("openai/m", provider, "m", {}, known, {}, (), own_server=False, groups=(group,))
