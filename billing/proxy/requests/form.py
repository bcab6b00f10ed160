"""Reads the text fields of a form, as LiteLLM will read them from the same bytes."""

from __future__ import annotations

import json

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from billing.errors import BadRequest, TooLarge
from billing.proxy.requests.json_document import Document, read_document
from billing.proxy.requests.request_body import REPLAYED_BYTES, replaying
from billing.proxy.requests.structure import StructureLimits

PARTS_MAX = 200  # fields and files; Starlette's own limit, which LiteLLM's reading has, is a thousand each
PLAIN_BYTES_MAX = 256 * 1024  # of a form without files
_OF_MANY = "[]"  # `image[]`: one name, many values
_MAY_BE_MANY = frozenset({"image[]", "timestamp_granularities[]", "include[]"})
_FILES = frozenset({"file", "image", "image[]", "mask", "document"})
_JSON_FIELDS = ("metadata", "litellm_metadata")  # text that LiteLLM reads as JSON


async def read_form(
    body: bytes, headers: Headers, limits: StructureLimits, needs_file: bool = False
) -> Document:
    """The text fields of the form; files are left out. `needs_file`: there must be a `file`.

    Raises BadRequest for what is no form, and for a field that stands twice with different values.
    """
    if body.lstrip()[:1] in (b"{", b"["):
        raise BadRequest("The body is JSON under the content type of a form; send it as application/json.")
    _check_size(body, headers)
    form = await _parsed(body, headers)
    fields: Document = {}
    try:
        if needs_file and not isinstance(form.get("file"), UploadFile):
            raise BadRequest("The form has no `file`.", param="file")
        for name, value in form.multi_items():
            if name.endswith(_OF_MANY) and name not in _MAY_BE_MANY:
                raise BadRequest(f"The field `{name[:100]}` takes one value: send it without brackets.")
            if isinstance(value, UploadFile):
                if name not in _FILES:
                    raise BadRequest(f"The field `{name[:100]}` is a text, and no file.")
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


def _check_size(body: bytes, headers: Headers) -> None:
    """Raises TooLarge for more parts than any call has, before a parser makes objects of them."""
    _, parameters = parse_options_header(headers.get("content-type", ""))
    boundary = parameters.get(b"boundary")
    if boundary is None and len(body) > PLAIN_BYTES_MAX:
        raise TooLarge(f"A form without files has {PLAIN_BYTES_MAX} bytes at most.")
    parts = body.count(b"&") if boundary is None else body.count(b"\n--" + boundary[:1])
    if parts > PARTS_MAX and (boundary is None or body.count(b"--" + boundary) > PARTS_MAX):
        raise TooLarge(f"A form has {PARTS_MAX} fields at most.")


async def _parsed(body: bytes, headers: Headers) -> FormData:
    receive = replaying(body, _nothing, REPLAYED_BYTES)
    request = Request({"type": "http", "method": "POST", "headers": headers.raw}, receive)
    try:
        return await request.form(max_files=PARTS_MAX, max_fields=PARTS_MAX)
    except (MultiPartException, UnicodeDecodeError, ValueError, KeyError) as error:
        raise BadRequest(f"The body is not the form that its content type announces: {error}") from error


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _json_field(name: str, text: str, limits: StructureLimits) -> Document:
    try:
        return read_document(text.encode(), limits)
    except (BadRequest, json.JSONDecodeError) as error:
        raise BadRequest(f"The field `{name}` must be a JSON object: {error}", param=name) from error
