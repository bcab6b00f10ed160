"""Headscale as the tailnet's control server, with its own relay, on plain HTTP."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.deadline import eventually
from tests.tailnet.namespaces import Host

PORT = 8080
HUGO = "100.64.0.1"  # the first device that joins
DOCS = Path(__file__).parents[2] / "docs" / "tailscale.md"


def policy() -> dict[str, Any]:
    """The policy of docs/tailscale.md, whose word for admins Headscale does not know; and two more rules.

    A port of hugo's where nothing listens, and that hugo may reach all of the gateway: the gateway must keep
    it out itself.
    """
    block = re.search(r"```json\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert block is not None
    policy: dict[str, Any] = json.loads(block[1])
    assert policy["hosts"] == {"hugo": HUGO}
    policy["tagOwners"] = {"tag:railway-proxy": ["lab@"], "tag:home": ["lab@"]}
    policy["acls"] += [
        {"action": "accept", "src": ["tag:railway-proxy"], "dst": ["hugo:11435"]},
        {"action": "accept", "src": ["tag:home"], "dst": ["tag:railway-proxy:*"]},
    ]
    return policy


@dataclass(frozen=True)
class Headscale:
    """A running control server."""

    host: Host
    program: Path
    config: Path

    @property
    def url(self) -> str:
        return f"http://{self.host.address}:{PORT}"

    def auth_key(self, *tags: str) -> str:
        """A key for ephemeral devices with these tags."""
        command = ("preauthkeys", "create", "--ephemeral", "--reusable", "--tags", ",".join(tags))
        return self._ask(*command).strip().splitlines()[-1]

    def devices(self) -> list[str]:
        """The host names of all devices that it knows."""
        nodes = json.loads(self._ask("nodes", "list", "--output", "json")) or []
        return [node["name"] for node in nodes]

    def expire(self, name: str) -> None:
        """Ends the device's key, as an admin does: it has to join anew."""
        nodes = json.loads(self._ask("nodes", "list", "--output", "json"))
        [number] = [node["id"] for node in nodes if node["name"] == name]
        self._ask("nodes", "expire", "--identifier", str(number))

    def _ask(self, *command: str) -> str:
        return self.host.run(self.program, "--config", self.config, *command)


def start_headscale(host: Host, program: Path, home: Path) -> Headscale:
    """Starts it on `host` and waits until it answers."""
    home.mkdir()
    config = home / "config.yaml"
    (home / "policy.json").write_text(json.dumps(policy()))
    config.write_text(yaml.safe_dump(_config(host.address, home)))
    host.start([program, "--config", config, "serve"], home / "headscale.log")
    headscale = Headscale(host, program, config)
    eventually(lambda: _healthy(headscale.url), 60)
    headscale._ask("users", "create", "lab")
    return headscale


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _config(address: str, home: Path) -> dict[str, object]:
    return {
        "server_url": f"http://{address}:{PORT}",
        "listen_addr": f"{address}:{PORT}",
        "metrics_listen_addr": "127.0.0.1:9090",
        "grpc_listen_addr": "127.0.0.1:50443",
        "unix_socket": str(home / "headscale.sock"),
        "noise": {"private_key_path": str(home / "noise.key")},
        "prefixes": {"v4": "100.64.0.0/10", "v6": "fd7a:115c:a1e0::/48", "allocation": "sequential"},
        "derp": {
            "server": {
                "enabled": True,
                "region_id": 999,
                "region_code": "lab",
                "region_name": "lab",
                "stun_listen_addr": f"{address}:3478",
                "private_key_path": str(home / "derp.key"),
                "automatically_add_embedded_derp_region": True,
                "ipv4": address,
            },
            "urls": [],
            "auto_update_enabled": False,
        },
        "disable_check_updates": True,
        "database": {"type": "sqlite", "sqlite": {"path": str(home / "db.sqlite")}},
        "policy": {"mode": "file", "path": str(home / "policy.json")},
        "dns": {
            "magic_dns": True,
            "base_domain": "lab.test",
            "override_local_dns": False,
            "nameservers": {"global": []},
        },
        "log": {"level": "info"},
    }
