"""Reads client frames of a realtime session: which can be billed, and how much input they can add.

Events as of https://platform.openai.com/docs/api-reference/realtime-client-events; unlisted ones are rejected
until their cost is known.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from billing.errors import BadRequest, BillingError, RouteNotBillable
from billing.proxy.realtime.frame_document import FrameLimits, read_frame_document
from billing.proxy.requests.json_document import Document

_KINDS = frozenset(
    (
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "conversation.item.delete",
        "response.create",
        "response.cancel",
    )
)
# Response fields that override the session's; such a response's usage says nothing about the next one.
_OVERRIDES = frozenset(("instructions", "tools", "input", "conversation"))
# OpenAI counts a token for each 100 ms of a user's audio: 800 bytes of G.711, 4,800 of 24 kHz PCM. Half of
# the smaller one, to be safe with other formats and with rounding.
_AUDIO_BYTES_A_TOKEN = 400
_LENGTH_KEYS = ("max_output_tokens", "max_response_output_tokens")


class FrameRefused(Exception):
    """This frame is not forwarded; the session continues. `refusal` says why."""

    def __init__(self, refusal: BillingError, event_id: str | None) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.event_id = event_id


@dataclass(frozen=True, slots=True)
class ClientFrame:
    """A frame that may be forwarded, with the properties that its cost depends on."""

    kind: str
    text: str  # exactly what was checked, so that nobody reads it differently
    event_id: str | None  # the client's
    sent_id: str  # our id of a requested response: the client may use its own id for several frames
    tokens: int | None  # the most input tokens that it adds to responses; None: as many as the model accepts
    overrides: bool  # requests a response whose input is not the session's

    @property
    def asks_for_response(self) -> bool:
        """Whether it starts a response."""
        return self.kind == "response.create"


def read_frame(message: Mapping[str, object], output_tokens_max: int, limits: FrameLimits) -> ClientFrame:
    """Reads a client message. Raises FrameRefused, and TooLarge beyond the limits."""
    data = _parsed(message, limits)
    event_id = data.get("event_id")
    name = event_id if isinstance(event_id, str) else None
    try:
        kind = _checked(data, output_tokens_max)
    except BillingError as refusal:
        raise FrameRefused(refusal, name) from refusal
    sent_id = f"event_{secrets.token_hex(12)}"
    if kind == "response.create":
        data["event_id"] = sent_id
    text = json.dumps(data)
    response = data.get("response")
    return ClientFrame(
        kind=kind,
        text=text,
        event_id=name,
        sent_id=sent_id,
        tokens=_tokens(kind, data, text),
        overrides=isinstance(response, Mapping) and not _OVERRIDES.isdisjoint(response),
    )


def _parsed(message: Mapping[str, object], limits: FrameLimits) -> Document:
    text = message.get("text")
    if not isinstance(text, str):
        raise FrameRefused(BadRequest("A realtime session requires text frames with JSON."), None)
    try:
        return read_frame_document(text.encode("utf-8", "surrogatepass"), limits)
    except BadRequest as refusal:
        raise FrameRefused(refusal, None) from refusal


def _checked(data: Document, output_tokens_max: int) -> str:
    """Checks the type of a frame. Removes the model from a session update: it cannot change."""
    kind = data.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise RouteNotBillable(f"Events of type {kind!r} cannot be billed, so they are not forwarded.")
    for part in ("session", "response"):
        options = data.get(part)
        if options is not None and not isinstance(options, dict):
            raise BadRequest(f"`{part}` must be an object.", param=part)
        if isinstance(options, dict):
            _check_options(options, part, output_tokens_max)
    session = data.get("session")
    if isinstance(session, dict):
        session.pop("model", None)
    item = data.get("item")
    if isinstance(item, Mapping) and str(item.get("type", "")).startswith("mcp"):
        raise RouteNotBillable("MCP items cannot be billed in a realtime session.", param="item.type")
    return kind


def _check_options(options: Mapping[str, object], part: str, output_tokens_max: int) -> None:
    if part == "response" and options.get("model") is not None:
        raise BadRequest("A session has one model.", param="response.model")
    if options.get("type", "realtime") != "realtime":
        raise RouteNotBillable("Only conversations can be billed, not transcriptions.", param=f"{part}.type")
    if options.get("prompt") is not None:
        raise RouteNotBillable(
            "A stored prompt can bring tools and models of its own, so it cannot be billed.",
            param=f"{part}.prompt",
        )
    if any(_transcriptions(options)):
        raise RouteNotBillable(
            "Input transcription is a call to another model, which LiteLLM does not price in a conversation. "
            "Remove it.",
            param=f"{part}.audio.input.transcription",
        )
    tools = options.get("tools")
    if tools is not None and not _are_functions(tools):
        raise RouteNotBillable("Only tools of type `function` can be billed.", param=f"{part}.tools")
    for key in _LENGTH_KEYS:
        _check_length(options.get(key), f"{part}.{key}", output_tokens_max)


def _transcriptions(options: Mapping[str, object]) -> Iterator[bool]:
    """Yields whether it is requested, for each place that either API version has for it."""
    yield options.get("input_audio_transcription") is not None
    audio = options.get("audio")
    inputs = audio.get("input") if isinstance(audio, Mapping) else None
    yield isinstance(inputs, Mapping) and inputs.get("transcription") is not None


def _are_functions(tools: object) -> bool:
    return isinstance(tools, list) and all(
        isinstance(tool, Mapping) and tool.get("type") == "function" for tool in tools
    )


def _check_length(value: object, name: str, output_tokens_max: int) -> None:
    if value is None or value == "inf":
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= output_tokens_max:
        raise BadRequest(f'`{name}` must be from 1 to {output_tokens_max}, or "inf".', param=name)


def _tokens(kind: str, data: Mapping[str, object], text: str) -> int | None:
    """Returns the maximum tokens: no tokenizer makes more tokens than bytes; audio goes by its length."""
    audio_characters = sum(map(len, _audio(kind, data)))
    if _has_image(data):
        return None
    audio_bytes = audio_characters * 3 // 4
    return len(text) - audio_characters + audio_bytes // _AUDIO_BYTES_A_TOKEN + 1


def _audio(kind: str, data: Mapping[str, object]) -> Iterator[str]:
    """Yields the base64 audio in a frame."""
    if kind == "input_audio_buffer.append":
        audio = data.get("audio")
        if isinstance(audio, str):
            yield audio
        return
    for part in _parts(data):
        audio = part.get("audio")
        if part.get("type") == "input_audio" and isinstance(audio, str):
            yield audio


def _has_image(data: Mapping[str, object]) -> bool:
    return any(str(part.get("type", "")).endswith("image") or "image_url" in part for part in _parts(data))


def _parts(data: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yields the content parts of the items in a frame: its own, and those of a response's input."""
    response = data.get("response")
    inputs = response.get("input") if isinstance(response, Mapping) else None
    for item in [data.get("item"), *(inputs if isinstance(inputs, list) else ())]:
        content = item.get("content") if isinstance(item, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping):
                yield part
