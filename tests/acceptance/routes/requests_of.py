"""A request for each kind of billed call, as the demo models answer it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httpx

from billing.proxy.routes import ROUTES, Handling, Route
from devkit.demo_upstream.media import silence

Body = dict[str, object]

QUESTION = "Say something about prepaid balances."
MESSAGES = [{"role": "user", "content": QUESTION}]
RECORDING_S = 7.5
PICTURE = ("picture.png", b"no real picture", "image/png")


@dataclass(frozen=True)
class Request:
    """What to send; `files` make it a form."""

    model: str
    json: Body | None = None
    form: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes, str]] | None = None

    def send(self, http: httpx.Client, path: str) -> httpx.Response:
        if self.files is not None:
            return http.post(path, data={"model": self.model, **self.form}, files=self.files)
        return http.post(path, json={"model": self.model, **(self.json or {})})


CONTENTS: Body = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
BY_CALL_TYPE = {
    "acompletion": Request("demo-chat", {"messages": MESSAGES, "max_tokens": 30}),
    "atext_completion": Request("demo-chat", {"prompt": QUESTION, "max_tokens": 30}),
    "aembedding": Request("demo-embed", {"input": QUESTION}),
    "anthropic_messages": Request("demo-chat", {"messages": MESSAGES, "max_tokens": 30}),
    "aresponses": Request("demo-chat", {"input": QUESTION, "max_output_tokens": 30}),
    "acompact_responses": Request("demo-chat", {"input": MESSAGES}),
    "agenerate_content": Request("demo-gemini", CONTENTS),
    "agenerate_content_stream": Request("demo-gemini", CONTENTS),
    "image_generation": Request("demo-image", {"prompt": QUESTION, "n": 2}),
    "aimage_edit": Request("demo-image", form={"prompt": QUESTION, "n": "2"}, files={"image": PICTURE}),
    "aspeech": Request("demo-speech", {"input": QUESTION, "voice": "alloy"}),
    "transcription": Request(
        "demo-transcribe", files={"file": ("recording.wav", silence(RECORDING_S), "audio/wav")}
    ),
    "rerank": Request("demo-rerank", {"query": QUESTION, "documents": ["one text", "another text"] * 60}),
    "asearch": Request("demo-search", {"query": QUESTION, "max_results": 3}),
    "aocr": Request(
        "demo-ocr", {"document": {"type": "document_url", "document_url": "https://example.com/a.pdf"}}
    ),
}

ELSEWHERE = {"_arealtime", "call_mcp_tool"}  # sessions and tools have tests of their own
BILLED = [
    route
    for route in ROUTES.values()
    if route.handling is Handling.BILLED and not route.call_types & ELSEWHERE
]


def request_for(route: Route) -> Request:
    """A request that the route's call type answers."""
    [call_type] = route.call_types
    return BY_CALL_TYPE[call_type]


def path_of(route: Route) -> str:
    """The route's path, with a model in it where it takes one."""
    model = request_for(route).model
    return re.sub(r"{(model:path|model_name:path|search_tool_name)}", model, route.path)
