"""A spend log that cannot be written keeps no other from being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from prisma.errors import ClientNotConnectedError, FieldNotFoundError, UniqueViolationError

from billing.proxy.litellm.spend_log_rows import guard_spend_log_rows, isolating

Row = Mapping[str, object]


class Table:
    """Takes rows together or not at all, as `create_many` does, and refuses those of a wrong type."""

    def __init__(self, error: Exception | None = None) -> None:
        self.written: list[Row] = []
        self.error = error or FieldNotFoundError({"user_facing_error": {"message": "wrong type"}})

    async def write(self, repo: object, rows: Sequence[Row], failure_budget: int) -> int:
        if any(row["call_type"] is True for row in rows):
            raise self.error
        self.written += rows
        return failure_budget


def rows(*call_types: object) -> list[Row]:
    return [{"request_id": f"r{index}", "call_type": kind} for index, kind in enumerate(call_types)]


async def test_all_others_of_its_batch_are_written(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    batch = rows(*["acompletion"] * 6, True, *["acompletion"] * 5, True)
    assert await isolating(table.write)(None, batch, 256) == 256
    assert [row["request_id"] for row in table.written] == [f"r{n}" for n in range(13) if n not in (6, 12)]
    assert [f"r{n}" in caplog.text for n in (6, 12)] == [True, True]


async def test_where_none_can_be_written_all_are_kept_for_later() -> None:
    table = Table()
    with pytest.raises(FieldNotFoundError):
        await isolating(table.write)(None, rows(True, True), 256)
    assert table.written == []


@pytest.mark.parametrize("text", ["\ud800", '{"tags": ["\\ud800"]}', '{"\\udc00\\ud800": 1}'])
async def test_a_lone_surrogate_never_reaches_the_engine_that_it_would_end(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    table = Table()
    bad: Row = {"request_id": "bad", "call_type": "acompletion", "metadata": text}
    good: Row = {"request_id": "good", "call_type": "acompletion", "metadata": '{"a": "\\ud83d\\ude00"}'}
    assert await isolating(table.write)(None, [bad, good], 256) == 256
    assert table.written == [good]
    assert await isolating(table.write)(None, [bad], 256) == 256
    assert table.written == [good]
    assert caplog.text.count("dropped the spend log of bad") == 2


@pytest.mark.parametrize(
    "error", [ClientNotConnectedError(), UniqueViolationError({}), ConnectionError("gone"), TimeoutError()]
)
async def test_what_is_no_fault_of_a_row_is_left_to_litellm(error: Exception) -> None:
    table = Table(error)
    with pytest.raises(type(error)):
        await isolating(table.write)(None, rows("acompletion", True), 256)
    assert table.written == []


def test_is_mounted_where_litellm_writes_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from litellm.proxy import utils

    original = utils._create_spend_logs_with_poison_isolation
    monkeypatch.setattr(utils, "_create_spend_logs_with_poison_isolation", original)
    guard_spend_log_rows()
    assert utils._create_spend_logs_with_poison_isolation.__wrapped__ is original


def test_another_function_of_litellms_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from litellm.proxy import utils

    async def other(rows: object) -> None: ...

    monkeypatch.setattr(utils, "_create_spend_logs_with_poison_isolation", other)
    with pytest.raises(RuntimeError, match="_create_spend_logs_with_poison_isolation"):
        guard_spend_log_rows()
