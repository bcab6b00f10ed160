"""A deployed gateway on the host `railway`: the image where it was built, else its command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import yaml

from tests.acceptance.image.image import Image, InContainer
from tests.acceptance.run.serve.deployment import Deployment, Place, Started
from tests.acceptance.run.serve.surroundings import Surroundings
from tests.tailnet.control import Headscale
from tests.tailnet.namespaces import Host

HUGO, REFUSED, FORBIDDEN = 11501, 11502, 11503  # forwarders, see FORWARD
DIAL_TIMEOUT_S = 4.0
GONE_AFTER_S = 6.0
CLOUD = "10.77.0.5"  # a provider that is not in the tailnet
BASE = ("PATH", "HOME", "LANG", "PYTHONPATH")  # of the developer's shell
FORWARD = f"hugo={HUGO}:hugo:11434, refused={REFUSED}:hugo:11435, forbidden={FORBIDDEN}:hugo:22"
INPUT_PRICE, OUTPUT_PRICE = "0.000001", "0.000002"  # dollars a token


class OnHost:
    """Where the deployment's commands run: `place`, with the network of `host`."""

    def __init__(self, host: Host, place: Place) -> None:
        self._host = host
        self._place = place

    def start(self, command: list[str], environment: Mapping[str, str], log: Path) -> Started:
        with self._host.entered():
            return self._place.start(command, environment, log)


@dataclass(frozen=True)
class Running:
    """The gateway and what its operator knows."""

    host: Host
    deployment: Deployment
    auth_key: str

    @property
    def base_url(self) -> str:
        return self.deployment.base_url

    @property
    def master_key(self) -> str:
        return self.deployment.master_key

    @property
    def port(self) -> int:
        return self.deployment.around.gateway_port

    @property
    def stripe_api_base(self) -> str:
        """Reached on the gateway's host alone."""
        return self.deployment.around.stripe_api_base

    @property
    def supervisor(self) -> psutil.Process:
        """`proxyllm serve`."""
        process = self.deployment.process
        if isinstance(process, InContainer):
            return process.first
        assert isinstance(process, subprocess.Popen)
        return psutil.Process(process.pid)

    def readiness(self) -> dict[str, str]:
        """What `/health/readiness` says; it must be 200."""
        answer = httpx.get(f"{self.base_url}/health/readiness", timeout=10)
        assert answer.status_code == 200, answer.text
        body: dict[str, str] = answer.json()
        return body


def deploy(host: Host, place: Place, around: Surroundings, directory: Path, config: str) -> Deployment:
    """A gateway that is not started yet, with a migrated database."""
    deployment = Deployment(OnHost(host, place), around, directory / "gateway.log")
    deployment.command = ("proxyllm", "serve", "--config", config)
    deployment.base_url = f"http://{host.address}:{around.gateway_port}"
    assert deployment.run("proxyllm", "migrate") == 0, deployment.said()
    return deployment


def write_config(place: Place, directory: Path) -> str:
    """LiteLLM's configuration, where `place` finds it."""
    file = place.root / "etc" / "lab.yaml" if isinstance(place, Image) else directory / "lab.yaml"
    file.write_text(yaml.safe_dump(_config()))
    return "/etc/lab.yaml" if isinstance(place, Image) else str(file)


def gateway_environment(place: Place, headscale: Headscale, auth_key: str, programs: Path) -> dict[str, str]:
    """The tailnet's settings, and what a platform may inject, which must not reach the gateway."""
    tailnet = tailnet_environment(headscale, auth_key, programs)
    if isinstance(place, Image):  # which has its own programs and folders
        for name in BASE:
            tailnet.pop(name, None)
    return tailnet | {"HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:1055"}


def tailnet_environment(headscale: Headscale, auth_key: str, programs: Path) -> dict[str, str]:
    """What `gateway.tailnet` needs on a host of ours."""
    return {name: os.environ[name] for name in BASE if name in os.environ} | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "TAILSCALE_AUTH_KEY": auth_key,
        "TAILSCALE_LOGIN_SERVER": headscale.url,
        "TAILNET_FORWARD": FORWARD,
        "TAILNET_DIAL_TIMEOUT_S": str(DIAL_TIMEOUT_S),
        "TAILNET_PING_INTERVAL_S": "1",
        "TAILNET_GONE_AFTER_S": str(GONE_AFTER_S),
        "TS_DEBUG_USE_DERP_HTTP": "1",
    }


def _config() -> dict[str, object]:
    return {
        "model_list": [
            _model("hugo-llama", "llama3.2", HUGO),
            _model("hugo-slow", "llama-slow", HUGO),
            _model("cloud-llama", "llama3.2", 11434, host=CLOUD),
        ],
        "litellm_settings": {
            "callbacks": ["billing.proxy.config_guard.guard"],
            "block_requests_for_models_without_pricing": True,
            "request_timeout": 600,
            "telemetry": False,
        },
        "router_settings": {"num_retries": 1, "retry_after": 0, "disable_cooldowns": True},
        "general_settings": {
            "master_key": "os.environ/LITELLM_MASTER_KEY",
            "database_url": "os.environ/DATABASE_URL",
        },
    }


def _model(name: str, model: str, port: int, host: str = "127.0.0.1") -> dict[str, object]:
    return {
        "model_name": name,
        "litellm_params": {"model": f"ollama_chat/{model}", "api_base": f"http://{host}:{port}"},
        "model_info": {
            "mode": "chat",
            "input_cost_per_token": float(INPUT_PRICE),
            "output_cost_per_token": float(OUTPUT_PRICE),
            "max_input_tokens": 8192,
            "max_output_tokens": 4096,
        },
    }
