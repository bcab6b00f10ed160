"""Server-sent events in a stream of bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

OPEN_BYTES_MAX = 1024 * 1024  # of an unfinished event; a longer one passes in chunks that count as they are

_END = re.compile(rb"\r?\n\r?\n|\r\r")
_LINE = re.compile(rb"\r\n|\n|\r")
_DONE = b"[DONE]"


class EventSplitter:
    """Splits what the server sends into whole events, wherever its chunks begin and end."""

    def __init__(self) -> None:
        self._open = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yields the events that `piece` completes, each with the empty line that ends it."""
        self._open += piece
        while end := _END.search(self._open):
            event, self._open = self._open[: end.end()], self._open[end.end() :]
            yield event
        if len(self._open) > OPEN_BYTES_MAX:
            yield self.rest()

    @property
    def is_between_events(self) -> bool:
        """Whether everything so far was whole events."""
        return not self._open

    def rest(self) -> bytes:
        """Returns and discards the unfinished event."""
        rest, self._open = self._open, b""
        return rest


def data_of(event: bytes) -> Mapping[str, object] | bytes | None:
    """Returns the event's data: an object, or raw bytes if it is not one; None for comments and `[DONE]`."""
    lines = [line[5:].strip() for line in _LINE.split(event) if line.startswith(b"data:")]
    data = b"\n".join(lines)
    if data in (b"", _DONE):
        return None if lines or event.lstrip().startswith((b":", b"event:", b"id:", b"retry:")) else event
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return data
    return parsed if isinstance(parsed, dict) else data


def event_of(data: Mapping[str, object], name: str | None = None) -> bytes:
    """Encodes an event, with its name if the API names events."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
