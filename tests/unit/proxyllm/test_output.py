"""How commands answer: tables that line up, and one line where something expected has failed."""

from __future__ import annotations

import pytest

from billing.errors import BillingError, NotFound
from gateway.failures import ProcessFailed, RunFailure
from proxyllm.output import aligned, answer


class TestAnswer:
    def test_what_a_command_returns_is_the_exit_code(self) -> None:
        async def command() -> int:
            return 3

        assert answer(command()) == 3

    @pytest.mark.parametrize(
        ("error", "code", "said"),
        [
            (NotFound("There is no call x."), 1, "proxyllm: There is no call x.\n"),
            (ProcessFailed("no gateway", "its last line"), 8, "its last line\nproxyllm: no gateway\n"),
        ],
    )
    def test_an_expected_failure_is_a_line_and_a_code(
        self, error: BillingError | RunFailure, code: int, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async def command() -> int:
            raise error

        assert answer(command()) == code
        assert capsys.readouterr() == ("", said)

    def test_a_bug_is_not_hidden(self) -> None:
        async def command() -> int:
            raise KeyError("bug")

        with pytest.raises(KeyError):
            answer(command())


def test_columns_line_up_and_lines_end_with_their_text() -> None:
    assert aligned([("NAME", "N", ""), ("a", "100", "x")]) == ["NAME  N", "a     100  x"]
