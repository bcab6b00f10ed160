"""What a large request costs: 500 kB of text, the tools of a coding agent and 20 images, about 6 MB in all.

Two gateways, each with a Postgres of its own, in turns: this checkout's and another's. Measured is the CPU of
a call, user and system, of the gateway, of its database engine and of Postgres. Once with the same text in
each call, like the turns of a conversation, and once with words that no call had before.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import random
import struct
import sys
import time
import zlib
from pathlib import Path

import aiohttp

from benchmarks.gateways import Run, running
from benchmarks.hostile.bodies import document
from benchmarks.tables import Measured, Row, spread

HERE, OTHER = "this checkout", "the other checkout"
TEXT_BYTES = 500_000
IMAGES = 20
IMAGE_SIDES = (512, 122)  # pixels: noise, so that a PNG of them has about 187 kB, in base64 250 kB
TOOLS = 20
CALL_WITHIN_S = 120.0
WARM_UP_CALLS = 3
_NEW_WORD = b"returns"  # replaced where each call has words of its own
_numbers = itertools.count(10_000_000)
_TEXT = "The file has a function that returns a list of values, where each line of the test reads one. "

Object = dict[str, object]


async def measure(other: Path, rounds: int, calls: int) -> Measured:
    """`rounds` of `calls` calls on each path and each gateway, in turns."""
    bodies = {"/v1/messages": document(messages_body()), "/v1/chat/completions": document(chat_body())}
    rows: list[Row] = []
    with contextlib.ExitStack() as stack:
        runs = {OTHER: stack.enter_context(running(other)), HERE: stack.enter_context(running())}
        for run in runs.values():
            for path, body in bodies.items():
                await _call(run, path, body, WARM_UP_CALLS)
        for number in range(rounds):
            turn = list(runs.items())[:: 1 if number % 2 else -1]
            for path, body in bodies.items():
                for is_new in (False, True):
                    rows += [await _row(name, run, path, body, calls, number, is_new) for name, run in turn]
                    print(rows[-2:], file=sys.stderr)
    sizes = {path: len(body) for path, body in bodies.items()}
    return Measured({"rounds": rounds, "calls_each": calls, "bytes": sizes, **_summary(rows)}, rows)


async def _row(name: str, run: Run, path: str, body: bytes, calls: int, number: int, is_new: bool) -> Row:
    before, began = run.cpu(run.gateway), time.perf_counter()
    await _call(run, path, body, calls, is_new)
    took, used = time.perf_counter() - began, run.cpu(run.gateway).since(before)
    return {
        "gateway": name,
        "path": path,
        "text": "new" if is_new else "same",
        "round": number,
        "cpu_ms": round(used.total / calls * 1000, 2),
        "gateway_ms": round(used.gateway / calls * 1000, 2),
        "engine_ms": round(used.engine / calls * 1000, 2),
        "postgres_ms": round(used.postgres / calls * 1000, 2),
        "wall_ms": round(took / calls * 1000, 2),
    }


async def _call(run: Run, path: str, body: bytes, calls: int, is_new: bool = False) -> None:
    """One call after the other. Raises on any answer that is not 200."""
    headers = {"Authorization": f"Bearer {run.key}", "Content-Type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=CALL_WITHIN_S)
    async with aiohttp.ClientSession(run.gateway.url, headers=headers, timeout=timeout) as session:
        for _ in range(calls):
            data = body.replace(_NEW_WORD, str(next(_numbers)).encode()) if is_new else body
            async with session.post(path, data=data) as answer:
                text = await answer.text()
                if answer.status != 200:
                    raise RuntimeError(f"{path}: {answer.status}: {text[:500]}")


def _summary(rows: list[Row]) -> dict[str, object]:
    def of(name: str, kind: tuple[str, str]) -> list[float]:
        found = [row for row in rows if (row["gateway"], row["path"], row["text"]) == (name, *kind)]
        return [float(row["cpu_ms"]) for row in found]

    kinds = dict.fromkeys((str(row["path"]), str(row["text"])) for row in rows)
    return {
        f"{kind[0]}, {kind[1]} text": {
            "cpu_ms": {name: spread(of(name, kind)) for name in (OTHER, HERE)},
            "added_ms": spread([a - b for a, b in zip(of(HERE, kind), of(OTHER, kind), strict=True)]),
            "ratio": spread([a / b for a, b in zip(of(HERE, kind), of(OTHER, kind), strict=True)]),
        }
        for kind in kinds
    }


def messages_body() -> Object:
    """As Claude Code asks `/v1/messages`: system prompt, tools, and a conversation with images in it."""
    images: list[Object] = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        for data in _images()
    ]
    tools = [{"name": name, "description": text, "input_schema": schema} for name, text, schema in _tools()]
    system = [{"type": "text", "text": _text(20_000), "cache_control": {"type": "ephemeral"}}]
    return {
        "model": "demo-chat",
        "max_tokens": 32,
        "system": system,
        "tools": tools,
        "messages": _talk(images),
    }


def chat_body() -> Object:
    """The same as a chat."""
    images: list[Object] = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}} for data in _images()
    ]
    tools = [
        {"type": "function", "function": {"name": name, "description": text, "parameters": schema}}
        for name, text, schema in _tools()
    ]
    messages = [{"role": "system", "content": _text(20_000)}, *_talk(images)]
    return {"model": "demo-chat", "max_tokens": 32, "tools": tools, "messages": messages}


def _talk(images: list[Object]) -> list[Object]:
    """Turns of user and assistant, with an image in each of the user's."""
    size = TEXT_BYTES // (2 * len(images))
    turns: list[Object] = []
    for image in images:
        turns.append({"role": "user", "content": [{"type": "text", "text": _text(size)}, image]})
        turns.append({"role": "assistant", "content": [{"type": "text", "text": _text(size)}]})
    return [*turns, {"role": "user", "content": [{"type": "text", "text": "Go on."}]}]


def _tools() -> list[tuple[str, str, Object]]:
    parameters: Object = {
        "type": "object",
        "properties": {
            name: {"type": kind, "description": _text(200)}
            for name, kind in (("path", "string"), ("pattern", "string"), ("limit", "integer"))
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    return [(f"Tool{number}", _text(1_500), parameters) for number in range(TOOLS)]


def _text(size: int) -> str:
    """Prose of so many bytes."""
    return (_TEXT * (size // len(_TEXT) + 1))[:size]


def _images() -> list[str]:
    return [base64.b64encode(_png(seed)).decode() for seed in range(IMAGES)]


def _png(seed: int) -> bytes:
    """A picture of noise."""
    width, height = IMAGE_SIDES
    chance = random.Random(seed)
    lines = b"".join(b"\0" + chance.randbytes(3 * width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
