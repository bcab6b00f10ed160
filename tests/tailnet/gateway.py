"""A deployed gateway on the host `railway`, as the image starts it, and what it needs beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml

from tests.deadline import eventually
from tests.tailnet.control import Headscale
from tests.tailnet.namespaces import Host

PORT = 4000
SANDBOX_PORT = 4999
HUGO, REFUSED, FORBIDDEN = 11501, 11502, 11503  # forwarders, see FORWARD
DIAL_TIMEOUT_S = 4.0
GONE_AFTER_S = 6.0
CLOUD = "10.77.0.5"  # a provider that is not in the tailnet
FORWARD = f"hugo={HUGO}:hugo:11434, refused={REFUSED}:hugo:11435, forbidden={FORBIDDEN}:hugo:22"
INPUT_PRICE, OUTPUT_PRICE = "0.000001", "0.000002"  # dollars a token
PROGRAM = Path(sys.executable).parent / "proxyllm"
STRIPE_KEY, WEBHOOK_SECRET = "sk_test_lab", "whsec_lab"


@dataclass(frozen=True)
class Running:
    """The gateway and what its operator knows."""

    host: Host
    process: subprocess.Popen[bytes]
    auth_key: str
    log: Path
    programs: Path  # the folder with tailscaled
    master_key: str = "sk-lab-master-key-0123456789"
    base_url: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", f"http://{self.host.address}:{PORT}")

    def readiness(self) -> dict[str, str]:
        """What `/health/readiness` says; it must be 200."""
        answer = httpx.get(f"{self.base_url}/health/readiness", timeout=10)
        assert answer.status_code == 200, answer.text
        body: dict[str, str] = answer.json()
        return body

    def said(self) -> str:
        """All its output."""
        return self.log.read_text("utf-8", errors="replace")


def migrate(database_url: str) -> None:
    """The pre-deploy step."""
    environment = _base_environment() | {"DATABASE_URL": database_url}
    subprocess.run([PROGRAM, "migrate"], env=environment, check=True, capture_output=True, timeout=300)


def start_sandbox(host: Host, home: Path) -> None:
    """Stripe, as far as the gateway knows."""
    home.mkdir()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "billing.sandbox",
        "--port",
        str(SANDBOX_PORT),
        "--home",
        home,
    ]
    command += ["--webhook-url", f"http://127.0.0.1:{PORT}/stripe/webhook"]
    secrets = {"SANDBOX_API_KEY": STRIPE_KEY, "SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET}
    host.start(command, home / "sandbox.log", env=_base_environment() | secrets)


def start_gateway(host: Host, headscale: Headscale, database_url: str, programs: Path, home: Path) -> Running:
    """`proxyllm serve`; ready when readiness says so."""
    home.mkdir()
    config = home / "config.yaml"
    config.write_text(yaml.safe_dump(_config()))
    auth_key = headscale.auth_key("tag:railway-proxy")
    environment = tailnet_environment(headscale, auth_key, programs) | {
        "DATABASE_URL": database_url,
        "LITELLM_MASTER_KEY": Running.master_key,
        "LITELLM_SALT_KEY": "sk-lab-salt-key-0123456789",
        "STRIPE_API_KEY": STRIPE_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_API_BASE": f"http://127.0.0.1:{SANDBOX_PORT}",
        "BILLING_PUBLIC_URL": f"http://{host.address}:{PORT}",
        "PORT": str(PORT),
        "HTTPS_PROXY": "http://127.0.0.1:9",  # what a platform may inject: must not reach the gateway
        "ALL_PROXY": "socks5://127.0.0.1:1055",
    }
    log = home / "gateway.log"
    process = host.start([PROGRAM, "serve", "--config", config], log, env=environment)
    running = Running(host, process, auth_key, log, programs)

    def ready() -> bool:
        assert process.poll() is None, running.said()
        try:
            return httpx.get(f"{running.base_url}/health/readiness", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    eventually(ready, 300)
    return running


def tailnet_environment(headscale: Headscale, auth_key: str, programs: Path) -> dict[str, str]:
    """What `gateway.tailnet` needs on a host of ours."""
    return _base_environment() | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "TAILSCALE_AUTH_KEY": auth_key,
        "TAILSCALE_LOGIN_SERVER": headscale.url,
        "TAILNET_FORWARD": FORWARD,
        "TAILNET_DIAL_TIMEOUT_S": str(DIAL_TIMEOUT_S),
        "TAILNET_PING_INTERVAL_S": "1",
        "TAILNET_GONE_AFTER_S": str(GONE_AFTER_S),
        "TS_DEBUG_USE_DERP_HTTP": "1",
    }


def _base_environment() -> dict[str, str]:
    """Nothing of the developer's shell but where programs and folders are."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}


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
