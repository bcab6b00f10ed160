"""Reads the text fields of a form, as LiteLLM will read them from the same bytes."""

from __future__ import annotations

import json

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from billing.errors import BadRequest
from billing.proxy.http.json_document import Document, read_document
from billing.proxy.http.structure import StructureLimits

_FIELDS_MAX = 1000  # Starlette's own limits, which LiteLLM's reading has too
_OF_MANY = "[]"  # `image[]`: one name, many values
_JSON_FIELDS = ("metadata", "litellm_metadata")  # text that LiteLLM reads as JSON


async def read_form(body: bytes, headers: Headers, limits: StructureLimits) -> Document:
    """The text fields of the form; files are left out.

    Raises BadRequest for what is no form, and for a field that stands twice with different values.
    """
    if body.lstrip()[:1] in (b"{", b"["):
        raise BadRequest("The body is JSON under the content type of a form; send it as application/json.")
    form = await _parsed(body, headers)
    fields: Document = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                continue
            if name in fields and not name.endswith(_OF_MANY) and fields[name] != value:
                raise BadRequest(f"The field `{name[:100]}` stands twice in the form, with different values.")
            fields[name] = value
    finally:
        await form.close()
    for name in _JSON_FIELDS:
        text = fields.get(name)
        if isinstance(text, str):
            fields[name] = _json_field(name, text, limits)
    return fields


async def _parsed(body: bytes, headers: Headers) -> FormData:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request({"type": "http", "method": "POST", "headers": headers.raw}, receive)
    try:
        return await request.form(max_files=_FIELDS_MAX, max_fields=_FIELDS_MAX)
    except (MultiPartException, UnicodeDecodeError, ValueError, KeyError) as error:
        raise BadRequest(f"The body is not the form that its content type announces: {error}") from error


def _json_field(name: str, text: str, limits: StructureLimits) -> Document:
    try:
        return read_document(text.encode(), limits)
    except (BadRequest, json.JSONDecodeError) as error:
        raise BadRequest(f"The field `{name}` must be a JSON object: {error}", param=name) from error
