"""What a billed key is refused, before any provider hears of it; and what is free, which needs no credit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.acceptance.customers import Customer
from tests.acceptance.routes.requests_of import BY_CALL_TYPE

Body = dict[str, object]
HELLO = [{"role": "user", "content": "hello"}]

REFUSED: list[tuple[str, str, Body]] = [
    ("POST", "/queue/chat/completions", {"model": "demo-chat", "messages": HELLO}),
    ("POST", "/cursor/chat/completions", {"model": "demo-chat", "messages": HELLO}),
    ("POST", "/v1beta/interactions", {"model": "demo-gemini", "input": "hello"}),
    ("POST", "/v1/assistants", {"model": "demo-chat"}),
    ("POST", "/v1/threads", {"messages": HELLO}),
    ("POST", "/v1/threads/thread_1/runs", {"assistant_id": "a"}),
    ("POST", "/v1/realtime/client_secrets", {"session": {"model": "demo-realtime"}}),
    ("POST", "/v1/realtime/transcription_sessions", {"model": "demo-realtime"}),
    ("POST", "/v1/batches", {"input_file_id": "f", "endpoint": "/v1/chat/completions"}),
    ("POST", "/v1/files", {"purpose": "batch"}),
    ("POST", "/v1/fine_tuning/jobs", {"model": "demo-chat", "training_file": "f"}),
    ("POST", "/v1/videos", {"model": "demo-chat", "prompt": "a cat"}),
    ("POST", "/v1/vector_stores", {"name": "store"}),
    ("POST", "/v1/vector_stores/vs_1/search", {"query": "q"}),
    ("POST", "/v1/containers", {"name": "c"}),
    ("POST", "/v1/rag/query", {"model": "demo-chat", "messages": HELLO}),
    ("POST", "/v1/decisions", {"model": "demo-chat"}),
    ("POST", "/v1/evals", {}),
    ("POST", "/prompts/test", {"dotprompt_content": "model: demo-chat"}),
    ("POST", "/openai/chat/completions", {"model": "demo-chat", "messages": HELLO}),
    ("POST", "/openai/v1/chat/completions", {"model": "demo-chat", "messages": HELLO}),
    ("POST", "/anthropic/v1/messages", {"model": "demo-chat", "messages": HELLO}),
    ("POST", "/gemini/v1beta/models/demo-gemini:generateContent", {"contents": []}),
    ("POST", "/vertex_ai/v1/projects/p/locations/l/publishers/google/models/m:predict", {}),
    ("POST", "/a2a/agent_1", {"jsonrpc": "2.0", "id": 1, "method": "message/send"}),
    ("POST", "/health/test_connection", {"litellm_params": {"model": "openai/demo-chat"}}),
    ("GET", "/health", {}),
]

# Calls on billed routes that cost what nobody can bound, or what LiteLLM would not count.
UNBOUNDED: list[tuple[str, Body, int, str]] = [
    ("/v1/responses", {"model": "demo-chat", "input": "hello", "background": True}, 403, "background"),
    ("/v1/responses", {"model": "demo-chat", "input": "hello", "prompt": {"id": "p"}}, 403, "prompt"),
    ("/v1/responses", {"model": "demo-chat", "input": "hello", "tools": [{"type": "mcp"}]}, 403, "mcp"),
    ("/v1/responses", {"model": "demo-chat", "input": "hi", "tools": [{"type": "web_search"}]}, 403, "web"),
    ("/v1/responses", {"model": "demo-chat", "input": "hello", "max_tokens": 5}, 400, "max_output_tokens"),
    ("/v1/responses", {"model": "demo-chat", "input": "hello", "max_output_tokens": 0}, 400, "from 1"),
    ("/v1beta/models/demo-chat:streamGenerateContent", {"contents": [{"parts": []}]}, 403, "does not count"),
    ("/v1beta/models/demo-chat:generateContent", {"contents": [{"parts": []}]}, 403, "does not apply"),
    (
        "/v1beta/models/demo-gemini:generateContent",
        {"contents": [{"parts": [{"text": "hi"}]}], "config": {"maxOutputTokens": 9}},
        400,
        "generationConfig.maxOutputTokens",
    ),
    ("/v1/images/generations", {"model": "demo-image", "prompt": "x", "n": 11}, 400, "from 1 to 10"),
    ("/v1/images/generations", {"model": "demo-image", "prompt": "x", "stream": True}, 400, "Streamed"),
    ("/v1/images/generations", {"model": "demo-chat", "prompt": "x"}, 403, "no price per image"),
    ("/v1/audio/speech", {"model": "demo-chat", "input": "x", "voice": "alloy"}, 403, "no price"),
    ("/v1/rerank", {"model": "demo-rerank", "query": "q", "documents": []}, 400, "documents"),
    ("/v1/ocr", {"model": "demo-ocr", "document": {"type": "document_url"}, "pages": []}, 400, "pages"),
    ("/v1/moderations", {"model": "demo-chat", "input": "hello"}, 403, "has a price"),
]


class TestRefusedRoutes:
    @pytest.mark.parametrize(("method", "path", "body"), REFUSED, ids=[path for _, path, _ in REFUSED])
    def test_get_a_clear_403_and_reach_no_provider(
        self,
        method: str,
        path: str,
        body: Body,
        rich_customer: Customer,
        provider_requests: Callable[[], int],
    ) -> None:
        before = provider_requests()
        google_key = {"x-goog-api-key": rich_customer.key}  # where Gemini's clients have it
        answer = rich_customer.http.request(method, path, json=body, headers=google_key)
        assert answer.status_code == 403, answer.text
        assert answer.json()["error"]["type"] == "permission_error"
        assert "cannot be billed, so prepaid keys may not call it." in answer.json()["error"]["message"]
        assert provider_requests() == before


class TestWhatHasNoCostLimit:
    @pytest.mark.parametrize(("path", "body", "status", "words"), UNBOUNDED)
    def test_is_refused_before_the_provider_hears_of_it(
        self,
        path: str,
        body: Body,
        status: int,
        words: str,
        rich_customer: Customer,
        provider_requests: Callable[[], int],
    ) -> None:
        before = provider_requests()
        answer = rich_customer.http.post(path, json=body)
        assert (answer.status_code, words in answer.json()["error"]["message"]) == (status, True), answer.text
        assert provider_requests() == before
        assert rich_customer.balance()["held"] == 0


class TestForms:
    """LiteLLM reads multipart fields as it reads JSON: what steers it is refused there, too."""

    @pytest.mark.parametrize("field", ["custom_llm_provider", "deployment_id", "model_info"])
    @pytest.mark.parametrize("call_type", ["transcription", "aimage_edit"])
    def test_may_not_steer(
        self, call_type: str, field: str, rich_customer: Customer, provider_requests: Callable[[], int]
    ) -> None:
        request = replace(BY_CALL_TYPE[call_type], form={"prompt": "x", field: "x"})
        path = {"transcription": "/v1/audio/transcriptions", "aimage_edit": "/v1/images/edits"}[call_type]
        before = provider_requests()
        answer = request.send(rich_customer.http, path)
        assert answer.status_code == 400, answer.text
        assert field in answer.json()["error"]["message"]
        assert provider_requests() == before


class TestFreeRoutes:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/moderations", {"model": "demo-moderation", "input": "hello"}),
            ("/v1/messages/count_tokens", {"model": "demo-chat", "messages": HELLO}),
            ("/v1/responses/input_tokens", {"model": "demo-chat", "input": "hello"}),
            ("/v1beta/models/demo-chat:countTokens", {"contents": [{"parts": [{"text": "hello"}]}]}),
            ("/utils/token_counter", {"model": "demo-chat", "messages": HELLO}),
        ],
    )
    def test_need_no_credit_and_charge_nothing(
        self, path: str, body: Body, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer()
        answer = customer.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        assert customer.transactions() == []
        assert customer.balance()["held"] == 0
