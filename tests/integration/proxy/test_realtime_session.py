"""A session's hold on a real ledger: it always covers what the provider may already be charging for."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from billing.database import open_pool
from billing.errors import InsufficientCredits, KeyConflict, LedgerUnavailable
from billing.ledger.schemas import Entry, HoldRequest, LedgerLimits, Payer, TransactionKind
from billing.ledger.service import Ledger
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.proxy.max_cost.realtime import RealtimePrices
from billing.proxy.realtime.frame_document import FrameLimits
from billing.proxy.realtime.frames import ClientFrame, FrameRefused, read_frame
from billing.proxy.realtime.session import RESPONSES_AT_ONCE_MAX, RealtimeSession
from billing.settings import Settings

ALICE = Payer("user_id", "alice")
RULE = PriceRule(multiplier=Decimal("1.5"), fee_nanos=10)
PRICES = RealtimePrices(
    providers=("openai",),
    input_nanos_per_token=Decimal(10),
    output_nanos_per_token=Decimal(20),
    fixed_nanos=Decimal(0),
    context_tokens_max=32_000,
    output_tokens_max=1_000,
    rule=RULE,
)
OUTPUT_MAX = PRICES.output_tokens_max
LIMITS = FrameLimits(bytes_max=100_000, elements_max=1_000)
ONE = PRICES.needed_nanos(Decimal(0), 2048, Decimal(1))

CREDIT = 60 * ONE


def cost_of(events: list[dict[str, object]]) -> float:
    """What the provider asks for the answers so far: its input and output tokens at the highest prices."""
    total = 0.0
    for event in events:
        response = event.get("response")
        usage = response["usage"] if isinstance(response, dict) else None
        if usage:
            total += (10 * usage["input_tokens"] + 20 * usage["output_tokens"]) / 1e9
    return total


@dataclass
class Provider:
    """Charges for the whole conversation at each answer, as providers do."""

    context: int = 100  # its own instructions
    running: dict[str, int] = field(default_factory=dict)  # response → input tokens
    count: int = 0
    charged: int = 0

    def create(self) -> dict[str, object]:
        self.count += 1
        name = f"resp_{self.count}"
        self.running[name] = min(self.context, PRICES.context_tokens_max)
        return {"type": "response.created", "response": {"id": name}}

    def finish(self, name: str, output: int) -> dict[str, object]:
        inputs = self.running.pop(name)
        self.context += output
        self.charged += 10 * inputs + 20 * output
        usage = {"input_tokens": inputs, "output_tokens": output, "total_tokens": inputs + output}
        return {
            "type": "response.done",
            "response": {"id": name, "conversation_id": "conv", "usage": usage},
        }


@pytest.fixture
def call() -> Call:
    call = Call(path="/v1/realtime", is_websocket=True)
    call.admission = Admission(ALICE, RULE, False, ONE, 0, 0, {})
    return call


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None)


async def opened(ledger: Ledger, call: Call, settings: Settings, credit_nanos: int) -> RealtimeSession:
    await ledger.post(Entry(ALICE, TransactionKind.CREDIT, credit_nanos, "credit:1", "test"))
    await ledger.hold(HoldRequest(call.id, ALICE, ONE, 0, 60))
    return RealtimeSession(ledger, call, PRICES, settings, cost_of)


def frame(event: dict[str, object]) -> ClientFrame:
    return read_frame({"text": json.dumps(event)}, PRICES.output_tokens_max, LIMITS)


def message(text: str) -> ClientFrame:
    return frame({"type": "conversation.item.create", "item": {"content": [{"type": "x", "text": text}]}})


ASK: dict[str, object] = {"type": "response.create"}


async def talk(session: RealtimeSession) -> None:
    for _ in range(100):
        await session.before_sending(message("w" * 50))


async def something_happens(chance: random.Random, session: RealtimeSession, provider: Provider) -> int:
    """A frame, an answer's beginning or its end; returns what the end cost, before the rule."""
    if provider.running and chance.random() < 0.4:
        name = chance.choice(list(provider.running))
        before = provider.charged
        await session.after_event(provider.finish(name, chance.randint(0, OUTPUT_MAX)))
        return provider.charged - before
    if chance.random() < 0.5:
        words = "word " * chance.randint(1, 400)
        await session.before_sending(message(words))
        provider.context += len(words) // 4
    elif len(provider.running) < 3:
        await session.before_sending(frame(ASK))
        await session.after_event(provider.create())
    return 0


class TestHold:
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("strict", [False, True])
    async def test_covers_at_each_moment_all_that_runs_and_never_more_than_there_is(
        self, seed: int, strict: bool, ledger: Ledger, call: Call
    ) -> None:
        chance = random.Random(seed)
        session = await opened(ledger, call, Settings(_env_file=None, billing_strict=strict), CREDIT)
        provider = Provider()
        spent = 0
        with contextlib.suppress(InsufficientCredits):
            for _ in range(80):
                spent += await something_happens(chance, session, provider)
                hold = await ledger.hold_of(call.id)
                running = sum(10 * inputs + 20 * OUTPUT_MAX for inputs in provider.running.values())
                assert hold.amount_nanos >= RULE.max_cost_nanos(Decimal(spent + running))
        account = await ledger.account(ALICE)
        assert 0 < account.held_nanos <= account.balance_nanos == CREDIT
        hold = await ledger.hold_of(call.id)
        assert hold.no_event_charge_nanos == (
            RULE.charge_nanos(Decimal(provider.charged)) if provider.charged else 0
        )

    async def test_gives_back_what_it_does_not_need_any_more(
        self, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        provider = Provider()
        for _ in range(8):
            await session.before_sending(frame(ASK))
        eight = (await ledger.hold_of(call.id)).amount_nanos
        for _ in range(8):
            await session.after_event(provider.create())
        for name in list(provider.running):
            await session.after_event(provider.finish(name, 1))
        assert (await ledger.hold_of(call.id)).amount_nanos < eight / 2

    async def test_takes_the_last_of_the_credit_before_it_refuses(
        self, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, ONE + 10 * 1500)
        with pytest.raises(InsufficientCredits) as caught:
            await talk(session)
        assert caught.value.available_nanos == ONE + 10 * 1500
        assert (await ledger.hold_of(call.id)).amount_nanos > ONE

    async def test_costs_nothing_without_an_event_where_the_setting_says_so(
        self, ledger: Ledger, call: Call
    ) -> None:
        settings = Settings(_env_file=None, billing_charge_no_event="nothing")
        session = await opened(ledger, call, settings, 100 * ONE)
        provider = Provider()
        await session.after_event(provider.create())
        await session.after_event(provider.finish("resp_1", 7))
        assert session.recovered_cost is not None
        assert (await ledger.hold_of(call.id)).no_event_charge_nanos == 0

    async def test_that_a_sweeper_has_ended_ends_the_session(
        self, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        await ledger.release(call.id, "gone")
        with pytest.raises(KeyConflict):
            await session.before_sending(message("w" * 30_000))

    @pytest.mark.parametrize("strict", [False, True])
    async def test_without_its_ledger_a_session_goes_on_unless_it_is_strict(
        self, strict: bool, database_url: str, call: Call
    ) -> None:
        pool = await open_pool(database_url, wait_s=1.0)
        async with Ledger(pool, owner="test", limits=LedgerLimits(wait_s=1.0)) as ledger:
            settings = Settings(_env_file=None, billing_strict=strict)
            session = await opened(ledger, call, settings, 100 * ONE)
            await pool.close()
            if strict:
                with pytest.raises(LedgerUnavailable):
                    await session.before_sending(message("w" * 30_000))
            else:
                await session.before_sending(message("w" * 30_000))


class TestAnswersThatBreakOff:
    def delta(self, name: str, text: str, kind: str = "response.output_text.delta") -> dict[str, object]:
        return {"type": kind, "response_id": name, "delta": text}

    async def test_cost_what_they_showed_in_addition_to_those_whose_usage_is_known(
        self, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        provider = Provider()
        await session.after_event(provider.create())
        session.shows(self.delta("resp_1", "hello"))
        await session.after_event(provider.finish("resp_1", 7))
        assert session.likely_nanos is None
        await session.after_event(provider.create())
        assert session.likely_nanos is None
        for word in ("one", " two", " three"):
            session.shows(self.delta("resp_2", word))
        session.shows(self.delta("resp_of_nobody", "lost"))
        assert session.likely_nanos == RULE.charge_nanos(Decimal(10 * 100 + 20 * 7 + 10 * 107 + 20 * 3))

    @pytest.mark.parametrize(
        ("form", "tokens"),
        [
            ({}, 2),
            ({"audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}}}}, 2),
            ({"audio": {"output": {"format": {"type": "audio/pcmu"}}}}, 12),
            ({"output_audio_format": "g711_alaw"}, 12),
        ],
        ids=str,
    )
    async def test_that_are_spoken_cost_their_length(
        self, form: dict[str, object], tokens: int, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        session.shows({"type": "session.updated", "session": form})
        await session.after_event(Provider().create())
        spoken = base64.b64encode(bytes(4_800)).decode()
        session.shows(self.delta("resp_1", spoken, "response.output_audio.delta"))
        session.shows(self.delta("resp_1", "hi", "response.output_audio_transcript.delta"))
        assert session.likely_nanos == RULE.charge_nanos(Decimal(20 * (tokens + 1)))

    async def test_cost_at_most_the_hold(self, ledger: Ledger, call: Call, settings: Settings) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        await session.after_event(Provider().create())
        session.shows(self.delta("resp_1", "word " * 100_000))
        assert call.admission is not None
        assert session.likely_nanos == call.admission.hold_nanos

    @pytest.mark.parametrize("delta", [None, 7, ""])
    async def test_nonsense_costs_nothing(
        self, delta: object, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        await session.after_event(Provider().create())
        session.shows({"type": "response.output_text.delta", "response_id": "resp_1", "delta": delta})
        assert session.likely_nanos is None


class TestResponses:
    async def test_are_cancelled_once_each_as_they_begin_and_waited_for(
        self, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        provider = Provider()
        assert await session.next_to_cancel((), 30) is None
        await session.before_sending(frame(ASK))
        assert await session.next_to_cancel((), 0.01) is None
        assert not session.is_idle
        waiting = asyncio.create_task(session.next_to_cancel((), 30))
        await session.after_event(provider.create())
        assert await waiting == "resp_1"
        waiting = asyncio.create_task(session.next_to_cancel({"resp_1"}, 30))
        await session.after_event(provider.finish("resp_1", 5))
        assert await waiting is None
        assert session.is_idle

    async def test_that_the_provider_refuses_are_waited_for_no_longer(
        self, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        requested = frame({**ASK, "event_id": "mine"})
        await session.before_sending(requested)
        refusal: dict[str, object] = {
            "type": "error",
            "error": {"message": "no", "event_id": requested.sent_id},
        }
        said = json.loads(session.in_clients_words(json.dumps(refusal)))
        assert said["error"]["event_id"] == "mine"
        await session.after_event({"type": "error", "error": {"event_id": "mine"}})
        assert not session.is_idle
        await session.after_event(refusal)
        assert session.is_idle

    async def test_are_limited_at_once(self, ledger: Ledger, call: Call, settings: Settings) -> None:
        session = await opened(ledger, call, settings, 1000 * ONE)
        for _ in range(RESPONSES_AT_ONCE_MAX):
            await session.before_sending(frame(ASK))
        with pytest.raises(FrameRefused):
            await session.before_sending(frame(ASK))

    async def test_a_price_that_litellm_does_not_know_is_limited_by_the_highest(
        self, ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        await opened(ledger, call, settings, 100 * ONE)
        session = RealtimeSession(ledger, call, PRICES, settings, lambda events: None)
        provider = Provider()
        await session.after_event(provider.create())
        await session.after_event(provider.finish("resp_1", 7))
        assert session.recovered_cost is None
        hold = await ledger.hold_of(call.id)
        assert hold.no_event_charge_nanos == RULE.charge_nanos(Decimal(10 * 100 + 20 * 7))
        await session.after_event(provider.create())
        session.shows({"type": "response.output_text.delta", "response_id": "resp_2", "delta": "one"})
        assert session.likely_nanos == RULE.charge_nanos(Decimal(10 * (100 + 107) + 20 * (7 + 1)))

    @pytest.mark.parametrize(
        "usage",
        [
            {"input_tokens": -100, "output_tokens": 7, "total_tokens": -93},
            {"input_tokens": 100, "output_tokens": 10**9, "total_tokens": 10**9 + 100},
            {"input_tokens": 100, "output_tokens": 7, "total_tokens": 3},
        ],
    )
    async def test_a_usage_that_cannot_be_costs_what_was_shown_and_ends_nothing(
        self, usage: dict[str, int], ledger: Ledger, call: Call, settings: Settings
    ) -> None:
        session = await opened(ledger, call, settings, 100 * ONE)
        provider = Provider()
        await session.after_event(provider.create())
        await session.after_event(provider.finish("resp_1", 7))
        await session.after_event(provider.create())
        session.shows({"type": "response.output_text.delta", "response_id": "resp_2", "delta": "one"})
        done = {"id": "resp_2", "conversation_id": "conv", "usage": usage}
        await session.after_event({"type": "response.done", "response": done})
        assert session.is_idle
        assert session.implausible_usage is not None
        assert session.likely_nanos == RULE.charge_nanos(Decimal(10 * (100 + 107) + 20 * (7 + 1)))
