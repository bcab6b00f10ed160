"""Reads one client frame: a JSON object in UTF-8, checked for size before it is parsed.

A frame of 13 MB can hold a million keys; parsing it here and in LiteLLM, and copying it, would block for
seconds. So it is read like bodies are: counted first, without creating objects.
"""

from __future__ import annotations

from dataclasses import dataclass

from billing.errors import TooLarge
from billing.proxy.requests.json_document import Document, read_document
from billing.proxy.requests.structure import StructureLimits
from billing.settings import Settings

_DEPTH_MAX = 64


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """The limits of a client frame."""

    bytes_max: int
    elements_max: int  # keys, objects and lists together, and what commas separate
    depth_max: int = _DEPTH_MAX


def frame_limits(settings: Settings) -> FrameLimits:
    """Returns the limits set by the operator."""
    return FrameLimits(settings.billing_frame_bytes_max, settings.billing_frame_elements_max)


def read_frame_document(raw: bytes, limits: FrameLimits) -> Document:
    """Parses `raw` as an object. Raises TooLarge beyond a limit, BadRequest if it is not a plain object."""
    if len(raw) > limits.bytes_max:
        raise TooLarge(f"The frame has more than {limits.bytes_max} bytes; send it in parts.")
    structure = StructureLimits(limits.elements_max, limits.elements_max, limits.depth_max)
    return read_document(raw, structure, "frame")
