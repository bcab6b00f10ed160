"""Computes the maximum cost of a call before it is made: `max_cost_of` returns a `MaxCost`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple, cast

from pydantic import JsonValue

from billing.money import ceil_nanos, nanos_from_cost, round_nanos
from billing.prices.book import CallPrices
from billing.prices.rule import DEFAULT, PriceRule
from billing.proxy.max_cost.added import answers_on
from billing.proxy.max_cost.bridges import check_generate
from billing.proxy.max_cost.candidate import Candidate, candidate_of, estimated_input
from billing.proxy.max_cost.configured import configured_on, merged
from billing.proxy.max_cost.deployments import REMEMBERED_MAX, Deployment, Router, Servers, servers_of
from billing.proxy.max_cost.limits import write_limit
from billing.proxy.max_cost.output import OutputLimit, output_limit_of, with_configured
from billing.proxy.max_cost.request import RequestShape, read_request
from billing.proxy.max_cost.rules import rules_of, stored_rules
from billing.proxy.max_cost.streamed import StreamedOutput, streamed_output
from billing.proxy.max_cost.tokens import TextTokens, count_texts, exact_encoding_name
from billing.proxy.max_cost.units import UnitCall, read_unit_call, unit_candidate
from billing.settings import Settings

_OPENAI_TOKENIZERS = ("openai", "azure", "text-completion-openai")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class MaxCost:
    """The maximum charge of a call, linear in its output limit. Amounts are nanos.

    amount = max(floor, input + fixed + output price * output limit), rounded up; at least 1 unless free.
    """

    model: str  # the requested group
    free: bool  # declared free on every deployment that may serve the call
    input_nanos: int  # the maximum cost of the input
    input_charge_nanos: int  # the likely cost of the input alone; at most input_nanos
    output_nanos_per_token: Decimal  # the highest, times the number of answers
    fixed_nanos: int  # fees of the provider, LiteLLM's margin and our rule
    floor_nanos: int
    output_tokens: int  # the priced limit of one answer
    output_limit_field: str | None  # the field it is written to; None: a call without output
    client_set_limit: bool
    answers: int = 1  # choices of all prompts
    rule: PriceRule = DEFAULT  # of the requested group
    rules: Mapping[tuple[str, str], PriceRule] = field(default_factory=dict)  # by `Deployment.key`
    # All that may serve it; empty if no router chooses them. Compared by identity, not by content.
    deployments: tuple[Deployment, ...] = field(default=(), compare=False)
    streamed: StreamedOutput | None = None  # if all billed output is visible in the stream
    recording_seconds: float | None = None  # decoded length of the recording of a transcription

    def amount_nanos(self, output_tokens: int | None = None) -> int:
        """Returns the hold for an output limit (default: the priced one)."""
        if self.free:
            return 0
        tokens = self.output_tokens if output_tokens is None else output_tokens
        output_nanos = ceil_nanos(self.output_nanos_per_token * tokens)
        return max(1, self.floor_nanos, self.input_nanos + self.fixed_nanos + output_nanos)

    def affordable_output_tokens(self, available_nanos: int) -> int:
        """Returns the largest affordable limit, at most the priced one; 0 if not even one token is."""
        if self.free:
            return self.output_tokens
        left_nanos = available_nanos - self.input_nanos - self.fixed_nanos
        if available_nanos < max(1, self.floor_nanos) or left_nanos < 0:
            return 0
        if self.output_nanos_per_token == 0:
            return self.output_tokens
        with localcontext(prec=60):
            tokens = (left_nanos / self.output_nanos_per_token).to_integral_value(ROUND_FLOOR)
        return min(self.output_tokens, int(tokens))

    @property
    def limited_tokens(self) -> int | None:
        """The output limit of all answers together; None if the request has none."""
        return self.output_tokens * self.answers if self.output_limit_field is not None else None

    def write_limit(self, body: MutableMapping[str, JsonValue], output_tokens: int) -> None:
        """Writes the priced limit into the request; does nothing for calls without output."""
        if self.output_limit_field is not None:
            write_limit(body, self.output_limit_field, output_tokens)


async def max_cost_of(
    body: Mapping[str, object],
    *,
    call_type: str,
    route: str,
    router: object,
    rule: PriceRule | CallPrices,
    settings: Settings,
) -> MaxCost:
    """Computes the maximum cost of a request over all deployments that may serve it.

    `call_type` is LiteLLM's name of the call, `router` LiteLLM's `Router`. `rule` prices the customer's
    calls; each deployment uses the rule that it would be charged by. Raises BadRequest (malformed, or invalid
    limits), RouteNotBillable (another call type), ModelNotPriced (no price, or unlimited cost).
    """
    unit_call = await read_unit_call(body, call_type, settings)
    if unit_call is not None:
        servers = servers_of(body, unit_call.model, cast("Router | None", router))
        return await _max_cost_of_units(body, call_type, unit_call, servers, rule, settings)
    shape = read_request(body, call_type)
    servers = servers_of(body, shape.model, cast("Router | None", router))
    forms = {d: _form_on(d, body, call_type, shape) for d in servers.everyone}
    encodings = {d: _encoding_name(d) for d in forms}
    texts: dict[tuple[str, str | None], TextTokens] = {}
    for text in {form.shape.text for form in forms.values()}:
        names = tuple(encodings[d] for d, form in forms.items() if form.shape.text == text)
        texts |= {(text, name): counted for name, counted in (await count_texts(text, names)).items()}
    counted = {d: texts[form.shape.text, encodings[d]] for d, form in forms.items()}
    first = servers.first[0]
    estimate = estimated_input(forms[first].shape, counted[first])
    limit = output_limit_of(forms[first].shape, servers.first, estimate, settings)
    limit = with_configured(limit, [configured_on(d).output_tokens for d in forms])
    passes = 1 + servers.hops if shape.streams else 1

    def candidate(d: Deployment) -> Candidate:
        return candidate_of(d, forms[d].shape, counted[d], limit.tokens, passes, settings)

    answers = max(form.shape.answers for form in forms.values())
    asked = Asked(shape.model, limit, answers, _streamed(forms, encodings))
    return _max_cost_on(servers, asked, rule, candidate)


class _Form(NamedTuple):
    """A request as one deployment receives it."""

    body: Mapping[str, object]
    shape: RequestShape


def _form_on(
    deployment: Deployment, body: Mapping[str, object], call_type: str, shape: RequestShape
) -> _Form:
    check_generate(deployment, call_type)
    configured = configured_on(deployment)
    if configured.under or configured.over:
        body = merged(configured, body)
        shape = read_request(body, call_type)
    answers = answers_on(deployment, shape)
    return _Form(body, shape if answers == shape.answers else shape._replace(answers=answers))


def _streamed(
    forms: Mapping[Deployment, _Form], encodings: Mapping[Deployment, str | None]
) -> StreamedOutput | None:
    """Returns how to count the stream, if that is possible on every deployment."""
    outputs: list[StreamedOutput] = []
    for form in {id(form.shape): form for form in forms.values()}.values():
        output = streamed_output(form.body, form.shape, encodings)
        if output is None:
            return None
        outputs.append(output)
    return max(outputs, key=lambda output: output.hidden_tokens)


async def _max_cost_of_units(
    body: Mapping[str, object],
    call_type: str,
    call: UnitCall,
    servers: Servers,
    rule: PriceRule | CallPrices,
    settings: Settings,
) -> MaxCost:
    """The maximum cost of a call whose units are known in advance: all of it is input."""
    calls = dict.fromkeys(servers.everyone, call)
    for deployment in servers.everyone:
        configured = configured_on(deployment)
        if configured.under or configured.over:
            calls[deployment] = await read_unit_call(merged(configured, body), call_type, settings) or call
    asked = Asked(call.model, OutputLimit(0, None, client_set=True), recording_seconds=call.recording_seconds)
    return _max_cost_on(servers, asked, rule, lambda d: unit_candidate(calls[d], d))


@lru_cache(REMEMBERED_MAX)
def _encoding_name(deployment: Deployment) -> str | None:
    if deployment.own_server or deployment.provider not in _OPENAI_TOKENIZERS:
        return None
    return next((name for name in map(exact_encoding_name, deployment.names) if name), None)


class Asked(NamedTuple):
    """What a call requests, whichever deployment serves it."""

    model: str  # the requested group
    limit: OutputLimit
    answers: int = 1
    streamed: StreamedOutput | None = None
    recording_seconds: float | None = None


def _max_cost_on(
    servers: Servers,
    asked: Asked,
    rule: PriceRule | CallPrices,
    candidate: Callable[[Deployment], Candidate],
) -> MaxCost:
    """Combines the candidates that are not free: the maximum of each part, whose sum is never less than the
    maximum sum.
    """
    everyone = servers.everyone
    rules = rules_of(everyone, rule)
    free, estimate, output_nanos = True, _ZERO, _ZERO
    input_nanos = fixed_nanos = floor_nanos = 0
    for place, deployment in enumerate(everyone):
        its_rule = rules[deployment]
        if deployment.free or its_rule.free:
            continue
        free = False
        cost, multiplier = candidate(deployment), its_rule.multiplier
        input_nanos = max(input_nanos, ceil_nanos(nanos_from_cost(cost.input_cost) * multiplier))
        fixed = ceil_nanos(nanos_from_cost(cost.fixed_cost) * multiplier)
        fixed_nanos = max(fixed_nanos, fixed + its_rule.fee_nanos)
        floor_nanos = max(floor_nanos, its_rule.floor_nanos)
        output_nanos = max(output_nanos, nanos_from_cost(cost.output_cost_per_token) * multiplier)
        if place < len(servers.first):
            estimate = max(estimate, nanos_from_cost(cost.input_estimate) * multiplier)
    return MaxCost(
        model=asked.model,
        free=free,
        input_nanos=input_nanos,
        input_charge_nanos=min(round_nanos(estimate), input_nanos),
        output_nanos_per_token=output_nanos,
        fixed_nanos=fixed_nanos,
        floor_nanos=floor_nanos,
        output_tokens=asked.limit.tokens,
        output_limit_field=asked.limit.field,
        client_set_limit=asked.limit.client_set,
        answers=asked.answers,
        rule=rules[everyone[0]],
        rules=stored_rules(rule, rules),
        deployments=everyone,
        streamed=asked.streamed,
        recording_seconds=asked.recording_seconds,
    )
