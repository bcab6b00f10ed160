"""What is held covers what the provider is really sent, whatever LiteLLM makes of a request on the way."""

from __future__ import annotations

from typing import Any

import litellm
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.errors import BadRequest, Forbidden
from billing.proxy.requests.client_fields import refuse_steering
from tests.integration.proxy.sent.calls import CONVERSATIONS, SCHEMA, TEXT, said, tool, without_system
from tests.integration.proxy.sent.conftest import Send
from tests.integration.proxy.sent.fields import accepted_names, some_values_of, values_of
from tests.integration.proxy.sent.gateway import BilledRouter

# What LiteLLM warns of over malformed bodies is its own affair; a warning made an error would stop the call.
pytestmark = pytest.mark.filterwarnings("ignore")

Body = dict[str, Any]

# A model of each way to translate a request.
FAMILIES = (
    "openai/gpt-x", "azure/gpt-4o-mini", "hosted_vllm/x", "anthropic/claude-sonnet-4-5",
    "anthropic/claude-3-haiku-20240307", "gemini/gemini-2.5-flash", "ollama/llama3", "ollama_chat/llama3",
    "mistral/magistral-small", "cohere_chat/command-r", "text-completion-openai/gpt-3.5-turbo-instruct",
    "bedrock/anthropic.claude-3-haiku-20240307-v1:0",
)  # fmt: skip
EXTRAS: dict[str, Body] = {
    "nothing": {},
    "tools": {"tools": [tool(0), tool(1)]},
    "functions": {"functions": [tool()["function"]]},
    "schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
    "thinks": {"reasoning_effort": "high"},
    "answers": {"n": 3},
}
CHAT = ("openai/gpt-x", "anthropic/claude-3-haiku-20240307", "gemini/gemini-2.5-flash", "ollama/llama3")


def chat(conversation: str, **fields: Any) -> Body:
    return {
        "model": "m",
        "messages": CONVERSATIONS[conversation],
        "max_tokens": 50,
        "num_retries": 0,
        **fields,
    }


def messages(conversation: str, **fields: Any) -> Body:
    return {
        "model": "m",
        "messages": without_system(CONVERSATIONS[conversation]),
        "max_tokens": 50,
        "num_retries": 0,
        **fields,
    }


def responses(conversation: str, **fields: Any) -> Body:
    spoken = without_system(CONVERSATIONS[conversation])
    return {"model": "m", "input": spoken, "max_output_tokens": 50, "num_retries": 0, **fields}


def generate(conversation: str, **fields: Any) -> Body:
    contents = [
        {"role": "user", "parts": [{"text": str(turn["content"])}]} for turn in CONVERSATIONS[conversation]
    ]
    return {"model": "m", "contents": contents, "generationConfig": {"maxOutputTokens": 50}, **fields}


def completion(conversation: str, **fields: Any) -> Body:
    prompts = [str(turn["content"]) for turn in CONVERSATIONS[conversation]]
    return {"model": "m", "prompt": prompts, "max_tokens": 50, "num_retries": 0, **fields}


def embedding(conversation: str, **fields: Any) -> Body:
    return {
        "model": "m",
        "input": [str(turn["content"]) or "a" for turn in CONVERSATIONS[conversation]],
        **fields,
    }


# Each kind of call that is billed by tokens, with models that serve it each in a way of its own.
KINDS = {
    "acompletion": (chat, CHAT),
    "anthropic_messages": (
        messages,
        ("anthropic/claude-3-haiku-20240307", "openai/gpt-x", "gemini/gemini-2.5-flash"),
    ),
    "aresponses": (responses, ("openai/gpt-x", "anthropic/claude-3-haiku-20240307", "hosted_vllm/x")),
    "agenerate_content": (generate, ("gemini/gemini-2.5-flash", "openai/gpt-x")),
    "atext_completion": (
        completion,
        ("text-completion-openai/gpt-3.5-turbo-instruct", "openai/gpt-x", "ollama/llama3"),
    ),
    "aembedding": (embedding, ("openai/gpt-x", "gemini/gemini-embedding", "ollama/x")),
}


class TestConversations:
    @pytest.mark.parametrize("model", FAMILIES)
    def test_each_is_covered_in_each_translation(self, model: str, billed: BilledRouter, send: Send) -> None:
        router, arrived = billed.router(model), 0
        for conversation in CONVERSATIONS:
            for name, extra in EXTRAS.items():
                outcome = send(router, "acompletion", chat(conversation, **extra))
                arrived += outcome.requests
                assert outcome.covered, f"{conversation} with {name}: {outcome}"
        assert arrived >= len(CONVERSATIONS)

    def test_each_is_covered_where_litellm_repairs_them(
        self, billed: BilledRouter, send: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(litellm, "modify_params", True)
        for model in ("anthropic/claude-3-haiku-20240307", "bedrock/anthropic.claude-3-haiku-20240307-v1:0"):
            for conversation in CONVERSATIONS:
                for extra in ({}, EXTRAS["tools"]):
                    outcome = send(billed.router(model), "acompletion", chat(conversation, **extra))
                    assert outcome.covered, f"{conversation}: {outcome}"


class TestProviders:
    def test_tools_and_turns_are_covered_by_every_provider(self, billed: BilledRouter, send: Send) -> None:
        body = chat("systems_between", **EXTRAS["tools"])
        reached = set()
        for provider in sorted(str(getattr(one, "value", one)) for one in litellm.provider_list):
            if provider in _AWAY:
                continue
            try:
                router = billed.router(f"{provider}/some-model")
            except (ValueError, litellm.BadRequestError):
                continue  # no provider of models, or of models under such names
            outcome = send(router, "acompletion", body)
            assert outcome.covered, f"{provider}: {outcome}"
            reached |= {provider} if outcome.requests else set()
        assert len(reached) > 50


# They log in somewhere, read files, or start programs first.
_AWAY = frozenset(
    (
        "a2a",
        "a2a_agent",
        "bytez",
        "chatgpt",
        "claude_code",
        "github_copilot",
        "gigachat",
        "oci",
        "replicate",
        "vertex_ai",
        "vertex_ai_beta",
    )
)


class TestOperatorsSettings:
    """Counted as often as they can happen, and not refused."""

    @pytest.mark.parametrize(
        "params",
        [
            {"ensure_alternating_roles": True},
            {
                "ensure_alternating_roles": True,
                "assistant_continue_message": {"role": "assistant", "content": TEXT},
            },
            {"ensure_alternating_roles": True, "user_continue_message": {"role": "user", "content": TEXT}},
            {"litellm_system_prompt": TEXT},
            {"tools": [tool()]},
            {"n": 4},
            {"max_completion_tokens": 5_000},
            {"extra_body": {"max_tokens": 5_000}},
            {"extra_body": {"n": 4, "best_of": 7}},
            {"extra_body": {"guided_json": SCHEMA}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
        ],
        ids="+".join,
    )
    def test_are_covered(self, params: Body, billed: BilledRouter, send: Send) -> None:
        for model in ("hosted_vllm/x", "anthropic/claude-3-haiku-20240307"):
            router = billed.router(model, **params)
            for conversation in ("users", "assistants", "tools"):
                outcome = send(router, "acompletion", chat(conversation))
                assert outcome.covered, f"{model}, {conversation}: {outcome}"
                assert outcome.refused is None


def _steers(name: str) -> bool:
    """Whether the field is refused whatever stands in it."""
    try:
        refuse_steering({name: "a"})
    except (BadRequest, Forbidden):
        return name not in ("num_retries", "max_retries")
    return False


class TestFields:
    """Over all fields that LiteLLM accepts: refused, or covered."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_field_alone(self, kind: str, billed: BilledRouter, send: Send) -> None:
        make, models = KINDS[kind]
        turns = ("users", "assistants")
        reached = 0
        for number, name in enumerate(accepted_names()):
            if _steers(name):
                continue
            for place, value in enumerate(some_values_of(name, number, 1)):
                model = models[(number + place) % len(models)]
                body = make(turns[(number + place) % 2])
                outcome = send(billed.router(model), kind, {**body, name: value})
                assert outcome.covered, f"{name}={str(value)[:80]} on {model}: {outcome}"
                reached += outcome.requests
        assert reached > 50

    @given(st.data())
    @settings(
        max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    )
    def test_several_together(self, billed: BilledRouter, send: Send, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(sorted(KINDS)))
        make, models = KINDS[kind]
        names = [name for name in accepted_names() if not _steers(name)]
        chosen = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=4))
        fields = {name: data.draw(st.sampled_from(values_of(name))) for name in chosen}
        router = billed.router(data.draw(st.sampled_from(models)))
        conversation = data.draw(st.sampled_from(sorted(CONVERSATIONS)))
        assert send(router, kind, {**make(conversation), **fields}).covered

    @pytest.mark.parametrize(
        "name",
        [
            "ensure_alternating_roles",
            "user_continue_message",
            "assistant_continue_message",
            "prompt_id",
            "litellm_system_prompt",
        ],
    )
    def test_what_adds_turns_is_the_operators(self, name: str, billed: BilledRouter, send: Send) -> None:
        for kind, (make, models) in KINDS.items():
            value = True if name.startswith("ensure") else said("user", TEXT)[0]
            outcome = send(billed.router(models[0]), kind, {**make("users"), name: value})
            assert isinstance(outcome.refused, BadRequest)
            assert name in str(outcome.refused)
