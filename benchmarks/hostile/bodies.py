"""What attackers send: bodies that are short to write down and long to read."""

from __future__ import annotations

import codecs
import gzip
import json
from dataclasses import dataclass
from functools import cache

MODEL = "demo-chat"
_CHAT = '{"model":"demo-chat","max_tokens":8,"messages":[{"role":"user","content":"hi"}]'
PLAIN = f"{_CHAT}}}"
JSON = "application/json"


@cache
def many_keys(count: int) -> bytes:
    """A chat with so many keys more, 14 bytes each: 700,000 are 10 MB."""
    return "".join((_CHAT, *(f',"key{number:06d}":1' for number in range(count)), "}")).encode()


def many_messages(count: int) -> bytes:
    """A chat of so many messages."""
    messages = ",".join(['{"role":"user","content":"a"}'] * count)
    return f'{{"model":"{MODEL}","max_tokens":8,"messages":[{messages}]}}'.encode()


@cache
def nested(depth: int) -> bytes:
    """A chat with lists in lists."""
    return f'{_CHAT},"metadata":{"[" * depth}{"]" * depth}}}'.encode()


@cache
def spaces(size: int) -> bytes:
    """A chat about so many spaces, which tokenizers find hard."""
    return text_of(" " * size)


def text_of(text: str) -> bytes:
    """A chat about a text."""
    return document({"model": MODEL, "max_tokens": 8, "messages": [{"role": "user", "content": text}]})


def document(value: object) -> bytes:
    """Plain JSON."""
    return json.dumps(value).encode()


def form_of(fields: int) -> bytes:
    """A multipart form of so many fields, between `boundary`s."""
    parts = (
        f'--boundary\r\ncontent-disposition: form-data; name="f{number}"\r\n\r\n1\r\n'
        for number in range(fields)
    )
    return "".join((*parts, "--boundary--\r\n")).encode()


def item_of_many_keys(count: int) -> bytes:
    """A realtime event whose item has so many keys, 11 bytes each: 1,200,000 are 13 MB."""
    keys = ",".join(f'"{number:06x}":1' for number in range(count))
    return f'{{"type":"conversation.item.create","item":{{"type":"message","role":"user",{keys}}}}}'.encode()


def item_of_many_parts(count: int) -> bytes:
    """A realtime event whose item has so many empty parts, 3 bytes each."""
    parts = ",".join(["{}"] * count)
    return f'{{"type":"conversation.item.create","item":{{"type":"message","content":[{parts}]}}}}'.encode()


@dataclass(frozen=True, slots=True)
class Oddity:
    """A small body that no plain JSON document is."""

    content: bytes
    content_type: str = JSON
    content_encoding: str | None = None


def oddities() -> list[Oddity]:
    """Other encodings, what JSON has no word for, and what says one thing twice."""
    return [
        *(Oddity(PLAIN.encode(encoding)) for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-32-be")),
        Oddity(codecs.BOM_UTF8 + PLAIN.encode()),
        Oddity(f"{_CHAT}}}".replace("hi", "\xe9").encode("latin-1")),
        Oddity(f'{_CHAT},"temperature":NaN}}'.encode()),
        Oddity(f'{_CHAT},"model":"demo-large"}}'.encode()),
        Oddity(f'{_CHAT},"user":"\\ud800"}}'.encode()),
        Oddity(_CHAT.encode()),
        *(Oddity(text.encode()) for text in ("", "null", "[]", '"text"', "[{}]", "1e999999")),
        *(
            Oddity(PLAIN.encode(), kind)
            for kind in ("text/plain", "application/octet-stream", "", "nonsense")
        ),
        Oddity(f"{_CHAT},{'1' * 5000}:1}}".encode()),
        Oddity(gzip.compress(PLAIN.encode()), content_encoding="gzip"),
    ]
