"""The image of Dockerfile.railway. `make test-image` builds it and runs these: the name keeps them out of
`make test`, which needs neither root nor Linux.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil

from gateway.tailnet.membership import TESTED_VERSION
from tests.acceptance.image.image import Image, InContainer
from tests.acceptance.run.serve.deployment import Deployment
from tests.acceptance.run.serve.promises import TestServing, TestStopping

__all__ = ["TestServing", "TestStopping"]

SIZE_MAX_BYTES = 1_000_000_000
TOOLS = ("gcc", "cc", "g++", "make", "git", "curl", "wget", "npm", "uv", "go")


class TestWhatIsInside:
    def test_it_has_no_compiler_and_no_build_tool(self, image: Image) -> None:
        folders = ("bin", "usr/bin", "usr/local/bin", "app/.venv/bin", "usr/sbin")
        found = [
            f"{folder}/{tool}"
            for folder in folders
            for tool in TOOLS
            if (image.root / folder / tool).exists()
        ]
        assert found == []

    def test_nothing_of_the_build_context_but_the_gateway_is_in_it(self, image: Image) -> None:
        assert {path.name for path in (image.root / "app").iterdir()} == {
            ".venv", "LICENSE", "README.md", "billing", "gateway", "migrations", "prisma",
            "proxy_server_config.yaml", "proxyllm", "pyproject.toml",
        }  # fmt: skip

    def test_what_only_developers_run_says_so(self, image: Image) -> None:
        command = ["/usr/sbin/chroot", f"--userspec={image.config.user}", str(image.root), "proxyllm", "run"]
        outcome = subprocess.run(
            command, env=image.config.environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert outcome.returncode == 7
        assert "devkit is not installed here: use `proxyllm serve`" in outcome.stderr

    def test_its_user_can_change_none_of_its_code(self, image: Image) -> None:
        writable = [
            path
            for path in (image.root / "app").rglob("*")
            if not path.is_symlink() and (path.stat().st_uid == 10001 or path.stat().st_mode & 0o002)
        ]
        assert writable == []

    def test_tailscale_is_of_the_version_that_the_forwarder_knows(self, image: Image) -> None:
        for program, question in (("tailscale", "version"), ("tailscaled", "--version")):
            command = [
                "/usr/sbin/chroot",
                f"--userspec={image.config.user}",
                str(image.root),
                program,
                question,
            ]
            said = subprocess.run(
                command, env=image.config.environment, capture_output=True, text=True, check=True, timeout=60
            )
            assert said.stdout.startswith(TESTED_VERSION)

    def test_it_is_described(self, image: Image) -> None:
        assert image.config.user == "10001:10001"
        assert image.config.command == ["proxyllm", "serve"]
        assert image.config.ports == ["4000/tcp"]
        assert image.config.health_check == ["CMD", "python", "-m", "gateway.start.health"]
        assert image.config.labels["org.opencontainers.image.licenses"] == "MIT"
        assert len(image.config.labels["org.opencontainers.image.revision"]) == 40

    def test_no_secret_and_no_proxy_is_in_its_environment(self, image: Image) -> None:
        words = ("KEY", "SECRET", "TOKEN", "PASSWORD", "PROXY")
        assert [
            name for name in image.config.environment if any(word in name.upper() for word in words)
        ] == []

    def test_it_is_small(self, image: Image) -> None:
        assert image.size_bytes() < SIZE_MAX_BYTES


class TestRunning:
    def test_every_process_is_the_images_user(self, running: Deployment) -> None:
        assert isinstance(running.process, InContainer)
        first = running.process.first
        everyone = [first, *first.children(recursive=True)]

        assert {process.uids().real for process in everyone} == {10001}
        assert {process.gids().real for process in everyone} == {10001}
        assert any("query-engine" in " ".join(process.cmdline()) for process in everyone)

    def test_nothing_but_port_is_open_to_the_outside(self, running: Deployment) -> None:
        assert isinstance(running.process, InContainer)
        first = running.process.first
        listening = {
            (connection.laddr.ip, connection.laddr.port)
            for process in [first, *first.children(recursive=True)]
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN or (connection.type == 2 and not connection.raddr)
        }
        outside = {place for place in listening if place[0] not in {"127.0.0.1", "::1"}}
        assert outside == {("::", running.around.gateway_port)}

    def test_no_process_has_an_authority_that_it_does_not_need(self, running: Deployment) -> None:
        assert isinstance(running.process, InContainer)
        status = Path(f"/proc/{running.process.first.pid}/status").read_text("ascii")
        capabilities = next(line for line in status.splitlines() if line.startswith("CapEff:"))
        assert int(capabilities.split()[1], 16) == 0

    def test_a_proxy_variable_of_the_platform_stops_the_build_with_a_clear_line(self) -> None:
        """Deployment defect 31: such a variable broke apt, pip and prisma in turn."""
        dockerfile = (Path(__file__).parents[3] / "Dockerfile.railway").read_text("utf-8")
        begin = dockerfile.index("RUN case")
        guard = (
            dockerfile[begin : dockerfile.index("esac", begin) + 4].removeprefix("RUN ").replace("\\\n", "\n")
        )
        clean = {"PATH": "/usr/bin:/bin"}

        def ended(**proxies: str) -> subprocess.CompletedProcess[str]:
            command = ["/bin/sh", "-c", guard]
            return subprocess.run(
                command, env={**clean, **proxies}, capture_output=True, text=True, check=False
            )

        assert ended().returncode == 0
        assert ended(HTTPS_PROXY="http://proxy.example.com:3128").returncode == 0
        refused = ended(ALL_PROXY="socks5://localhost:1055")
        assert refused.returncode == 1
        assert "remove the proxy variables" in refused.stderr
