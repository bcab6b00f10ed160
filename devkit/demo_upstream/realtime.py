"""`/v1/realtime`: conversations over a WebSocket, in the events of OpenAI's realtime API (its newer version).

Answers are those of the chat models. Audio counts by its length: a token for each 100 ms of 24 kHz PCM. With
voice activity detection on, which is the default, a commit of audio is the end of what the user said, and the
model answers by itself. Source: https://platform.openai.com/docs/api-reference/realtime
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import JsonValue
from starlette.websockets import WebSocket, WebSocketDisconnect

from devkit.demo_upstream import answers, tokens
from devkit.demo_upstream.models import MODELS, DemoModel

AUDIO_BYTES_A_TOKEN = 4800
INSTRUCTIONS = "You are a demonstration. Be brief."
OUTPUT_TOKENS_MAX = 4096
PIECES_BEFORE_BREAK = 5
CLOSED_BADLY = 1011
NO_SUCH_MODEL = 4404

Object = dict[str, JsonValue]


@dataclass(slots=True)
class _Size:
    """Tokens of a part of the conversation."""

    text: int = 0
    audio: int = 0

    def add(self, other: _Size) -> None:
        self.text += other.text
        self.audio += other.audio


@dataclass(slots=True)
class _Conversation:
    """A session as the provider sees it."""

    socket: WebSocket
    model: DemoModel
    slow_chunk_s: float
    session: Object
    said: list[str] = field(default_factory=list)
    size: _Size = field(default_factory=_Size)
    buffered_bytes: int = 0
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def tell(self, kind: str, **fields: JsonValue) -> None:
        await self.socket.send_text(json.dumps({"type": kind, "event_id": _id("event"), **fields}))

    async def heed(self, event: Object) -> None:
        """Handles a client event."""
        match event.get("type"):
            case "session.update":
                self.session.update(_object(event.get("session")))
                await self.tell("session.updated", session=self.session)
            case "conversation.item.create":
                await self._add(_object(event.get("item")))
            case "input_audio_buffer.append":
                await self._append(event)
            case "input_audio_buffer.commit":
                await self._commit()
            case "response.create":
                self._respond(_object(event.get("response")))
            case "response.cancel":
                await self._cancel(event)
            case kind:
                await self._complain(event, f"Invalid value: {kind!r}.")

    async def _add(self, item: Object) -> None:
        content = item.get("content")
        for part in content if isinstance(content, list) else []:
            text = _object(part).get("text")
            if isinstance(text, str):
                self.said.append(text)
                self.size.text += tokens.count(text)
        await self._added({**item, "id": item.get("id") or _id("item")})

    async def _added(self, item: Object) -> None:
        await self.tell("conversation.item.added", previous_item_id=None, item=item)
        await self.tell("conversation.item.done", previous_item_id=None, item=item)

    async def _append(self, event: Object) -> None:
        try:
            self.buffered_bytes += len(base64.b64decode(str(event.get("audio")), validate=True))
        except binascii.Error:
            await self._complain(event, "Invalid base64 audio.")

    async def _commit(self) -> None:
        audio = -(-self.buffered_bytes // AUDIO_BYTES_A_TOKEN)
        self.buffered_bytes = 0
        self.size.audio += audio
        self.said.append(f"{audio / 10:.1f} seconds of audio")
        item: Object = {"id": _id("item"), "type": "message", "role": "user", "content": []}
        await self.tell("input_audio_buffer.committed", previous_item_id=None, item_id=item["id"])
        await self._added(item)
        if self.session.get("turn_detection", True) is not None:
            self._respond({})

    async def _cancel(self, event: Object) -> None:
        wanted = event.get("response_id")
        found = [task for name, task in self.running.items() if wanted in (None, name)]
        if not found:
            await self._complain(event, "Cancellation failed: no active response found")
        for task in found:
            task.cancel()

    async def _complain(self, event: Object, message: str) -> None:
        error: Object = {
            "type": "invalid_request_error",
            "message": message,
            "event_id": event.get("event_id"),
        }
        await self.tell("error", error=error)

    def _respond(self, options: Object) -> None:
        name = _id("resp")
        task = asyncio.get_running_loop().create_task(self._response(name, options))
        self.running[name] = task
        task.add_done_callback(lambda _: self.running.pop(name, None))

    async def _response(self, name: str, options: Object) -> None:
        """Streams an answer and reports its usage, even if it is cancelled."""
        outside = options.get("conversation") == "none"
        head: Object = {
            "object": "realtime.response",
            "id": name,
            "conversation_id": None if outside else "conv_demo",
            "output": [],
        }
        instructions = str(options.get("instructions") or self.session["instructions"])
        used = _Size(self.size.text + tokens.count(instructions), self.size.audio)
        question = self.said[-1] if self.said else ""
        answer = answers.write(question, _limit(options, self.session))
        await self.tell("response.created", response={**head, "status": "in_progress", "usage": None})
        spoken: list[str] = []
        status = "completed"
        try:
            await self._speak(name, answer.pieces, spoken)
        except asyncio.CancelledError:
            status = "cancelled"
        if not outside:
            self.size.text += len(spoken)
        item: Object = {
            "id": _id("item"),
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "".join(spoken)}],
        }
        response: Object = {**head, "status": status, "output": [item], "usage": _usage(used, len(spoken))}
        await self.tell("response.done", response=response)

    async def _speak(self, name: str, pieces: list[str], spoken: list[str]) -> None:
        for number, piece in enumerate(pieces):
            if self.model.breaks and number == PIECES_BEFORE_BREAK:
                await self.socket.close(CLOSED_BADLY, "The demo model broke, as it does.")
                raise WebSocketDisconnect(CLOSED_BADLY)
            if self.model.slow:
                await asyncio.sleep(self.slow_chunk_s)
            spoken.append(piece)
            await self.tell("response.output_text.delta", response_id=name, delta=piece)


async def realtime(socket: WebSocket, slow_chunk_s: float) -> None:
    """Serves a session until the client disconnects or the model breaks."""
    model = MODELS.get(socket.query_params.get("model", ""))
    if model is None or model.embeds:
        await socket.close(NO_SUCH_MODEL)
        return
    await socket.accept()
    session: Object = {
        "object": "realtime.session",
        "type": "realtime",
        "id": _id("sess"),
        "model": model.name,
        "instructions": INSTRUCTIONS,
        "max_output_tokens": "inf",
    }
    conversation = _Conversation(socket, model, slow_chunk_s, session)
    try:
        await conversation.tell("session.created", session=session)
        while True:
            await conversation.heed(_object(json.loads(await socket.receive_text())))
    except (
        WebSocketDisconnect,
        RuntimeError,
        ValueError,
    ):  # it disconnected, was closed, or sent invalid JSON
        return
    finally:
        await _end(list(conversation.running.values()))


async def _end(running: list[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*running, return_exceptions=True)


def _usage(used: _Size, output: int) -> Object:
    inputs = used.text + used.audio
    return {
        "total_tokens": inputs + output,
        "input_tokens": inputs,
        "output_tokens": output,
        "input_token_details": {
            "text_tokens": used.text,
            "audio_tokens": used.audio,
            "cached_tokens": 0,
        },
        "output_token_details": {"text_tokens": output, "audio_tokens": 0},
    }


def _limit(options: Object, session: Object) -> int:
    limits = (options.get("max_output_tokens"), session.get("max_output_tokens"))
    return next((requested for requested in limits if isinstance(requested, int)), OUTPUT_TOKENS_MAX)


def _object(value: JsonValue) -> Object:
    return value if isinstance(value, dict) else {}


def _id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(10)}"
