"""What an answer tells of somebody else, or of the operator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import httpx

from tests.acceptance.routes.others.identity import HUGE

_NUMBER = re.compile(rb"(?<![\w.-])\d{10,11}(?:\.\d+)?(?![\w-])")
_API_BASE = re.compile(rb'"api_base"\s*:\s*"[^"]')


@dataclass(frozen=True)
class Traces:
    """Finds marks and secrets in answers."""

    marks: tuple[str, ...]
    secrets: Mapping[str, str]  # name: text

    def of(self, answer: httpx.Response, sent: Iterable[str] = ()) -> list[str]:
        """What the answer shows beyond the words of the request: an error or a page may repeat them anywhere,
        JSON as values of their own.
        """
        headers = b"\n".join(name + b": " + value for name, value in answer.headers.raw)
        text = b"\n".join([answer.reason_phrase.encode(), headers, answer.content])
        is_data = answer.is_success and "json" in answer.headers.get("content-type", "")
        for words in sorted(sent, key=len, reverse=True):
            text = text.replace(f'"{words}"'.encode() if is_data else words.encode(), b"")
        found = [mark for mark in self.marks if mark.encode() in text]
        found += [name for name, secret in self.secrets.items() if secret.encode() in text]
        found += ["api_base"] if _API_BASE.search(text) else []
        return found + [number.decode() for number in _NUMBER.findall(text) if _is_huge(number)]


def _is_huge(number: bytes) -> bool:
    return HUGE[0] <= float(number) < HUGE[1]
