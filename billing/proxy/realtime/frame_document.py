"""Reads one frame of a client: a JSON object in UTF-8, small enough before it is parsed.

A frame of 13 MB can hold a million keys, over which parsing here, in LiteLLM and copying take seconds in
which nobody else is served. So it is read as bodies are: counted first, without making an object of it.
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
    """The largest frame of a client's."""

    bytes_max: int
    elements_max: int  # keys, objects and lists together, and what commas separate
    depth_max: int = _DEPTH_MAX


def frame_limits(settings: Settings) -> FrameLimits:
    """As the operator has set them."""
    return FrameLimits(settings.billing_frame_bytes_max, settings.billing_frame_elements_max)


def read_frame_document(raw: bytes, limits: FrameLimits) -> Document:
    """The object that `raw` is. Raises TooLarge beyond a limit, BadRequest for what is no plain object."""
    if len(raw) > limits.bytes_max:
        raise TooLarge(f"The frame has more than {limits.bytes_max} bytes; send it in parts.")
    structure = StructureLimits(limits.elements_max, limits.elements_max, limits.depth_max)
    return read_document(raw, structure, "frame")
