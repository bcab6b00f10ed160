"""Determines a request's body format: JSON or a form. Nothing else is accepted from customers."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from starlette.datastructures import Headers

from billing.errors import BadRequest, UnsupportedBody

# Duplicates of these would be read differently by different parsers.
_ONCE = (
    "content-type", "content-length", "content-encoding", "authorization", "api-key", "x-api-key",
    "x-goog-api-key", "ocp-apim-subscription-key", "x-litellm-api-key", "host",
)  # fmt: skip
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii"})


class BodyKind(StrEnum):
    """How a body is read."""

    JSON = "json"
    FORM = "form"


def is_form(headers: Headers) -> bool:
    """Whether the content type is a form."""
    return _media_type(headers) in _FORMS


def is_json(headers: Headers) -> bool:
    """Whether the content type is JSON."""
    return _is_json(_media_type(headers))


def refuse_repeated_headers(headers: Headers) -> None:
    """Raises BadRequest for a header that must be unique and appears twice."""
    for name in _ONCE:
        if len(headers.getlist(name)) > 1:
            raise BadRequest(f"The header `{name}` appears twice; send it once.")


def body_kind(headers: Headers) -> BodyKind:
    """Returns how to read the body; a request without a content type is JSON, as in LiteLLM.

    Raises UnsupportedBody for other types, for character sets other than UTF-8, and for compressed bodies.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedBody(f"The body is compressed ({encoding[:40]}); send it uncompressed.")
    media_type = _media_type(headers)
    if media_type in _FORMS:
        return BodyKind.FORM
    if media_type and not _is_json(media_type):
        raise UnsupportedBody(
            f"A body of type {media_type[:80]!r} is not supported; send JSON as application/json, or a form."
        )
    for charset in _charsets(headers.get("content-type", "")):
        if charset not in _UTF_8:
            raise UnsupportedBody(f"JSON must be UTF-8, not {charset[:40]!r}.")
    return BodyKind.JSON


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _charsets(content_type: str) -> Iterator[str]:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            yield value.strip().strip('"').lower()
