"""Tracks the money of one realtime session: its cost so far, the maximum of its next response, and a hold for
both.

A response may begin without a client frame (voice activity), so the hold always covers what was spent, the
running responses, and one more if none runs. It is extended before a frame that needs more goes to the
provider; if the balance does not suffice, the session is ended. (docs/explanation/realtime.md)
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from billing.errors import BadRequest, BillingError, Conflict, InsufficientCredits, NotFound, Unavailable
from billing.money import format_nanos, nanos_from_cost
from billing.proxy.admitted.call import Admission, Admitted, admission_of
from billing.proxy.admitted.ledger import CallLedger
from billing.proxy.admitted.usage_check import Surroundings, why_implausible
from billing.proxy.max_cost.candidate import MEDIA_TOKENS_ESTIMATE
from billing.proxy.max_cost.realtime import START_TOKENS, RealtimePrices
from billing.proxy.realtime.frame_document import FrameLimits, frame_limits
from billing.proxy.realtime.frames import ClientFrame, FrameRefused
from billing.proxy.realtime.shown import ShownAnswer, audio_bytes_a_token
from billing.settings import Settings

logger = logging.getLogger(__name__)

RESPONSES_AT_ONCE_MAX = 16
_AHEAD = Decimal("0.5")  # of a response: how much more than needed is requested, to ask less often
_LIKELY_PART = 4  # of the most that a frame adds: bytes per token
_KEPT = Decimal(2)  # responses; a larger hold is reduced


# LiteLLM's own cost of the events that it has logged: major units, None if unknown.
CostSoFar = Callable[[list[dict[str, object]]], float | None]


class RealtimeSession:
    """Follows both directions of one session."""

    def __init__(
        self,
        ledger: CallLedger,
        call: Admitted,
        prices: RealtimePrices,
        settings: Settings,
        cost_so_far: CostSoFar,
    ) -> None:
        self._ledger = ledger
        self._call = call
        self._prices = prices
        self._settings = settings
        self._cost_so_far = cost_so_far
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()  # responses have begun, finished, or will not begin
        self._events: list[dict[str, object]] = []  # the events that LiteLLM computes the cost from
        self._spent_nanos = Decimal(0)  # provider cost of the finished responses
        self._context_tokens = START_TOKENS  # the maximum input of the next response
        self._sent_tokens = 0  # everything the client added
        self._marks = (0, 0)  # _sent_tokens when the last two responses began
        self._plain = True  # no response had an input of its own: the usage of one limits the next
        # our id of a request for a response that has not begun → the client's
        self._asked: dict[str, str | None] = {}
        self.recovered_cost: Decimal | None = None  # of the finished responses, as LiteLLM prices them
        self.running: dict[str, bool] = {}  # responses in progress → whether it runs alone
        self._shown: dict[str, ShownAnswer] = {}  # by response id
        self.implausible_usage: str | None = None  # why the reported usage of an answer was rejected
        self._likely_tokens = 0  # the likely input of the next response
        self._audio_bytes_a_token = audio_bytes_a_token({})

    @property
    def output_tokens_max(self) -> int:
        """The longest answer that is priced."""
        return self._prices.output_tokens_max

    @property
    def frame_limits(self) -> FrameLimits:
        """The limits of a client frame."""
        return frame_limits(self._settings)

    @property
    def is_idle(self) -> bool:
        """Whether no response is running or pending."""
        return not self.running and not self._asked

    async def next_to_cancel(self, cancelled: Collection[str], timeout_s: float) -> str | None:
        """Returns the id of a running response that is not in `cancelled`; waits for a pending one to begin.

        None if the session is idle, or after `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self._changed.clear()
                    found = next((name for name in self.running if name not in cancelled), None)
                    if found is not None or self.is_idle:
                        return found
                    await self._changed.wait()
        except TimeoutError:
            return None

    async def before_sending(self, frame: ClientFrame) -> None:
        """Makes the hold cover this frame's cost.

        Raises FrameRefused, and BillingError to end the session.
        """
        async with self._lock:
            if frame.asks_for_response:
                self._ask(frame)
            added = self._prices.context_tokens_max if frame.tokens is None else frame.tokens
            self._sent_tokens += added
            self._likely_tokens += MEDIA_TOKENS_ESTIMATE if frame.tokens is None else added // _LIKELY_PART
            self._grow_context(added)
            try:
                await self._cover()
            except BillingError:  # it is not sent, and no response begins
                self._asked.pop(frame.sent_id, None)
                raise

    def _ask(self, frame: ClientFrame) -> None:
        if len(self._asked) + len(self.running) >= RESPONSES_AT_ONCE_MAX:
            refusal = BadRequest(f"At most {RESPONSES_AT_ONCE_MAX} responses may run at once.")
            raise FrameRefused(refusal, frame.event_id)
        self._asked[frame.sent_id] = frame.event_id
        self._plain = self._plain and not frame.overrides

    def in_clients_words(self, text: str) -> str:
        """Restores the client's own id of a requested response in an event that contains ours."""
        for sent_id, event_id in self._asked.items():
            text = text.replace(json.dumps(sent_id), json.dumps(event_id))
        return text

    def shows(self, event: Mapping[str, object]) -> None:
        """Records what a provider event shows of an answer; does not wait."""
        kind, delta = str(event.get("type")), event.get("delta")
        if kind == "session.updated":
            self._audio_bytes_a_token = audio_bytes_a_token(_mapping(event.get("session")))
        shown = self._shown.get(str(event.get("response_id")))
        if shown is not None and kind.endswith(".delta") and isinstance(delta, str):
            shown.add(kind, delta)

    @property
    def likely_nanos(self) -> int | None:
        """Our own estimate of the session's cost including shown answers without reported usage.

        None if every shown answer had its usage. At most the hold.
        """
        usages = [usage for shown in self._shown.values() if (usage := shown.usage())]
        if not usages:
            return None
        cost = self._cost_so_far([*self._events, *map(_done, usages)])
        if cost is None:
            nanos = self._spent_nanos + sum(map(self._highest_nanos, usages))
        else:
            nanos = nanos_from_cost(cost)
        return min(self._admission.hold_nanos, self._admission.rule.charge_nanos(nanos))

    async def after_event(self, event: Mapping[str, object]) -> None:
        """Processes a provider event. Raises BillingError to end the session."""
        async with self._lock:
            match event.get("type"):
                case "session.created":
                    self._session_created(event)
                    await self._cover()
                case "response.created":
                    self._response_created(event)
                    self._changed.set()
                    await self._cover()
                case "response.done":
                    self._response_done(event)
                    self._changed.set()
                    await self._cover(spent_more=True)
                case "error":
                    self._asked.pop(str(_mapping(event.get("error")).get("event_id")), None)
                    self._changed.set()

    def _session_created(self, event: Mapping[str, object]) -> None:
        session = _mapping(event.get("session"))
        model = session.get("model")
        self._events.append({"type": "session.created", "session": {"model": model}})
        if isinstance(model, str):
            self._prices = self._prices.of_reported(model)
        self._audio_bytes_a_token = audio_bytes_a_token(session)
        self._grow_context(len(str(session).encode("utf-8", "surrogatepass")))

    def _response_created(self, event: Mapping[str, object]) -> None:
        if self._asked:
            del self._asked[next(iter(self._asked))]
        alone = not self.running
        self.running = dict.fromkeys(self.running, False)
        name = str(_mapping(event.get("response")).get("id"))
        self.running[name] = alone
        self._shown[name] = ShownAnswer(self._likely_tokens, self._audio_bytes_a_token)
        self._marks = (self._marks[1], self._sent_tokens)

    def _response_done(self, event: Mapping[str, object]) -> None:
        response = _mapping(event.get("response"))
        name = str(response.get("id"))
        alone = self.running.pop(name, False)
        usage = self._believed(_mapping(response.get("usage")))
        if usage:
            self._shown.pop(name, None)
        self._events.append(_done(usage or None))
        inputs, outputs = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
        self._likely_tokens = max(self._likely_tokens, inputs + outputs)
        self._spend(usage)
        self._grow_context(outputs)
        if alone and self._plain and inputs and response.get("conversation_id"):
            unseen = self._sent_tokens - self._marks[0]  # may have arrived too late for its input
            self._context_tokens = min(self._context_tokens, inputs + outputs + unseen)

    def _believed(self, usage: Mapping[str, object]) -> Mapping[str, object]:
        """Returns the usage, or nothing if it is implausible: the answer then costs what it showed."""
        prices = self._prices
        why = why_implausible(usage, Surroundings(prices.context_tokens_max, prices.output_tokens_max))
        if why is None:
            return usage
        logger.warning("session %s: implausible usage: %s", self._call.id, why)
        self.implausible_usage = why
        return {}

    def _spend(self, usage: Mapping[str, object]) -> None:
        cost = self._cost_so_far(self._events)
        if cost is not None:
            self.recovered_cost = Decimal(str(cost))
            self._spent_nanos = nanos_from_cost(cost)
            return
        self._spent_nanos += self._highest_nanos(usage)

    def _highest_nanos(self, usage: Mapping[str, object]) -> Decimal:
        input_nanos = self._prices.input_nanos_per_token * _count(usage.get("input_tokens"))
        return input_nanos + self._prices.output_nanos_per_token * _count(usage.get("output_tokens"))

    def _grow_context(self, tokens: int) -> None:
        self._context_tokens = min(self._context_tokens + tokens, self._prices.context_tokens_max)

    async def _cover(self, *, spent_more: bool = False) -> None:
        held_nanos = self._admission.hold_nanos
        spare = 1 if self._settings.billing_strict else 0
        count = Decimal(max(1, len(self.running) + len(self._asked) + spare))
        needed_nanos, wanted_nanos, most_nanos = (
            self._prices.needed_nanos(self._spent_nanos, self._context_tokens, count + more)
            for more in (0, _AHEAD, _KEPT)
        )
        if not needed_nanos <= held_nanos <= most_nanos:
            await self._resize(needed_nanos, wanted_nanos)
        elif spent_more:
            await self._resize(needed_nanos, held_nanos)

    async def _resize(self, needed_nanos: int, wanted_nanos: int) -> None:
        """Requests `wanted_nanos`, or `needed_nanos` if the balance does not cover it."""
        try:
            await self._take(wanted_nanos)
        except InsufficientCredits as refusal:
            if refusal.available_nanos < needed_nanos:
                raise self._used_up(refusal, needed_nanos) from refusal
            try:
                await self._take(needed_nanos)
            except InsufficientCredits as second:
                raise self._used_up(second, needed_nanos) from second
        except (Unavailable, Conflict, NotFound) as error:
            self._without_ledger(error, needed_nanos)

    async def _take(self, amount_nanos: int) -> None:
        admission = self._admission
        charged = self._settings.billing_charge_no_event != "nothing"
        least_nanos = admission.rule.charge_nanos(self._spent_nanos) if charged and self._spent_nanos else 0
        amount_nanos = max(amount_nanos, least_nanos)
        await self._ledger.resize(self._call.id, amount_nanos, least_nanos)
        admission.hold_nanos = amount_nanos

    def _used_up(self, refusal: InsufficientCredits, needed_nanos: int) -> InsufficientCredits:
        return InsufficientCredits(
            "Your credit is used up, so this session ends here. It needs a hold of "
            f"{format_nanos(needed_nanos)} to continue, and "
            f"{format_nanos(max(refusal.available_nanos, 0))} is available. Top up to continue.",
            available_nanos=refusal.available_nanos,
            required_nanos=needed_nanos,
        )

    def _without_ledger(self, error: BillingError, needed_nanos: int) -> None:
        """Handles an unavailable Postgres: the session continues and is charged in full later. In strict mode
        it ends with its hold.
        """
        logger.warning("the hold of session %s was not extended: %s", self._call.id, error)
        if self._admission.hold_nanos >= needed_nanos:
            return
        if self._settings.billing_strict or not isinstance(error, Unavailable):
            raise error
        self._admission.hold_nanos = needed_nanos  # requested again when more than this is needed

    @property
    def _admission(self) -> Admission:
        return admission_of(self._call)


def _done(usage: Mapping[str, object] | None) -> dict[str, object]:
    return {"type": "response.done", "response": {"usage": usage}}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
