"""A provider reports usage that cannot be, to twenty-five callers of one customer at once.

Such usage is no final charge: each answer costs what was counted of it or what was held for it, for review.
All answers are as long as was asked for, and a few of them take all the credit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from typing import NamedTuple

import pytest

from tests.acceptance.customers import detail_of, ending_of, spent
from tests.acceptance.endings.answers import chat_stream, whole
from tests.acceptance.endings.hostile import CREDIT, Gateway, Trick, all_at_once, balance_of
from tests.acceptance.endings.provider import Answer, Json, Provider

LIMIT = 2_500  # tokens that each call asks for
SHORT = 100  # words of a stream
INPUT, OUTPUT, CACHED = Decimal("0.00005"), Decimal("0.0001"), Decimal("0.000001")
LARGE, SMALL = 128_000, 1_000  # contexts, in tokens
GEMINI = "gemini-2.0-flash"
_QUESTION = "write"
_MESSAGES = [{"role": "user", "content": _QUESTION}]
_CHAT = Trick("/v1/chat/completions", {"messages": _MESSAGES, "max_tokens": LIMIT})
_STREAM = Trick(_CHAT.path, {**_CHAT.body, "stream": True})
_MESSAGE = Trick("/v1/messages", {"messages": _MESSAGES, "max_tokens": LIMIT})
_RESPONSE = Trick("/v1/responses", {"input": _QUESTION, "max_output_tokens": LIMIT})
_GEMINI = Trick(
    "/v1beta/models/{model}:generateContent",
    {
        "contents": [{"role": "user", "parts": [{"text": _QUESTION}]}],
        "generationConfig": {"maxOutputTokens": LIMIT},
    },
)


class Nonsense(NamedTuple):
    """How a model's provider reports an answer of so many words; `provider` as LiteLLM calls it."""

    call: Trick
    usage: Mapping[str, object]
    provider: str = "openai"
    words: int = LIMIT
    context: int | None = LARGE


def _openai(prompt: int, completion: int, **more: object) -> dict[str, object]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **more}


# What it costs if it is believed is next to nothing, or several times what the call could cost.
NONSENSE = {
    "negative-stream": Nonsense(_STREAM, _openai(1 - 2 * SHORT, SHORT), words=SHORT),
    "negative-message": Nonsense(
        _MESSAGE,
        {"input_tokens": 8, "output_tokens": LIMIT, "cache_creation_input_tokens": 1 - 2 * LIMIT},
        "anthropic",
    ),
    "negative-response": Nonsense(
        _RESPONSE, {"input_tokens": 1 - 2 * LIMIT, "output_tokens": LIMIT, "total_tokens": 1 - LIMIT}
    ),
    "negative-cached": Nonsense(
        _CHAT, _openai(8, LIMIT, prompt_tokens_details={"cached_tokens": -8 * LIMIT})
    ),
    "negative-gemini": Nonsense(
        _GEMINI, {"promptTokenCount": 1 - 2 * LIMIT, "candidatesTokenCount": LIMIT}, "gemini"
    ),
    "more-cached-than-sent": Nonsense(
        _CHAT, _openai(8, LIMIT, prompt_tokens_details={"cached_tokens": 2 * LIMIT})
    ),
    "more-than-its-parts": Nonsense(_CHAT, _openai(1, 1, total_tokens=LIMIT)),
    "less-than-its-parts": Nonsense(_CHAT, _openai(8 * LIMIT, LIMIT, total_tokens=LIMIT)),
    "beyond-the-context": Nonsense(_CHAT, _openai(8 * LIMIT, LIMIT), context=SMALL),
    "beyond-what-was-shown": Nonsense(_STREAM, _openai(8, LIMIT), words=SHORT // 10),
    "beyond-what-was-asked-for": Nonsense(_CHAT, _openai(8, 15 * LIMIT)),
    "beyond-all-holds": Nonsense(_CHAT, _openai(10**8, LIMIT), context=None),
    "beyond-all-numbers": Nonsense(_CHAT, _openai(10**30, LIMIT), context=None),
}


_INFO: dict[str, object] = {"mode": "chat", "max_output_tokens": 2 * LIMIT, "supports_reasoning": False}


@pytest.fixture(scope="module")
def provider(gateway: Gateway) -> Iterator[Provider]:
    """Serves a model of each kind of nonsense."""
    served = Provider(_answer)
    with ExitStack() as stack:
        stack.callback(served.close)
        for name, kind in NONSENSE.items():
            params = {
                "model": f"{kind.provider}/{GEMINI if kind.provider == 'gemini' else name}",
                "api_base": f"{served.url}/v1" if kind.provider == "openai" else served.url,
                "input_cost_per_token": float(INPUT),
                "output_cost_per_token": float(OUTPUT),
                "cache_read_input_token_cost": float(CACHED),
                "cache_creation_input_token_cost": float(INPUT),
            }
            context = {} if kind.context is None else {"max_input_tokens": kind.context}
            gateway.add_model(stack, name, params, **_INFO, **context)
        yield served


def _answer(path: str, body: Json) -> Answer:
    kind = NONSENSE["negative-gemini" if GEMINI in path else body["model"]]
    answer_of = chat_stream if body.get("stream") else whole
    return answer_of(path, kind.words, kind.usage)


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("name", NONSENSE)
def test_no_nonsense_is_charged_and_each_answer_is_paid_for(name: str, gateway: Gateway) -> None:
    call = NONSENSE[name].call
    customer = gateway.new_customer(credit=str(CREDIT))
    trick = Trick(call.path.format(model=name), {"model": name, **call.body})
    served = all_at_once(customer, trick.send).count(200)
    charges = customer.transactions("charge")
    assert len(charges) == served > 0
    for charge in charges:
        assert ending_of(charge) == "finished_unpriced"
        assert detail_of(charge)["price"]["basis"] in ("count", "hold")
        assert detail_of(charge)["implausible_usage"]
        assert spent(charge) >= NONSENSE[name].words * OUTPUT
    assert 0 <= balance_of(customer) <= CREDIT
