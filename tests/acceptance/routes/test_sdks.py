"""The same routes as their users call them: with OpenAI's SDK, whole and streamed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import openai
import pytest

from devkit.demo_upstream.media import silence
from tests.acceptance.customers import Customer, Transaction

QUESTION = "Say something about prepaid balances."
IMAGE = Decimal("0.04")
TTS_CHARACTER = Decimal("0.000015")
WHISPER_SECOND = Decimal("0.0001")
SMALL_INPUT, SMALL_OUTPUT = Decimal("0.00000015"), Decimal("0.0000006")


def respond(customer: Customer) -> Decimal:
    answer = customer.openai.responses.create(model="demo-chat", input=QUESTION, max_output_tokens=40)
    assert answer.output_text
    assert answer.usage is not None
    return answer.usage.input_tokens * SMALL_INPUT + answer.usage.output_tokens * SMALL_OUTPUT


def stream_response(customer: Customer) -> Decimal:
    with customer.openai.responses.stream(model="demo-chat", input=QUESTION) as stream:
        usage = stream.get_final_response().usage
    assert usage is not None
    return usage.input_tokens * SMALL_INPUT + usage.output_tokens * SMALL_OUTPUT


def draw(customer: Customer) -> Decimal:
    answer = customer.openai.images.generate(model="demo-image", prompt="a cat", n=3)
    assert answer.data is not None
    return len(answer.data) * IMAGE


def edit(customer: Customer) -> Decimal:
    answer = customer.openai.images.edit(model="demo-image", image=("cat.png", b"a cat"), prompt="a dog")
    assert answer.data is not None
    return len(answer.data) * IMAGE


def speak(customer: Customer) -> Decimal:
    text = "four words of speech"
    answer = customer.openai.audio.speech.create(model="demo-speech", voice="alloy", input=text)
    assert answer.content.startswith(b"RIFF")
    return len(text.replace(" ", "")) * TTS_CHARACTER  # LiteLLM counts no spaces


def transcribe(customer: Customer) -> Decimal:
    file = ("speech.wav", silence(12.5))
    assert customer.openai.audio.transcriptions.create(model="demo-transcribe", file=file).text
    return Decimal("12.5") * WHISPER_SECOND


CALLS = [respond, stream_response, draw, edit, speak, transcribe]


def spent(charge: Transaction) -> Decimal:
    return -Decimal(str(charge["amount"]))


@pytest.mark.parametrize("call", CALLS, ids=[call.__name__ for call in CALLS])
class TestOpenAIsSdk:
    def test_is_charged_its_units_times_their_price(
        self, call: Callable[[Customer], Decimal], new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="10")
        cost = call(customer)
        [charge] = customer.settled(charges=1)
        assert spent(charge) == round(cost, 9) > 0
        assert customer.balance()["balance"] == 10 - spent(charge)

    def test_gets_402_without_credit(
        self, call: Callable[[Customer], Decimal], new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer()
        with pytest.raises(openai.APIStatusError) as refusal:
            call(customer)
        assert refusal.value.status_code == 402
        assert refusal.value.code == "insufficient_credits"
        assert customer.transactions() == []


class TestConversations:
    def test_a_response_that_goes_on_from_another_pays_for_both_inputs(
        self, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="10")
        create = customer.openai.responses.create
        first = create(model="demo-chat", input=QUESTION, max_output_tokens=40)
        second = create(
            model="demo-chat", input="Go on.", max_output_tokens=40, previous_response_id=first.id
        )
        assert first.usage is not None
        assert second.usage is not None
        assert second.usage.input_tokens > first.usage.total_tokens
        later, earlier = customer.settled(charges=2)
        assert spent(later) > spent(earlier)

    def test_what_an_earlier_response_holds_is_held_for_as_the_whole_context(
        self, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="0.01")  # enough for the words, not for 128,000 tokens
        create = customer.openai.responses.create
        first = create(model="demo-chat", input=QUESTION, max_output_tokens=40)
        with pytest.raises(openai.APIStatusError) as refusal:
            create(model="demo-chat", input="Go on.", max_output_tokens=40, previous_response_id=first.id)
        assert refusal.value.status_code == 402

    def test_reading_and_deleting_a_response_costs_nothing(
        self, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="10")
        made = customer.openai.responses.create(model="demo-chat", input=QUESTION, max_output_tokens=40)
        customer.settled(charges=1)
        for _ in range(2):
            customer.openai.responses.retrieve(made.id)
        customer.openai.responses.delete(made.id)
        assert len(customer.settled(charges=1)) == 1


class TestCutStreams:
    def test_a_response_that_is_cut_costs_what_was_streamed(
        self, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="10")
        body = {"model": "demo-slow", "input": QUESTION, "max_output_tokens": 40, "stream": True}
        with customer.http.stream("POST", "/v1/responses", json=body) as answer:
            lines = answer.iter_lines()
            while "response.output_text.delta" not in next(lines):
                assert answer.status_code == 200
        [charge] = customer.settled(charges=1)
        assert spent(charge) > 0

    def test_a_gemini_stream_that_is_cut_costs_what_was_shown(
        self, new_customer: Callable[..., Customer]
    ) -> None:
        """LiteLLM counts nothing of it, so it is our count."""
        customer = new_customer(credit="10")
        body = {
            "contents": [{"parts": [{"text": "in 15000 words"}]}],
            "generationConfig": {"maxOutputTokens": 16_000},
        }
        path = "/v1beta/models/demo-gemini:streamGenerateContent"
        with customer.http.stream("POST", path, json=body) as answer:
            next(answer.iter_lines())
        [charge] = customer.settled(charges=1)
        assert SMALL_OUTPUT < spent(charge) < 8_000 * SMALL_OUTPUT  # some of 15,000 words
        assert isinstance(charge["detail"], dict)
        assert charge["detail"]["ending"] == "cut_mid_stream"
        assert charge["detail"]["price"]["basis"] == "count"


class TestFailures:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/images/generations", {"model": "demo-image", "prompt": 7}),
            ("/v1/rerank", {"model": "demo-rerank", "query": "q", "documents": ["a"], "top_n": 0}),
        ],
    )
    def test_what_the_provider_refuses_costs_nothing(
        self, path: str, body: dict[str, object], new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="10")
        assert customer.http.post(path, json=body).status_code >= 400
        customer.settled(charges=0)
        assert customer.balance()["balance"] == 10
