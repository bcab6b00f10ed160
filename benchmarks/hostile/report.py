"""A hostile minute as JSON, as rows and as a row of the table in docs/performance.md."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gateways import Run, attached, running
from benchmarks.hostile.minute import Minute, Plan, measure
from benchmarks.tables import Measured, Row

HERE, OTHER = "this checkout", "the other checkout"
HEADINGS = (
    "", "liveness p50, p99, max (ms)", "longest stop (ms)", "recovered after (s)",
    "paying calls ok, failed", "p50, p99 (ms)", "charges exact", "memory before, peak, after (MB)",
    "CPU of the gateway (s)",
)  # fmt: skip


async def measured(plan: Plan, other: Path | None, home: Path | None) -> Measured:
    """The minute on another checkout, if there is one, and then on this one, or on what runs on `home`."""
    minutes: dict[str, Minute] = {}
    if other is not None:
        with running(other, is_watched=True) as run:
            minutes[OTHER] = await measure(run, plan)
    with _here(home) as run:
        minutes[HERE] = await measure(run, plan)
    summary: dict[str, object] = {
        name: minute.model_dump() | {"kept": minute.kept().model_dump()} for name, minute in minutes.items()
    }
    return Measured({**summary, "markdown": markdown(minutes)}, _rows(minutes))


@contextlib.contextmanager
def _here(home: Path | None) -> Iterator[Run]:
    if home is None:
        with running(is_watched=True) as run:
            yield run
    else:
        with contextlib.ExitStack() as stack:
            yield attached(home, stack)


def markdown(minutes: dict[str, Minute]) -> list[str]:
    """A table, a row for each minute."""
    lines = [_line(*HEADINGS), _line(*("---" for _ in HEADINGS))]
    return lines + [_line(name, *_cells(minute)) for name, minute in minutes.items()]


def _cells(minute: Minute) -> list[str]:
    alive, called = minute.liveness.answered_after_ms, minute.paying.answered_after_ms
    memory = minute.memory
    return [
        f"{alive.p50:,.0f}, {alive.p99:,.0f}, {alive.max:,.0f}" if alive else "no answer",
        f"{minute.event_loop.longest_ms:,.0f}" if minute.event_loop else "not measured",
        f"{minute.recovered_after_s:.1f}",
        f"{minute.paying.ok:,}, {minute.paying.failed:,}",
        f"{called.p50:,.0f}, {called.p99:,.0f}" if called else "no answer",
        "yes" if minute.charges.are_exact else "no",
        f"{memory.before_mb:.0f}, {memory.peak_mb:.0f}, {memory.after_mb:.0f}",
        f"{minute.cpu.gateway_s:.0f}",
    ]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(minutes: dict[str, Minute]) -> list[Row]:
    return [
        {
            "gateway": name,
            "attack": attack,
            "attempts": achieved.attempts,
            "held_back": achieved.held_back,
            "sent_mb": achieved.sent_mb,
            "endings": " ".join(f"{how}:{count}" for how, count in achieved.endings.items()),
            "p50_s": achieved.answered_after_s.p50 if achieved.answered_after_s else -1.0,
            "max_s": achieved.answered_after_s.max if achieved.answered_after_s else -1.0,
        }
        for name, minute in minutes.items()
        for attack, achieved in minute.attackers.achieved.items()
    ]
