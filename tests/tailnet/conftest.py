"""A tailnet on one machine: a control server, a gateway, a node at home, and a provider in the cloud.

street (this process)  10.77.0.1
control                10.77.0.2   Headscale
railway                10.77.0.3   the gateway; its tailscaled
home                   10.77.0.4   tailscaled; Ollama on 127.0.0.1:11434
cloud                  10.77.0.5   the same API, without a tailnet
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.acceptance.customers import admin, new_customer
from tests.acceptance.image.image import open_image
from tests.acceptance.run.serve.deployment import Place, ThisMachine
from tests.acceptance.run.serve.surroundings import surroundings
from tests.deadline import eventually
from tests.tailnet.control import HUGO, Headscale, start_headscale
from tests.tailnet.gateway import CLOUD, Running, deploy, gateway_environment, write_config
from tests.tailnet.namespaces import Host, make_host, make_switch

__all__ = ["admin", "new_customer"]

OLLAMA = Path(__file__).parent / "ollama.py"
PROGRAMS = "PROXYLLM_TAILNET_PROGRAMS"


@dataclass
class Home:
    """The PC with Ollama."""

    host: Host
    headscale: Headscale
    programs: Path
    directory: Path
    tailscaled: subprocess.Popen[bytes] | None = None

    def join(self) -> None:
        """Starts tailscaled, as another device of the same name would."""
        socket = self.directory / "home.sock"
        environment = {**os.environ, "TS_DEBUG_USE_DERP_HTTP": "1"}
        command: list[str | Path] = [
            self.programs / "tailscaled",
            "--tun=userspace-networking",
            "--no-logs-no-support",
            "--port=0",
        ]
        command += [f"--state={self.directory / 'home.state'}", f"--socket={socket}"]
        self.tailscaled = self.host.start(command, self.directory / "home.log", env=environment)
        eventually(socket.exists)
        key = self.headscale.auth_key("tag:home")
        up = (
            "up",
            f"--login-server={self.headscale.url}",
            f"--auth-key={key}",
            "--hostname=hugo",
            "--timeout=60s",
        )
        self.ask(*up)
        assert self.ask("ip", "-4").strip() == HUGO

    def restart(self) -> None:
        """tailscaled ends without a word and starts again: it knows no connection any more."""
        assert self.tailscaled is not None
        self.tailscaled.kill()
        self.tailscaled.wait()
        self.join()

    def ask(self, *command: str) -> str:
        """`tailscale` at home."""
        return self.host.run(
            self.programs / "tailscale", f"--socket={self.directory / 'home.sock'}", *command
        )


@pytest.fixture(scope="session")
def programs() -> Path:
    """Headscale, tailscale and tailscaled, as `make test-tailnet` has built them."""
    folder = Path(os.environ[PROGRAMS])
    assert {"headscale", "tailscale", "tailscaled"} <= {file.name for file in folder.iterdir()}
    return folder


@pytest.fixture(scope="session")
def hosts() -> Iterator[dict[str, Host]]:
    """Four hosts on a switch."""
    make_switch()
    with ExitStack() as stack:
        made = {}
        for number, name in enumerate(("control", "railway", "home", "cloud"), start=2):
            made[name] = make_host(name, f"10.77.0.{number}")
            stack.callback(made[name].close)
        yield made


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tailnet")


@pytest.fixture(scope="session")
def headscale(hosts: dict[str, Host], programs: Path, directory: Path) -> Headscale:
    return start_headscale(hosts["control"], programs / "headscale", directory / "headscale")


@pytest.fixture(scope="session")
def home(hosts: dict[str, Host], headscale: Headscale, programs: Path, directory: Path) -> Home:
    hosts["home"].start([sys.executable, OLLAMA, "127.0.0.1", "11434"], directory / "ollama.log")
    home = Home(hosts["home"], headscale, programs, directory)
    home.join()
    return home


@pytest.fixture(scope="session")
def cloud(hosts: dict[str, Host], directory: Path) -> None:
    hosts["cloud"].start([sys.executable, OLLAMA, CLOUD, "11434"], directory / "cloud.log")
    eventually(_cloud_answers)


def _cloud_answers() -> bool:
    try:
        return httpx.get(f"http://{CLOUD}:11434/api/tags", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """Where the gateway runs: the image that `make test-image` has built, or this machine."""
    folder = os.environ.get("PROXYLLM_IMAGE_FOLDER")
    if folder is None:
        yield ThisMachine()
        return
    with open_image(Path(folder)) as image:
        yield image


@pytest.fixture(scope="session")
def running(
    hosts: dict[str, Host],
    headscale: Headscale,
    home: Home,
    cloud: None,
    programs: Path,
    directory: Path,
    place: Place,
) -> Iterator[Running]:
    """The gateway, joined to the tailnet."""
    host = hosts["railway"]
    auth_key = headscale.auth_key("tag:railway-proxy")
    with ExitStack() as stack:
        with host.entered():
            around = stack.enter_context(surroundings(directory))
        deployment = deploy(host, place, around, directory, write_config(place, directory))
        stack.callback(deployment.end)
        environment = gateway_environment(place, headscale, auth_key, programs)
        deployment.start(**environment)
        gateway = Running(host, deployment, auth_key)
        eventually(lambda: gateway.readiness()["tailnet"] == "connected", 60)
        yield gateway
        deployment.stop(within_s=10)
