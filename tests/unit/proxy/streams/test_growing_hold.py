"""The hold runs ahead of the output, and says when the credit ends."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from billing.errors import BillingError, InsufficientCredits, KeyConflict, LedgerBusy, LedgerUnavailable
from billing.proxy.max_cost.streamed import StreamedOutput
from billing.proxy.max_cost.tokens import encoding_named
from billing.proxy.streams import growing_hold as growing_hold_module
from billing.proxy.streams.dialects import Output
from billing.proxy.streams.growing_hold import AHEAD_TOKENS, GrowingHold
from billing.proxy.streams.meter import OutputMeter
from tests.unit.proxy.streams.conftest import BuildHold, Purse

RICH = 10**12
WORD = Output(text=" word")  # one token of cl100k


async def words_until_refused(hold: GrowingHold, count: int) -> int:
    """How many words pass before the hold says no, of `count`."""
    for number in range(count):
        if await hold.cover(WORD) is not None:
            return number
    return count


class TestCover:
    async def test_asks_for_nothing_while_the_first_portion_lasts(self, growing_hold: BuildHold) -> None:
        purse = Purse(RICH)
        assert await words_until_refused(growing_hold(purse), 200) == 200
        assert purse.held == []

    async def test_is_always_ahead_of_the_output(self, growing_hold: BuildHold) -> None:
        purse = Purse(RICH)
        hold = growing_hold(purse)
        for number in range(1, 6_000):
            assert await hold.cover(WORD) is None
            covered = (purse.held[-1] - 1_000) // 10 if purse.held else 512
            assert covered >= number
        assert purse.held == sorted(purse.held)
        assert 4 <= len(purse.held) <= 8  # a portion at a time, not a word

    async def test_never_asks_for_more_than_the_whole_limit(self, growing_hold: BuildHold) -> None:
        purse = Purse(RICH)
        hold = growing_hold(purse, limit=700)
        assert await words_until_refused(hold, 2_000) == 2_000
        assert purse.held == [1_000 + 10 * 700]
        assert hold.covers_everything

    async def test_takes_what_the_balance_covers_before_it_refuses(self, growing_hold: BuildHold) -> None:
        purse = Purse(1_000 + 10 * 900)
        passed = await words_until_refused(growing_hold(purse), 5_000)
        assert purse.held == [purse.available]
        assert 750 <= passed <= 900  # a tenth is kept for other tokenizers

    async def test_strict_never_passes_what_could_cost_more(self, growing_hold: BuildHold) -> None:
        purse = Purse(1_000 + 10 * 900)
        passed = await words_until_refused(growing_hold(purse, billing_strict=True), 5_000)
        assert len(" word") * passed + 64 <= 900

    async def test_goes_on_after_a_top_up(self, growing_hold: BuildHold) -> None:
        purse = Purse(1_000 + 10 * 900)
        hold = growing_hold(purse)
        assert await words_until_refused(hold, 700) == 700
        purse.available = RICH
        assert await words_until_refused(hold, 3_000) == 3_000

    async def test_says_what_is_missing(self, growing_hold: BuildHold) -> None:
        hold = growing_hold(Purse(0))
        refusal = None
        while refusal is None:
            refusal = await hold.cover(WORD)
        assert isinstance(refusal, InsufficientCredits)
        assert refusal.available_nanos == 0
        assert "Top up" in refusal.message


class TestWithoutLedger:
    """Whoever can keep Postgres busy must not be served on credit that nobody set aside."""

    @pytest.mark.parametrize("strict", [False, True])
    @pytest.mark.parametrize("error", [LedgerUnavailable("away"), LedgerBusy("busy"), KeyConflict("ended")])
    async def test_a_stream_ends_where_its_hold_does(
        self, error: BillingError, strict: bool, growing_hold: BuildHold
    ) -> None:
        purse = Purse(RICH, error=error)
        hold = growing_hold(purse, billing_strict=strict, billing_stream_wait_s=0)
        assert 0 < await words_until_refused(hold, 3_000) <= 512

    async def test_it_waits_for_postgres_to_come_back(
        self, growing_hold: BuildHold, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(growing_hold_module, "_RETRY_S", 0.0)
        purse = Purse(RICH, error=LedgerUnavailable("away"), errors=50)
        assert await words_until_refused(growing_hold(purse), 3_000) == 3_000
        assert purse.errors == 0
        assert purse.held


class TestLikely:
    async def test_is_input_and_what_was_shown(self, growing_hold: BuildHold) -> None:
        hold = growing_hold(Purse(RICH))
        await words_until_refused(hold, 100)
        assert 700 + 10 * 100 <= hold.likely_nanos <= 700 + 10 * 125

    async def test_is_never_more_than_the_hold(self, growing_hold: BuildHold) -> None:
        hold = growing_hold(Purse(RICH), covered_tokens=256, limit=256)
        await words_until_refused(hold, 5_000)
        assert hold.likely_nanos == 1_000 + 10 * 256


class TestMeter:
    @given(st.lists(st.text(max_size=30), max_size=40), st.sampled_from([None, "cl100k_base", "o200k_base"]))
    def test_never_below_the_tokens_of_the_text(self, pieces: list[str], encoding: str | None) -> None:
        meter = OutputMeter(StreamedOutput(encoding, hidden_tokens=0), by_bytes=False)
        for number, piece in enumerate(piece for piece in pieces if piece):
            meter.add(Output(text=piece))
            if number % 3 == 0:
                meter.tighten()
        text = "".join(pieces).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        count = len(encoding_named(encoding or "cl100k_base").encode_ordinary(text))
        assert meter.tokens_max >= count

    @pytest.mark.parametrize("by_bytes", [True, False])
    def test_never_fewer_than_chunks(self, by_bytes: bool) -> None:
        """A model may write a word letter by letter, each one a token."""
        meter = OutputMeter(StreamedOutput("cl100k_base", hidden_tokens=0), by_bytes=by_bytes)
        for letter in "internationalization":
            meter.add(Output(text=letter))
        meter.tighten()
        assert meter.tokens_max >= 20
        assert meter.tokens_likely == 20

    def test_takes_the_providers_count_and_its_own_of_what_came_since(self) -> None:
        """Thoughts that are not shown are billed: Gemini says how many so far."""
        meter = OutputMeter(StreamedOutput("cl100k_base", hidden_tokens=0), by_bytes=False)
        meter.add(Output(text="四十二 " * 40))
        meter.add(Output(text=" word", reported_tokens=300))
        assert meter.tokens_likely == 300
        assert meter.tokens_max >= 300
        for _ in range(3):
            meter.add(WORD)
        meter.tighten()
        assert meter.tokens_likely == 303
        meter.add(Output(reported_tokens=300))
        assert meter.tokens_likely == 303

    def test_a_long_text_is_not_kept(self) -> None:
        meter = OutputMeter(StreamedOutput(None, hidden_tokens=0), by_bytes=False)
        for _ in range(100):
            meter.add(Output(text="word " * 1_000))
        assert meter._pending_bytes < 100_000


def test_ahead_is_less_than_a_portion() -> None:
    assert AHEAD_TOKENS < 256
