"""Removes the provider's cost from answers to billed keys: customers see what they pay, and nothing else.

LiteLLM adds a cost to answers (`usage.cost`, in streams under `include_cost_in_streaming_usage`), and some
providers state their own: OpenRouter `cost` and `cost_details`, Perplexity an object `cost`, xAI
`cost_in_usd_ticks`. Where the charge is known it replaces `usage.cost`, else that is removed; all others are
removed. Only what surrounds an answer is read, never its content: tool calls and texts may well name costs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from secrets import token_hex

from billing.proxy.requests.off_loop import off_loop
from billing.proxy.streams.events import EventSplitter, data_of

_NAME = r"(?:|[A-Za-z0-9_]{0,80}(?:_|(?=C)))[cC]ost(?:s|[_A-Z][A-Za-z0-9_]{0,80})?"
_COST = re.compile(_NAME)  # cost, costs, total_cost_usd, upstreamCost, costDollars; not "costume"
_MEMBER = re.compile(rb'"' + _NAME.encode() + rb'"\s*:')
# Objects around an answer that may state its cost. In a usage object everything is read.
_AROUND = frozenset({"response", "message", "x_groq", "provider_specific_fields"})
_USAGE = re.compile(r"(?:.*_)?usage(?:[_A-Z].*)?|meta|_?hidden_params|nadir_metadata")
_DEPTH_MAX = 8
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LINE = re.compile(rb"\r\n|\n|\r")
_BYTES_AN_ELEMENT = 32  # about: an answer's JSON is parsed off the event loop if it is large


def names_cost(content: bytes) -> bool:
    """Whether JSON may have a member that is named like a cost. Cheap: most answers have none."""
    return (b"cost" in content or b"Cost" in content) and _MEMBER.search(content) is not None


async def customers_body(body: bytes, charge: str | None) -> bytes:
    """Returns a JSON answer without its provider's cost. `charge` is a decimal string; None: not known."""
    if not names_cost(body):
        return body
    elements = len(body) // _BYTES_AN_ELEMENT
    return await off_loop(elements, lambda: _rewritten(body, charge))


def customers_text(text: str) -> str:
    """Returns a message of a WebSocket without its provider's cost."""
    if "cost" not in text and "Cost" not in text:
        return text
    body = text.encode("utf-8", "surrogatepass")
    return _rewritten(body, None).decode() if names_cost(body) else text


class CustomersStream:
    """Passes server-sent events without their provider's cost, wherever its chunks begin and end."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()

    def feed(self, piece: bytes, *, more: bool) -> bytes:
        """Returns the part of the stream that the client may have now."""
        is_whole = self._splitter.is_between_events and (piece.endswith(_EVENT_ENDS) or not more)
        if is_whole and not names_cost(piece):
            return piece
        passed = b"".join(map(_customers_event, self._splitter.feed(piece)))
        return passed if more else passed + _customers_event(self._splitter.rest())


def _customers_event(event: bytes) -> bytes:
    if not names_cost(event):
        return event
    data = data_of(event)
    if not isinstance(data, Mapping):
        return event
    lines = [line for line in _LINE.split(event) if line and not line.startswith(b"data:")]
    return b"".join(line + b"\n" for line in (*lines, b"data: " + _written(data, None))) + b"\n"


def _rewritten(body: bytes, charge: str | None) -> bytes:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return _written(document, charge) if isinstance(document, dict) else body


def _written(document: Mapping[str, object], charge: str | None) -> bytes:
    """Encodes the document without costs; the charge is written as a number, digit for digit."""
    mark = None if charge is None else f"charge-{token_hex(16)}"
    shown = _without_costs(document, mark, is_usage=False, depth=0)
    text = json.dumps(shown, separators=(",", ":"))
    return (text.replace(f'"{mark}"', charge) if charge is not None else text).encode()


def _without_costs(
    document: Mapping[str, object], mark: str | None, *, is_usage: bool, depth: int
) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, value in document.items():
        if not _COST.fullmatch(name):
            in_usage = is_usage or _USAGE.fullmatch(name) is not None
            is_read = (in_usage or name in _AROUND) and depth < _DEPTH_MAX
            shown[name] = _inside(value, mark, is_usage=in_usage, depth=depth + 1) if is_read else value
        elif name == "cost" and is_usage and depth == 1 and mark is not None:
            shown[name] = mark
    return shown


def _inside(value: object, mark: str | None, *, is_usage: bool, depth: int) -> object:
    if isinstance(value, Mapping):
        return _without_costs(value, mark, is_usage=is_usage, depth=depth)
    if isinstance(value, list) and is_usage and depth < _DEPTH_MAX:
        return [_inside(each, mark, is_usage=True, depth=depth + 1) for each in value]
    return value
