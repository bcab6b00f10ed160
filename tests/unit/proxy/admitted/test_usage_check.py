"""Which usage of a provider is believed, in the names of every API; what is honest and unusual stays so."""

from __future__ import annotations

import math

import litellm
import pytest
from litellm.llms.anthropic.chat.transformation import AnthropicConfig
from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig
from litellm.responses.utils import ResponseAPILoggingUtils

from billing.proxy.admitted.usage_check import Surroundings, is_absurd_charge, why_implausible

Usage = dict[str, object]


def chat(prompt: object, completion: object, total: object = None, **details: object) -> Usage:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **details}


NONSENSE: dict[str, Usage] = {
    "negative prompt": chat(-5, 10, 5),
    "negative completion": chat(5, -10, -5),
    "negative total": chat(5, 10, -15),
    "negative detail": chat(5, 10, 15, prompt_tokens_details={"cached_tokens": -1}),
    "negative deep": chat(5, 10, 15, iterations=[{"input_tokens": -3}]),
    "negative pictures": {"input_tokens": -1, "output_tokens": 5, "total_tokens": 4},
    "negative seconds": {"type": "duration", "seconds": -3},
    "negative searches": {"search_units": -1},
    "negative cost": chat(5, 10, 15, cost=-0.1),
    "float": chat(5.5, 10, 15.5),
    "NaN": chat(math.nan, 10, 15),
    "infinity": chat(5, math.inf, 15),
    "string": chat("5", 10, 15),
    "bool": chat(True, 10, 11),
    "list": chat([5], 10, 15),
    "huge": chat(10**30, 10, 10**30 + 10),
    "huge float": chat(5, 1e30, 1e30),
    "total below its parts": chat(100, 50, 20),
    "total above its parts": chat(100, 50, 9_000),
    "responses' total": {"input_tokens": 100, "output_tokens": 50, "total_tokens": 20},
    "cached beyond the prompt": chat(100, 50, 150, prompt_tokens_details={"cached_tokens": 101}),
    "cached beyond the input": {
        "input_tokens": 100, "output_tokens": 5, "total_tokens": 105,
        "input_tokens_details": {"cached_tokens": 101},
    },
    "reasoning beyond the completion": chat(100, 50, 150, completion_tokens_details={"reasoning_tokens": 51}),
    "reasoning beyond the output": {
        "input_tokens": 100, "output_tokens": 5, "total_tokens": 105,
        "output_tokens_details": {"reasoning_tokens": 6},
    },
}  # fmt: skip

HONEST: dict[str, Usage] = {
    "plain": chat(100, 50, 150),
    "without a total": chat(100, 50),
    "litellm's total of none": chat(100, 50, 0),
    "nothing": {},
    "nulls": chat(None, None, None, prompt_tokens_details=None),
    "embedding": {"prompt_tokens": 8, "total_tokens": 8},
    "all cached": chat(100, 50, 150, prompt_tokens_details={"cached_tokens": 100, "audio_tokens": 0}),
    "reasoning in the completion": chat(9, 50, 59, completion_tokens_details={"reasoning_tokens": 50}),
    "reasoning beside the completion": chat(
        10120, 1499, 14428,
        prompt_tokens_details={"cached_tokens": 128}, completion_tokens_details={"reasoning_tokens": 2809},
    ),
    "tokens of tools in the total": chat(100, 50, 170, tool_use_prompt_tokens=20),
    "anthropic's input beside its cache": {
        "input_tokens": 3, "output_tokens": 20, "cache_read_input_tokens": 90_000,
        "cache_creation_input_tokens": 500, "cache_creation": {"ephemeral_5m_input_tokens": 500},
        "server_tool_use": {"web_search_requests": 2}, "service_tier": "standard",
    },
    "compaction": {
        "input_tokens": 45_000, "output_tokens": 1_234,
        "iterations": [
            {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500},
            {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000},
        ],
    },
    "deep research": chat(
        33, 11_395, 11_428, citation_tokens=52_385, num_search_queries=18,
        completion_tokens_details={"reasoning_tokens": 193_944},
    ),
    "seconds of audio": {"type": "duration", "seconds": 2.4},
    "a provider's own cost": chat(100, 50, 150, cost=0.000525, is_byok=True, queue_time=-0.01),
    "searches": {"search_units": 1},
    "pages": {"pages_processed": 3, "doc_size_bytes": 3002783},
}  # fmt: skip


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_not_believed(case: str) -> None:
    assert why_implausible(NONSENSE[case]) is not None


@pytest.mark.parametrize("case", HONEST)
def test_what_is_honest_is_believed(case: str) -> None:
    assert why_implausible(HONEST[case]) is None


class TestAsLiteLLMHasIt:
    """The usage of providers' own APIs, through LiteLLM's transformations."""

    @pytest.mark.parametrize("case", ["anthropic's input beside its cache", "compaction"])
    def test_anthropics_is_believed(self, case: str) -> None:
        usage = AnthropicConfig().calculate_usage(HONEST[case], reasoning_content=None)
        assert why_implausible(usage.model_dump()) is None

    def test_geminis_thoughts_and_tools_are_believed(self) -> None:
        metadata = {
            "promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 300,
            "toolUsePromptTokenCount": 40, "cachedContentTokenCount": 60, "totalTokenCount": 460,
        }  # fmt: skip
        usage = VertexGeminiConfig._calculate_usage({"usageMetadata": metadata})
        assert why_implausible(usage.model_dump()) is None

    def test_responses_reasoning_is_believed(self) -> None:
        usage = {
            "input_tokens": 100, "input_tokens_details": {"cached_tokens": 64}, "output_tokens": 900,
            "output_tokens_details": {"reasoning_tokens": 832}, "total_tokens": 1_000,
        }  # fmt: skip
        found = ResponseAPILoggingUtils._transform_response_api_usage_to_chat_usage(usage)
        assert why_implausible(found.model_dump()) is None

    @pytest.mark.parametrize("case", ["negative prompt", "total below its parts", "cached beyond the prompt"])
    def test_nonsense_stays_nonsense(self, case: str) -> None:
        assert why_implausible(litellm.Usage(**NONSENSE[case]).model_dump()) is not None


class TestAbsurd:
    KNOWN = Surroundings(context_tokens_max=1_000, output_tokens_max=500, shown_tokens=20)

    @pytest.mark.parametrize("usage", [chat(4_001, 10), chat(10, 2_001), {"input_tokens": 4_001}])
    def test_many_times_what_the_model_takes_or_gives(self, usage: Usage) -> None:
        assert why_implausible(usage, self.KNOWN) is not None

    def test_many_times_what_was_shown(self) -> None:
        known = Surroundings(shown_tokens=20)
        assert why_implausible(chat(10, 2_201), known) is not None
        assert why_implausible(chat(10, 2_200), known) is None
        assert why_implausible(chat(10, 2_201), Surroundings()) is None

    def test_a_little_more_than_the_operator_declared_is_not(self) -> None:
        assert why_implausible(chat(3_000, 400), self.KNOWN) is None

    def test_many_times_the_hold(self) -> None:
        assert is_absurd_charge(20_001, 1_000)
        assert not is_absurd_charge(20_000, 1_000)
        assert not is_absurd_charge(20_000, 0)
