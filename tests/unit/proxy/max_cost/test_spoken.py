"""Promise 1 for speech: the hold covers the audio, whose length the text and the asked-for pace limit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from billing.errors import BadRequest
from billing.money import nanos_from_cost
from billing.proxy.max_cost.deployments import Deployment
from billing.proxy.max_cost.spoken import TOKENS_A_SECOND, read_spoken, spoken_cost
from tests.unit.proxy.max_cost.conftest import MaxCostOf

Body = dict[str, Any]
TTS = "openai/gpt-4o-mini-tts"
A_SECOND = Decimal("0.00025")  # in LiteLLM's map
LONGEST = [  # texts, and seconds that saying them may take: slow readers, each word of a sign
    ("Ordinary prose is read at about fifteen letters a second, by people and by models alike.", 12),
    ("0123456789", 6),
    ("WWW", 3),
    ("100 % § @ & =", 8),
    ("一二三四五六七八九十" * 10, 50),
    ("😂🧑‍🚀" * 10, 40),
    ("ﷺ", 4),
    ("x", 1),
    ("\n" * 10, 10),
]


def seconds_of(text: str, **body: object) -> Decimal:
    """For how many seconds of the model's price is held."""
    return spoken_cost(of_openai(), read_spoken({**body}, text)) / A_SECOND


def of_openai(model: str = "gpt-4o-mini-tts", prices: Body | None = None, **params: object) -> Deployment:
    return Deployment(
        f"openai/{model}", "openai", model, params, {}, prices or {}, (), own_server=False, groups=("tts",)
    )


class TestTheSeconds:
    @pytest.mark.parametrize(("text", "seconds"), LONGEST)
    def test_are_more_than_anybody_takes_to_say_the_text(self, text: str, seconds: int) -> None:
        assert seconds_of(text) >= seconds

    def test_of_prose_are_a_few_times_what_it_takes(self) -> None:
        text = LONGEST[0][0] * 20
        assert len(text) / 15 < seconds_of(text) < 6 * len(text) / 15

    @pytest.mark.parametrize(
        ("asked", "times"),
        [({"speed": 0.25}, 4), ({"speed": 0.5}, 2), ({"speed": 4}, 1), ({"instructions": "slowly"}, 4),
         ({"speed": 0.5, "instructions": "slowly"}, 8), ({"speed": None, "instructions": ""}, 1)],
    )  # fmt: skip
    def test_grow_with_a_slower_voice(self, asked: Body, times: int) -> None:
        assert seconds_of("a word or two " * 90, **asked) >= times * (seconds_of("a word or two " * 90) - 1)

    def test_grow_with_the_operators_slower_voice_too(self) -> None:
        spoken = read_spoken({}, "a word or two " * 90)
        slow = of_openai(speed=0.5, instructions="slowly")
        assert spoken_cost(slow, spoken) > 7 * spoken_cost(of_openai(), spoken)

    @pytest.mark.parametrize("speed", [0, -1, float("nan"), "1", True, [1]])
    def test_of_a_speed_that_is_none_is_400(self, speed: object) -> None:
        with pytest.raises(BadRequest):
            read_spoken({"speed": speed}, "x")


class TestThePrice:
    def test_of_a_second_is_held_beside_the_text(
        self, bounded: MaxCostOf, router: Callable[..., Any]
    ) -> None:
        row = {"model_name": "tts", "litellm_params": {"model": TTS, "api_key": "none"}}
        text = "This is a sentence of ordinary length, which takes some seconds to say. " * 2
        found = bounded({"model": "tts", "input": text}, router=router(row), call_type="aspeech")
        assert found.amount_nanos() >= nanos_from_cost("0.0025036")  # of 10 s, which it may well take
        assert found.input_charge_nanos < nanos_from_cost("0.0001")  # a call that times out pays the text

    def test_of_a_token_counts_where_there_is_none_of_a_second(self) -> None:
        own = {"output_cost_per_second": 0, "output_cost_per_audio_token": 0.5}
        cost = spoken_cost(of_openai("my-tts", own), read_spoken({}, "x"))
        assert cost == 6 * TOKENS_A_SECOND * Decimal("0.5")

    def test_is_none_where_the_text_alone_is_billed(self) -> None:
        assert spoken_cost(of_openai("tts-1"), read_spoken({}, "x")) == 0
