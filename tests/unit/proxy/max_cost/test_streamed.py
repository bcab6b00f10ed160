"""Which streams show all that is billed: a short list, and the operator's word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from billing.proxy.max_cost.streamed import FRAME_TOKENS
from tests.unit.proxy.max_cost.conftest import MaxCostOf, Row

PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "max_output_tokens": 4000}


def body(**fields: object) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True, **fields}


@pytest.fixture
def shows_all(
    router: Callable[..., Any], deployment: Callable[..., Row], bounded: MaxCostOf
) -> Callable[..., bool]:
    def ask(model: str, info: Row | None = None, params: Row | None = None, **fields: object) -> bool:
        row = deployment("m", model, info={**PRICES, **(info or {})}, **(params or {}))
        return bounded(body(**fields), router=router(row)).streamed is not None

    return ask


class TestModels:
    @pytest.mark.parametrize(
        "model",
        ["openai/gpt-4o", "openai/gpt-4o-mini-2024-07-18", "openai/gpt-4.1-nano", "azure/gpt-4o",
         "anthropic/claude-3-5-haiku-20241022", "anthropic/claude-sonnet-4-5",
         "bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0"],
    )  # fmt: skip
    def test_that_write_what_they_show(self, model: str, shows_all: Callable[..., bool]) -> None:
        assert shows_all(model)

    @pytest.mark.parametrize(
        "model",
        ["openai/o3", "openai/gpt-5", "openai/gpt-5-chat", "openrouter/openai/gpt-5", "azure/eu/o1",
         "gemini/gemini-2.5-flash", "openai/a-model-of-next-year", "xai/grok-3-mini"],
    )  # fmt: skip
    def test_that_may_think_unseen_do_not(self, model: str, shows_all: Callable[..., bool]) -> None:
        assert not shows_all(model)

    def test_of_the_operators_own_server_are_not_known_by_their_name(
        self, shows_all: Callable[..., bool]
    ) -> None:
        own: Row = {"api_base": "http://127.0.0.1:9/v1"}
        assert not shows_all("openai/gpt-4o", params=own)
        assert shows_all("openai/gpt-4o", info={"supports_reasoning": False}, params=own)

    def test_the_operators_word_goes_first(self, shows_all: Callable[..., bool]) -> None:
        assert not shows_all("openai/gpt-4o", info={"supports_reasoning": True})


class TestRequests:
    @pytest.mark.parametrize(
        "fields",
        [
            {"stream": False},
            {"n": 2},
            {"prediction": {"type": "content", "content": "x"}},
            {"modalities": ["text", "audio"]},
            {"web_search_options": {}},
        ],
        ids=str,
    )
    def test_with_output_that_is_not_streamed(
        self, fields: dict[str, object], shows_all: Callable[..., bool]
    ) -> None:
        assert shows_all("openai/gpt-4o")
        assert not shows_all("openai/gpt-4o", **fields)

    @pytest.mark.parametrize(
        "fields",
        [{"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"reasoning_effort": "low"}],
        ids=str,
    )
    def test_that_ask_for_thinking(self, fields: dict[str, object], shows_all: Callable[..., bool]) -> None:
        assert not shows_all("anthropic/claude-sonnet-4-5", **fields)
        assert not shows_all("anthropic/claude-sonnet-4-5", params=fields)
        assert shows_all("anthropic/claude-sonnet-4-5", thinking={"type": "disabled"})

    @pytest.mark.parametrize(
        ("config", "shown"),
        [
            ({}, True),
            ({"maxOutputTokens": 9, "temperature": 1}, True),
            ({"stopSequences": ["é"]}, True),
            ({"candidateCount": 2}, False),
            ({"responseModalities": ["TEXT", "IMAGE"]}, False),
            ({"thinkingConfig": {"thinkingBudget": 9}}, False),
            ({"a_setting_of_next_year": 1}, False),
        ],
        ids=str,
    )
    def test_of_geminis_own_api_show_all_with_settings_that_are_known(
        self,
        config: dict[str, object],
        shown: bool,
        router: Callable[..., Any],
        deployment: Callable[..., Row],
        bounded: MaxCostOf,
    ) -> None:
        models = router(deployment("m", "gemini/gemini-x", info={**PRICES, "supports_reasoning": False}))
        asked = {"model": "m", "contents": [{"parts": [{"text": "hi"}]}], "stream": True}
        found = bounded(
            {**asked, "generationConfig": config}, router=models, call_type="agenerate_content_stream"
        )
        assert (found.streamed is not None) is shown
        if found.streamed is not None:
            assert found.streamed.hidden_tokens == FRAME_TOKENS + (2 if "stopSequences" in config else 0)

    def test_stop_sequences_are_billed_and_not_shown(
        self, router: Callable[..., Any], deployment: Callable[..., Row], bounded: MaxCostOf
    ) -> None:
        models = router(deployment("m", "openai/gpt-4o"))
        plain = bounded(body(), router=models).streamed
        stopped = bounded(body(stop=["é" * 50, "x"]), router=models).streamed
        assert plain is not None
        assert stopped is not None
        assert stopped.hidden_tokens == plain.hidden_tokens + 100
        assert stopped.encoding == "o200k_base"
