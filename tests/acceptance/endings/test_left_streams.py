"""A client leaves a stream whose provider never waits: it ends upstream, too, and costs what it showed.

LiteLLM closes few of its providers' streams itself; the others stayed open until Python collected them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest

from tests.acceptance.customers import Customer, detail_of, ending_of, spent
from tests.acceptance.endings.answers import endless
from tests.acceptance.endings.hostile import CREDIT, Gateway, Trick, all_at_once, balance_of
from tests.acceptance.endings.provider import Provider
from tests.deadline import eventually

WORDS = 20_000
LINES = 20  # that a client reads
INPUT, OUTPUT = Decimal("0.000001"), Decimal("0.00001")
CHARACTER = Decimal("0.000015")  # of speech
SHOWN_MAX = 5_000  # words on their way to a client that leaves, on a busy machine
SOON_S = 2.0  # a third of a second where nothing else runs; LiteLLM took 3 s, or left it open
MODELS = {"openai": "left-openai", "anthropic": "left-anthropic", "gemini": "left-gemini"}
_MESSAGES = [{"role": "user", "content": "write"}]
_LIMIT = {"max_tokens": WORDS, "stream": True}


def _trick(path: str, provider: str, **body: object) -> Trick:
    model = MODELS[provider]
    return Trick(path.format(model=model), {"model": model, **body}, events_max=LINES)


STREAMS = {
    "chat": _trick("/v1/chat/completions", "openai", messages=_MESSAGES, **_LIMIT),
    "chat-of-anthropic": _trick("/v1/chat/completions", "anthropic", messages=_MESSAGES, **_LIMIT),
    "messages": _trick("/v1/messages", "anthropic", messages=_MESSAGES, **_LIMIT),
    "messages-of-openai": _trick("/v1/messages", "openai", messages=_MESSAGES, **_LIMIT),
    "responses": _trick("/v1/responses", "openai", input="write", max_output_tokens=WORDS, stream=True),
    "responses-of-anthropic": _trick(
        "/v1/responses", "anthropic", input="write", max_output_tokens=WORDS, stream=True
    ),
    "completions": _trick("/v1/completions", "openai", prompt="write", **_LIMIT),
    "gemini": _trick(
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        "gemini",
        contents=[{"role": "user", "parts": [{"text": "write"}]}],
        generationConfig={"maxOutputTokens": WORDS},
    ),
}


@pytest.fixture(scope="module")
def provider(gateway: Gateway) -> Iterator[Provider]:
    """Has a model for each way to speak to it."""
    served = Provider(lambda path, _: endless(path, WORDS))
    with ExitStack() as stack:
        stack.callback(served.close)
        for kind, name in MODELS.items():
            params = {
                "model": f"{kind}/{'gemini-2.0-flash' if kind == 'gemini' else name}",
                "api_base": f"{served.url}/v1" if kind == "openai" else served.url,
                "input_cost_per_token": float(INPUT),
                "output_cost_per_token": float(OUTPUT),
            }
            sizes = {"max_input_tokens": 128_000, "max_output_tokens": WORDS}
            gateway.add_model(stack, name, params, mode="chat", supports_reasoning=False, **sizes)
        yield served


def _cost_what_they_showed(customer: Customer, calls: int) -> None:
    """An estimate may come first, which the cost then replaces: what counts is what is left."""
    charges = customer.settled(charges=calls)
    assert {ending_of(charge) for charge in charges} == {"cut_mid_stream"}
    assert {detail_of(charge)["price"]["basis"] for charge in charges} <= {"provider_cost", "count"}
    assert 0 < CREDIT - balance_of(customer) <= calls * SHOWN_MAX * OUTPUT < CREDIT


@pytest.mark.parametrize("api", STREAMS)
def test_the_providers_stream_is_closed_soon_after(api: str, gateway: Gateway, provider: Provider) -> None:
    customer = gateway.new_customer(credit=str(CREDIT))
    closed = len(provider.left_at)
    assert STREAMS[api].send(customer) == 200
    left_at = time.monotonic()
    eventually(lambda: len(provider.left_at) > closed)
    assert provider.left_at[-1] - left_at < SOON_S
    _cost_what_they_showed(customer, calls=1)


@pytest.mark.parametrize("api", ["messages", "responses"])
def test_many_at_once_are_closed_and_leave_the_rest_of_the_balance(
    api: str, gateway: Gateway, provider: Provider
) -> None:
    customer = gateway.new_customer(credit=str(CREDIT))
    opened, closed = provider.opened, len(provider.left_at)
    served = all_at_once(customer, STREAMS[api].send).count(200)
    eventually(lambda: len(provider.left_at) - closed == provider.opened - opened == served > 0)
    _cost_what_they_showed(customer, calls=served)


def test_speech_that_many_leave_costs_its_text(gateway: Gateway) -> None:
    """LiteLLM has all of it before the client gets any: there is no stream of the provider's to close."""
    text = "word" * 1_000
    body = {"model": "demo-speech", "input": text, "voice": "alloy"}

    def leave(customer: Customer) -> int:
        with customer.http.stream("POST", "/v1/audio/speech", json=body) as answer:
            next(answer.iter_raw())
            return answer.status_code

    customer = gateway.new_customer(credit=str(CREDIT))
    served = all_at_once(customer, leave).count(200)
    charges = customer.settled(charges=served)
    assert {spent(charge) for charge in charges} == {len(text) * CHARACTER}
    assert balance_of(customer) == CREDIT - served * len(text) * CHARACTER
